"""Keeps tables quick and disks small: small files merged, old snapshots expired, unknown files swept."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table as IcebergTable
from pyiceberg.typedef import Record

from medical_data_pipeline.adapters.iceberg.contents import LIST_SUFFIX
from medical_data_pipeline.adapters.iceberg.data_files import NewFile, data_file_entries
from medical_data_pipeline.adapters.iceberg.file_rewriter import Rewritten, Target
from medical_data_pipeline.adapters.iceberg.layout import layout_of
from medical_data_pipeline.adapters.iceberg.table_commits import (
    TABLES_PREFIX,
    IcebergTables,
    data_folder,
    has_row_deletes,
)
from medical_data_pipeline.adapters.iceberg.warehouse_files import StoredFile
from medical_data_pipeline.errors import TableNotFound
from medical_data_pipeline.model.keys import CURATED_PREFIX, place_of
from medical_data_pipeline.model.quarantine import quarantine_table

# Time travel reaches back this far, and no query that runs now can need a file that was let go before.
SNAPSHOT_AGE = timedelta(days=5)
# So many states of a table are kept at most: each makes every commit a little dearer.
MAX_SNAPSHOTS = 200


@dataclass(frozen=True)
class CompactionRule:
    """When files are merged: at least `min_files` smaller than `small_bytes`, into ones of `target_bytes`."""

    min_files: int = 32
    small_bytes: int = 32 << 20
    target_bytes: int = 256 << 20
    max_files: int = 1000


@dataclass(frozen=True)
class Swept:
    """How many files a sweep removed, and the key that it has come to; "" when it has come to the end."""

    removed: int
    after: str = ""


class IcebergMaintenance:
    """Maintenance of one catalog's tables; readers and writers go on meanwhile."""

    def __init__(self, catalog: IcebergTables) -> None:
        self._catalog = catalog
        self._files = catalog.warehouse

    def compact(self, table: str, rule: CompactionRule | None = None) -> int:
        """Merge small files; returns how many went into larger ones. The rows stay what they are.

        Merging happens beside commits; only the exchange of the files holds the table's lock, and it does
        nothing if one of the files has left meanwhile.
        """
        chosen = self._small_files(table, rule or CompactionRule())
        loaded = self._catalog.load(table)
        if not chosen or has_row_deletes(loaded):
            return 0
        loads = {load: seq for file in chosen for load, seq in self._sequencers(table, file).items()}
        target = Target(loaded.schema(), data_folder(loaded))
        locations = [file.file_path for file in chosen]
        merged = self._catalog.rewriter.merged(locations, target, loads, layout_of(loaded).sort_by)
        merged = replace(merged, partition=chosen[0].partition)
        is_done = self._catalog.retried(table, lambda: self._exchange(table, chosen, merged))
        return len(chosen) if is_done else 0

    def expire_due(self, table: str, now: datetime) -> None:
        """Forget the snapshots that nobody may ask for any more."""
        snapshots = self._catalog.find(table).snapshots
        oldest_wanted = now - SNAPSHOT_AGE
        if len(snapshots) > MAX_SNAPSHOTS:
            oldest_wanted = max(oldest_wanted, snapshots[-MAX_SNAPSHOTS // 2].committed_at)
        if snapshots and snapshots[0].committed_at < oldest_wanted:
            self.expire_snapshots(table, oldest_wanted)

    def expire_snapshots(self, table: str, older_than: datetime, keep: int = 1) -> None:
        """Forget snapshots older than a moment, but for the newest `keep`; their files are swept later."""

        def attempt() -> None:
            loaded = self._catalog.load(table)
            # In the order of the commits: a clock may have been set back between two of them.
            by_age = sorted(loaded.metadata.snapshots, key=lambda each: each.sequence_number or 0)
            limit = older_than.timestamp() * 1000
            old = [each.snapshot_id for each in by_age[:-keep] if each.timestamp_ms < limit]
            if old:
                loaded.maintenance.expire_snapshots().by_ids(old).commit()

        self._catalog.retried(table, attempt)

    def sweep_orphans(
        self, now: datetime, grace: timedelta = timedelta(hours=1), waiting: Collection[str] = ()
    ) -> int:
        """Remove files no retained snapshot knows; returns how many.

        Files younger than `grace` may belong to a write under way and stay, as do those under the prefixes
        of loads that are `waiting` for their commit, however long they wait.
        """
        tables = self._catalog.list()
        if not tables:
            # A catalog that was lost must not take with it what is left.
            return 0
        # Listed first, so that what is committed meanwhile is known below.
        old = [file for file in self._candidates(waiting) if now - file.modified_at > grace]
        own = self._by_table(old)
        known: set[str] = set()
        removed = 0
        for table in sorted({*tables, *own}):
            # No age proves a leftover: a machine that sleeps in the middle of a commit wakes up hours later.
            with self._catalog.lock(table):
                reachable = self._files_of(table)
                removed += self._removed(own.get(table, []), reachable)
            known |= reachable
        of_tables = {file for files in own.values() for file in files}
        return removed + self._removed([file for file in old if file not in of_tables], known)

    def sweep_on(
        self, before: datetime, waiting: Collection[str], after: str, has_time: Callable[[], bool]
    ) -> Swept:
        """The same, file by file from the key `after` on, for as long as there is time.

        What is `waiting` has to be asked for before this begins. What is modified `before` a moment, is in no
        table and does not wait cannot come into a table any more, so that a table is looked at only once.
        """
        tables = self._catalog.list()
        removed, folder, known = 0, "", set[str]()
        # A catalog that was lost must not take with it what is left.
        for file in self._candidates(waiting, after) if tables else ():
            if not has_time():
                return Swept(removed, after)
            after = self._files.key(file.location)
            if after.split("/")[1] != folder:
                folder = after.split("/")[1]
                known = self._known_in(folder, tables)
            if file.modified_at < before:
                removed += self._removed([file], known)
        return Swept(removed)

    def _known_in(self, folder: str, tables: Collection[str]) -> set[str]:
        """What is known of the files in the folders of a table; where it is none they may be another's."""
        names = {folder, quarantine_table(folder)} if folder in tables else tables
        return {file for name in names for file in self._files_of(name)}

    def _files_of(self, table: str) -> set[str]:
        """What the retained snapshots of a table know; nothing if it is no table any more."""
        with suppress(TableNotFound):
            return set(self._reachable(self._catalog.load(table)))
        return set()

    def _by_table(self, files: Sequence[StoredFile]) -> dict[str, list[StoredFile]]:
        """The files that lie under the location of a table."""
        own: dict[str, list[StoredFile]] = {}
        for file in files:
            key = self._files.key(file.location)
            if key.startswith(TABLES_PREFIX):
                own.setdefault(key.removeprefix(TABLES_PREFIX).partition("/")[0], []).append(file)
        return own

    def _removed(self, files: Sequence[StoredFile], known: Collection[str]) -> int:
        unknown = [file for file in files if file.location.removesuffix(LIST_SUFFIX) not in known]
        for file in unknown:
            self._files.delete(file.location)
        return len(unknown)

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
            for load, sequencer in self._catalog.lists.contents(file.file_path).loads.items()
        }

    def _exchange(self, table: str, chosen: Sequence[DataFile], merged: Rewritten) -> bool:
        loaded = self._catalog.load(table)
        files = dict(self._catalog.files(table, loaded))
        if any(file.file_path not in files for file in chosen):
            return False
        added = data_file_entries(loaded.metadata, [NewFile(merged.location, merged.partition)], self._files)
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

    def _candidates(self, waiting: Collection[str], after: str = "") -> Iterator[StoredFile]:
        """Files of tables, and Parquet files of loads: receipts and manifests are the history and stay."""
        for file in self._files.list(CURATED_PREFIX, after):
            is_data = file.location.removesuffix(LIST_SUFFIX).endswith(".parquet")
            if is_data and place_of(self._files.key(file.location)) not in waiting:
                yield file
        yield from self._files.list(TABLES_PREFIX, after)


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
