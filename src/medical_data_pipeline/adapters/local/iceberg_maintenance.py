"""Keeps tables quick and disks small: small files merged, old snapshots expired, unknown files swept."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table as IcebergTable
from pyiceberg.typedef import Record

from medical_data_pipeline.adapters.local.iceberg_contents import LIST_SUFFIX, LOAD_FOLDER, contents_of
from medical_data_pipeline.adapters.local.iceberg_data_files import NewFile, data_file_entries
from medical_data_pipeline.adapters.local.iceberg_layout import layout_of
from medical_data_pipeline.adapters.local.iceberg_rewrite import FileRewriter, Rewritten
from medical_data_pipeline.adapters.local.iceberg_table_catalog import IcebergTableCatalog
from medical_data_pipeline.model.keys import CURATED_PREFIX


@dataclass(frozen=True)
class CompactionRule:
    """When files are merged: at least `min_files` smaller than `small_bytes`, into ones of `target_bytes`."""

    min_files: int = 32
    small_bytes: int = 32 << 20
    target_bytes: int = 256 << 20
    max_files: int = 1000


class IcebergMaintenance:
    """Maintenance of one catalog's tables; readers and writers go on meanwhile."""

    def __init__(self, root: Path, catalog: IcebergTableCatalog, rewriter: FileRewriter) -> None:
        self._root = root
        self._catalog = catalog
        self._rewriter = rewriter

    def compact(self, table: str, rule: CompactionRule | None = None) -> int:
        """Merge small files; returns how many went into larger ones. The rows stay what they are.

        Merging happens beside commits; only the exchange of the files holds the table's lock, and it does
        nothing if one of the files has left meanwhile.
        """
        chosen = self._small_files(table, rule or CompactionRule())
        if not chosen:
            return 0
        loaded = self._catalog.load(table)
        loads = {load: seq for file in chosen for load, seq in self._sequencers(table, file).items()}
        folder = Path(loaded.location()) / "data"
        paths = [Path(file.file_path) for file in chosen]
        merged = self._rewriter.merged(paths, loaded.schema(), folder, loads, layout_of(loaded).sort_by)
        merged = replace(merged, partition=chosen[0].partition)
        is_done = self._catalog.retried(table, lambda: self._exchange(table, chosen, merged))
        return len(chosen) if is_done else 0

    def expire_snapshots(self, table: str, older_than: datetime, keep: int = 1) -> None:
        """Forget snapshots older than a moment, but for the newest `keep`; their files are swept later."""

        def attempt() -> None:
            loaded = self._catalog.load(table)
            by_age = sorted(loaded.metadata.snapshots, key=lambda each: each.timestamp_ms)
            limit = older_than.timestamp() * 1000
            old = [each.snapshot_id for each in by_age[:-keep] if each.timestamp_ms < limit]
            if old:
                loaded.maintenance.expire_snapshots().by_ids(old).commit()

        self._catalog.retried(table, attempt)

    def sweep_orphans(
        self, now: datetime, grace: timedelta = timedelta(hours=1), waiting: Collection[str] = ()
    ) -> int:
        """Remove files no retained snapshot knows; returns how many.

        Files younger than `grace` may belong to a write under way and stay, as do those of the loads
        `waiting` for their commit, however long they wait.
        """
        known = {
            path for table in self._catalog.list() for path in self._reachable(self._catalog.load(table))
        }
        removed = 0
        for path in self._candidates(waiting):
            age = now.timestamp() - path.stat().st_mtime
            if age > grace.total_seconds() and str(path).removesuffix(LIST_SUFFIX) not in known:
                path.unlink()
                removed += 1
        return removed

    def _small_files(self, table: str, rule: CompactionRule) -> list[DataFile]:
        files = self._catalog.files(table, self._catalog.load(table)).values()
        small: dict[Record, list[DataFile]] = {}
        for file in sorted(files, key=lambda file: file.file_path):
            if file.file_size_in_bytes < rule.small_bytes:
                small.setdefault(file.partition, []).append(file)
        # The partition with most of them: the others have their turn another time.
        return _fitting(max(small.values(), key=len, default=[]), rule)

    def _sequencers(self, table: str, file: DataFile) -> dict[str, str]:
        return {
            load: sequencer or self._catalog.sequencer(table, load)
            for load, sequencer in contents_of(file.file_path).loads.items()
        }

    def _exchange(self, table: str, chosen: Sequence[DataFile], merged: Rewritten) -> bool:
        loaded = self._catalog.load(table)
        files = dict(self._catalog.files(table, loaded))
        if any(file.file_path not in files for file in chosen):
            return False
        added = data_file_entries(loaded.metadata, [NewFile(merged.path, merged.partition)])
        with loaded.transaction() as transaction, transaction.update_snapshot().overwrite() as overwrite:
            for file in chosen:
                overwrite.delete_data_file(file)
            for file in added:
                overwrite.append_data_file(file)
        for file in chosen:
            del files[file.file_path]
        self._catalog.remember(table, loaded, files | {file.file_path: file for file in added})
        return True

    def _reachable(self, loaded: IcebergTable) -> Iterator[str]:
        yield loaded.metadata_location
        yield from (entry.metadata_file for entry in loaded.metadata.metadata_log)
        seen: set[str] = set()
        for snapshot in loaded.metadata.snapshots:
            yield snapshot.manifest_list
            for manifest in snapshot.manifests(loaded.io):
                if manifest.manifest_path in seen:
                    continue
                seen.add(manifest.manifest_path)
                yield manifest.manifest_path
                for entry in manifest.fetch_manifest_entry(loaded.io, discard_deleted=True):
                    yield entry.data_file.file_path

    def _candidates(self, waiting: Collection[str]) -> Iterator[Path]:
        """Files of tables, and Parquet files of loads: receipts and manifests are the history and stay."""
        yield from (path for path in (self._root / "tables").rglob("*") if path.is_file())
        for path in (self._root / CURATED_PREFIX).rglob("*.parquet"):
            match = LOAD_FOLDER.search(str(path))
            if match and match["load"] not in waiting:
                yield path


def _fitting(small: Sequence[DataFile], rule: CompactionRule) -> list[DataFile]:
    """As many of a partition's small files as one larger file may take; none if that is not worth it."""
    chosen: list[DataFile] = []
    total = 0
    for file in small[: rule.max_files]:
        if total + file.file_size_in_bytes > rule.target_bytes:
            break
        chosen.append(file)
        total += file.file_size_in_bytes
    return chosen if len(chosen) >= rule.min_files else []
