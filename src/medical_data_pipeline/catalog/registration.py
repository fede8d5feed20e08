"""The catalog stage: converted loads become visible, rejected rows first, each table in one snapshot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.load import Manifest
from medical_data_pipeline.model.quarantine import QUARANTINE_COLUMNS, quarantine_table
from medical_data_pipeline.model.row_layout import RowLayout
from medical_data_pipeline.ports import CommitOutcome, TableCatalog


@dataclass(frozen=True)
class CatalogService:
    """Registers loads. The same loads may be registered again after any failure."""

    catalog: TableCatalog

    def register(self, manifests: Sequence[Manifest]) -> CommitOutcome:
        """Commit the loads, table by table.

        The rows set aside go first: after a crash in between, the repeat finds them there and adds the rest.

        Raises:
            SchemaConflict, ObjectNotFound: a load has to be converted again; tables before it are committed.
            CommitConflict, BackendUnavailable: see `TableCatalog.commit`; call again.
        """
        outcomes = []
        for table, loads in _by_table(manifests):
            # Before anything is visible: a load that is refused must not leave its rejected rows behind.
            self.catalog.require_fits(table, loads)
            for mode_loads in _by_mode(loads):
                self._register_rejected(table, mode_loads)
                outcomes.append(self.catalog.commit(table, mode_loads))
        return CommitOutcome(
            tuple(load_id for outcome in outcomes for load_id in outcome.committed),
            tuple(load_id for outcome in outcomes for load_id in outcome.superseded),
        )

    def _register_rejected(self, table: str, loads: Sequence[Manifest]) -> None:
        """Also for loads without rejected rows: their forerunners may have had some, which have to leave."""
        name = quarantine_table(table)
        rejected = [_as_quarantine(manifest, name) for manifest in loads]
        if any(manifest.data_files for manifest in rejected) or name in self.catalog.list():
            self.catalog.commit(name, rejected)


def _as_quarantine(manifest: Manifest, table: str) -> Manifest:
    """The load as the quarantine table sees it: its rejected rows, beside those of all other files."""
    mode = LoadMode.REPLACE if manifest.mode is LoadMode.REPLACE else LoadMode.APPEND
    return replace(
        manifest,
        table=table,
        columns=QUARANTINE_COLUMNS,
        data_files=manifest.quarantine_files,
        quarantine_files=(),
        mode=mode,
        upsert_key=(),
        layout=RowLayout(),
    )


def _by_table(manifests: Iterable[Manifest]) -> list[tuple[str, list[Manifest]]]:
    tables: dict[str, list[Manifest]] = {}
    for manifest in manifests:
        tables.setdefault(manifest.table, []).append(manifest)
    return list(tables.items())


def _by_mode(manifests: Iterable[Manifest]) -> list[list[Manifest]]:
    modes: dict[LoadMode, list[Manifest]] = {}
    for manifest in manifests:
        modes.setdefault(manifest.mode, []).append(manifest)
    return list(modes.values())
