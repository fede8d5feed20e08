"""Converted loads committed in batches; one that cannot be stops no other."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medical_data_pipeline.catalog.load_commit import CommitReport, LoadCommit
from medical_data_pipeline.composition.happenings import Happening, Report, of_load, of_manifest, told
from medical_data_pipeline.errors import BackendError, LoadNotFound
from medical_data_pipeline.model.load import Load, LoadState, Manifest
from medical_data_pipeline.ports import Ledger

# A manifest is announced a moment before the ledger is told of it.
_LOOKS = 6
_PAUSE_S = 0.5


@dataclass(frozen=True)
class Commits:
    """Drives the catalog stage. `convert_again` has a load converted once more."""

    stage: LoadCommit
    ledger: Ledger
    convert_again: Callable[[Load], None]
    report: Report

    def settle(self, batch: Sequence[Manifest]) -> frozenset[str]:
        """Commit what can be; the loads whose commit has to be tried again later."""
        again, waiting = self._committed(batch)
        for _ in range(_LOOKS):
            if not waiting:
                break
            time.sleep(_PAUSE_S)
            further, waiting = self._committed(waiting)
            again |= further
        # Whoever converts what still waits will write its manifest anew, which is announced then.
        return again

    def _committed(self, batch: Sequence[Manifest]) -> tuple[frozenset[str], Sequence[Manifest]]:
        """The loads to try again, and those that the ledger does not know as converted yet."""
        if not batch:
            return frozenset(), ()
        try:
            done = self.stage.commit(batch)
        except BackendError as error:
            return self._by_table(batch, error)
        except Exception as error:
            if len(batch) > 1:
                return self._each([[manifest] for manifest in batch])
            return self._refused(batch[0], error)
        self._tell(done)
        return self._waiting(done.outdated)

    def _by_table(
        self, batch: Sequence[Manifest], error: Exception
    ) -> tuple[frozenset[str], Sequence[Manifest]]:
        tables: dict[str, list[Manifest]] = {}
        for manifest in batch:
            tables.setdefault(manifest.table, []).append(manifest)
        if len(tables) > 1:
            return self._each(list(tables.values()))
        # The outcome may be unknown: nothing is cleaned up, the same commit comes again.
        return frozenset(self._failed(manifest, error) for manifest in batch), ()

    def _failed(self, manifest: Manifest, error: Exception) -> str:
        self.report(Happening("commit-failed", manifest.load_id, manifest.table, told(error)))
        return manifest.load_id

    def _each(self, parts: Sequence[Sequence[Manifest]]) -> tuple[frozenset[str], Sequence[Manifest]]:
        outcomes = [self._committed(part) for part in parts]
        again = frozenset(load_id for failed, _ in outcomes for load_id in failed)
        return again, [manifest for _, waiting in outcomes for manifest in waiting]

    def _refused(self, manifest: Manifest, error: Exception) -> tuple[frozenset[str], Sequence[Manifest]]:
        try:
            self.put_back(self.ledger.find(manifest.load_id), error)
        except BackendError as unanswered:
            return frozenset((self._failed(manifest, unanswered),)), ()
        return frozenset(), ()

    def put_back(self, load: Load, error: Exception) -> None:
        """Have a load that cannot be committed converted once more, or end it after too many tries."""
        if self.stage.put_back(load, error, told(error)):
            self.convert_again(load)
            return
        self.report(of_load(self.ledger.find(load.load_id)))

    def _waiting(self, outdated: Sequence[Manifest]) -> tuple[frozenset[str], Sequence[Manifest]]:
        """Of what the ledger does not know as converted: loads it keeps silent on, and those it soon will."""
        again, waiting = set(), []
        for manifest in outdated:
            try:
                if self._is_about_to_be(manifest):
                    waiting.append(manifest)
            except BackendError as error:
                again.add(self._failed(manifest, error))
        return frozenset(again), waiting

    def _is_about_to_be(self, manifest: Manifest) -> bool:
        try:
            load = self.ledger.find(manifest.load_id)
        except LoadNotFound:
            return False
        # It may have been converted since it was found not to be.
        is_unfinished = load.state in (LoadState.RECEIVED, LoadState.CONVERTED)
        return is_unfinished and load.sequencer == manifest.sequencer

    def _tell(self, done: CommitReport) -> None:
        for event, manifests in (("committed", done.committed), ("superseded", done.superseded)):
            for manifest in manifests:
                self.report(of_manifest(event, manifest))
