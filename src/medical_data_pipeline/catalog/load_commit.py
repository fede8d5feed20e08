"""Converted loads to committed ones: only what is still the newest word on its file becomes visible."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.errors import SchemaConflict
from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.load import MAX_ATTEMPTS, Load, LoadState, Manifest
from medical_data_pipeline.model.objects import is_older
from medical_data_pipeline.ports import Clock, Ledger, LoadFilter, Step


@dataclass(frozen=True)
class CommitReport:
    """What became of each load of a batch; `outdated` ones are no longer as they were converted."""

    committed: tuple[Manifest, ...] = ()
    superseded: tuple[Manifest, ...] = ()
    outdated: tuple[Manifest, ...] = ()


@dataclass(frozen=True)
class LoadCommit:
    """The catalog stage at work on the ledger's loads. `manifest_of` reads the manifest of a load."""

    catalog: CatalogService
    ledger: Ledger
    manifest_of: Callable[[Load], Manifest]
    clock: Clock
    reached: Callable[[str], None]

    def commit(self, batch: Sequence[Manifest]) -> CommitReport:
        """Make the loads visible and end them; the same call may be repeated after any failure.

        Raises:
            SchemaConflict, ObjectNotFound: a load has to be converted again; nothing of it is visible.
            CommitConflict, BackendUnavailable: call again.
        """
        waiting = self.ledger.find_many([manifest.load_id for manifest in batch])
        current = [m for m in batch if _is_as_converted(m, waiting.get(m.load_id))]
        outdated = tuple(m for m in batch if not _is_as_converted(m, waiting.get(m.load_id)))
        late = [manifest for manifest in current if self._is_late(manifest)]
        outcome = self.catalog.register([manifest for manifest in current if manifest not in late])
        self.reached("catalog-committed")
        gone = {*outcome.superseded, *(manifest.load_id for manifest in late)}
        moved = self.ledger.advance_many([self._step(m, m.load_id in gone) for m in current])
        self.reached("ledger-committed")
        for manifest, is_moved in zip(current, moved, strict=True):
            if not is_moved:
                self._commit_successor(manifest)
        return CommitReport(
            tuple(manifest for manifest in current if manifest.load_id not in gone),
            tuple(manifest for manifest in current if manifest.load_id in gone),
            outdated,
        )

    def put_back(self, load: Load, error: Exception, detail: str) -> bool:
        """Whether a load that could not be committed is to be converted once more; if not, it has ended.

        Another load gave the table its types first, or a file was lost: reading the raw file again may do.
        `detail` is what may be told of `error`.
        """
        if load.attempts + 1 < MAX_ATTEMPTS:
            self.ledger.advance(load.load_id, LoadState.RECEIVED, detail=detail, now=self.clock())
            return True
        is_refused = isinstance(error, SchemaConflict)
        self.ledger.advance(
            load.load_id,
            LoadState.REFUSED if is_refused else LoadState.FAILED,
            reason="SCHEMA_CONFLICT" if is_refused else "INTERNAL",
            detail=detail,
            now=self.clock(),
        )
        return False

    def _step(self, manifest: Manifest, is_gone: bool) -> Step:
        if is_gone:
            state, rows, reason = LoadState.SUPERSEDED, None, "SUPERSEDED"
        else:
            state, rows, reason = LoadState.COMMITTED, manifest.rows, ""
        return Step(manifest.load_id, state, self.clock(), rows, reason, sequencer=manifest.sequencer)

    def _is_late(self, manifest: Manifest) -> bool:
        """Whether a newer file has become the whole table: one without rows leaves no trace in it."""
        if manifest.mode is not LoadMode.REPLACE:
            return False
        newest = self.ledger.list(LoadFilter(manifest.table, LoadState.COMMITTED, limit=1))
        return any(is_older(manifest.sequencer, load.sequencer) for load in newest)

    def _commit_successor(self, manifest: Manifest) -> None:
        """A newer version ended while this one was committed: its rows, even none, are the last word."""
        latest = self.ledger.latest(manifest.source)
        if latest and latest.load_id != manifest.load_id and latest.state is LoadState.COMMITTED:
            self.catalog.register([self.manifest_of(latest)])


def _is_as_converted(manifest: Manifest, load: Load | None) -> bool:
    return load is not None and load.state is LoadState.CONVERTED and load.sequencer == manifest.sequencer
