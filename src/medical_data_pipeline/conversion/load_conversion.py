"""Received loads to their converted files, receipts and manifests; a refused one to the reason why."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from medical_data_pipeline.conversion.intake import DatasetBook, Milestone
from medical_data_pipeline.conversion.service import Conversion, ConversionRequest, ConversionService
from medical_data_pipeline.errors import (
    BackendError,
    FileRefused,
    ObjectNotFound,
    PreconditionFailed,
    TableNotFound,
)
from medical_data_pipeline.model.conversion import LoadFiles
from medical_data_pipeline.model.dataset import Dataset, LoadMode
from medical_data_pipeline.model.keys import MANIFEST, RECEIPT, load_prefix, together_prefix
from medical_data_pipeline.model.load import (
    OBJECT_REMOVED,
    DataFile,
    Load,
    LoadState,
    Manifest,
    RowCounts,
)
from medical_data_pipeline.model.manifest_json import manifests_to_json, parse_manifests
from medical_data_pipeline.model.objects import ObjectRef, content_version, is_sha256
from medical_data_pipeline.model.receipt_json import receipts_to_json
from medical_data_pipeline.model.table import Table
from medical_data_pipeline.ports import (
    Clock,
    ConvertedFiles,
    Ledger,
    ObjectStore,
    SharedFiles,
    Step,
    TableReader,
)

# Up to here a load costs more by the syncs and files it needs than by its rows.
_SMALL_BYTES = 256 << 10


@dataclass(frozen=True)
class Converted:
    """What became of loads: the manifests of those to be committed, and those that failed for another reason.

    Loads that are in neither ended otherwise, or have arrived again.
    """

    manifests: tuple[Manifest, ...]
    failed: tuple[tuple[Load, Exception], ...] = ()


@dataclass(frozen=True)
class _Place:
    """Where loads of one table are converted to, and the files they share if they are several.

    `rules` stands for what decides, beside their content, which bytes they become.
    """

    prefix: str
    folder: Path
    table: Table | None
    rules: str
    shared: SharedFiles | None


@dataclass(frozen=True)
class LoadConversion:
    """The conversion stage at work on the ledger's loads."""

    service: ConversionService
    store: ObjectStore
    files: ConvertedFiles
    catalog: TableReader
    ledger: Ledger
    datasets: DatasetBook
    clock: Clock
    reached: Milestone

    def can_share(self, load: Load) -> bool:
        """Whether other loads of its table may be converted together with it."""
        dataset = self.datasets.for_table(load.table)
        is_plain = dataset.mode is LoadMode.APPEND and not dataset.layout
        return is_plain and load.size_bytes <= _SMALL_BYTES

    def convert(self, load: Load) -> Manifest | None:
        """Convert a load that is RECEIVED; its manifest, or None when it ended otherwise or came again.

        Raises:
            StorageFull, BackendUnavailable: try again later; nothing of the load is visible.
        """
        converted = self.convert_together([load])
        for _, error in converted.failed:
            raise error
        return next(iter(converted.manifests), None)

    def convert_together(self, loads: Sequence[Load]) -> Converted:
        """Convert loads of one table that are RECEIVED, several into files that they share.

        Repeating it makes the same objects under the same keys; another attempt, after a conflict or another
        arrival, makes its own Parquet files, since older snapshots of the table may have the former ones.

        Raises:
            StorageFull, BackendUnavailable: try again later; nothing of the loads is visible.
        """
        with self._place(loads) as place:
            tried = [(load, self._tried(load, place)) for load in loads]
            conversions = [(load, found) for load, found in tried if isinstance(found, Conversion)]
            if place.shared is not None:
                conversions = _with_shared(conversions, place.shared.publish())
            self.reached("converted-files-written")
            names = {file.name for _, conversion in conversions for file in conversion.written.files}
            self.files.publish(place.folder, place.prefix, sorted(names))
        self.reached("converted-files-published")
        manifests = self._recorded(place, conversions) if conversions else ()
        ends = [found for _, found in tried if isinstance(found, Step)]
        moved = self.ledger.advance_many([*(self._step(each, place) for each in manifests), *ends])
        self.reached("ledger-converted" if manifests else "load-ended")
        current = tuple(each for each, is_moved in zip(manifests, moved, strict=False) if is_moved)
        return Converted(current, tuple((load, e) for load, e in tried if isinstance(e, Exception)))

    def manifest(self, load: Load) -> Manifest:
        """The manifest of a load that is CONVERTED.

        Raises:
            ObjectNotFound: it is gone; the load has to be converted again.
        """
        return self.manifests([load])[0]

    def manifests(self, loads: Sequence[Load]) -> Sequence[Manifest]:
        """The manifests of CONVERTED loads that lie in one place.

        Raises:
            ObjectNotFound: one is gone; the loads have to be converted again.
        """
        first = loads[0]
        found = self._manifests_at(ObjectRef(first.source.bucket, first.key_of(MANIFEST)))
        if any(load.load_id not in found for load in loads):
            raise ObjectNotFound("the manifest of a load is gone")
        return [found[load.load_id] for load in loads]

    def renew(self, load: Load) -> None:
        """Have the manifest of a load that is CONVERTED say that its content has arrived again.

        One caller at a time for loads that were converted together: their manifests are one object.

        Raises:
            ObjectNotFound: it is gone; the load has to be converted again.
        """
        ref = ObjectRef(load.source.bucket, load.key_of(MANIFEST))
        manifests = self._manifests_at(ref)
        if load.load_id not in manifests:
            raise ObjectNotFound("the manifest of a load is gone")
        manifest = manifests[load.load_id]
        if manifest.sequencer != load.sequencer:
            renewed = manifests | {load.load_id: replace(manifest, sequencer=load.sequencer)}
            self.store.put(ref, iter([manifests_to_json(list(renewed.values()))]))

    def _manifests_at(self, ref: ObjectRef) -> dict[str, Manifest]:
        with self.store.open(ref) as file:
            return {manifest.load_id: manifest for manifest in parse_manifests(file.read())}

    @contextmanager
    def _place(self, loads: Sequence[Load]) -> Iterator[_Place]:
        table, is_one = loads[0].table, len(loads) == 1
        attempts = [f"{load.load_id} {load.sequencer} {load.attempts}" for load in loads]
        prefix = load_prefix(table, loads[0].load_id) if is_one else together_prefix(table, attempts)
        with self.files.folder(prefix) as folder:
            shared = None if is_one else self.service.engine.share(folder, "shared")
            found = self._table(table)
            yield _Place(prefix, folder, found, _rules(self.datasets.for_table(table), found), shared)

    def _tried(self, load: Load, place: _Place) -> Conversion | Step | Exception:
        """The load converted, the way it ended instead, or what went wrong; it must not stop the others."""
        try:
            with self._opened(load) as (content, sha256_hex):
                request = self._request(load, place, sha256_hex)
                return self.service.convert(content, request, place.shared)
        except PreconditionFailed:
            # Other content took its place; its own event has come or will come.
            return self._end(load, LoadState.SUPERSEDED, "SUPERSEDED", "replaced before it was converted")
        except ObjectNotFound:
            return self._end(
                load, LoadState.REFUSED, OBJECT_REMOVED, "the file was removed before it was read"
            )
        except FileRefused as refusal:
            return self._end(load, LoadState.REFUSED, refusal.reason, str(refusal))
        except BackendError:
            raise
        except Exception as error:
            return error

    @contextmanager
    def _opened(self, load: Load) -> Iterator[tuple[BinaryIO, str]]:
        """The content that the load names, and its hash.

        Raises:
            ObjectNotFound, PreconditionFailed: there is none, or other content, however shortly.
        """
        version = content_version(load.version)
        is_digest = is_sha256(version)
        if is_digest and load.size_bytes <= _SMALL_BYTES:
            # To read and hash so little is less than to ask the store.
            with self.store.open(load.source) as content:
                whole = content.read(_SMALL_BYTES + 1)
            if sha256(whole).hexdigest() != version:
                raise PreconditionFailed("the file has other content by now")
            yield BytesIO(whole), version
        else:
            with self.store.open(load.source, version) as content:
                yield content, version if is_digest else _digest(content)

    def _recorded(self, place: _Place, made: Sequence[tuple[Load, Conversion]]) -> Sequence[Manifest]:
        """The manifests, durable with the receipts: they are written last, as nobody looks before them."""
        bucket = made[0][0].source.bucket
        manifests = [self._manifest(load, conversion, place) for load, conversion in made]
        receipts = receipts_to_json([conversion.receipt for _, conversion in made])
        self.store.put(ObjectRef(bucket, place.prefix + RECEIPT), iter([receipts]))
        self.store.put(ObjectRef(bucket, place.prefix + MANIFEST), iter([manifests_to_json(manifests)]))
        self.reached("manifest-written")
        return manifests

    def _request(self, load: Load, place: _Place, sha256_hex: str) -> ConversionRequest:
        # In a place of its own its files need no longer name than this.
        attempt, is_alone = _attempt(load, place.rules), place.shared is None
        return ConversionRequest(
            source_key=load.source.key,
            source_sha256=sha256_hex,
            load_id=load.load_id,
            dataset=replace(self.datasets.for_table(load.table), table=load.table),
            table=place.table,
            directory=place.folder,
            loaded_at=load.received_at,
            attempt=attempt if is_alone else f"{load.load_id}-{attempt}",
        )

    def _table(self, name: str) -> Table | None:
        try:
            return self.catalog.find(name)
        except TableNotFound:
            return None

    def _manifest(self, load: Load, conversion: Conversion, place: _Place) -> Manifest:
        dataset = self.datasets.for_table(load.table)
        written = conversion.written
        return Manifest(
            load_id=load.load_id,
            table=load.table,
            source=load.source,
            version=load.version,
            sequencer=load.sequencer,
            columns=conversion.columns,
            data_files=tuple(
                DataFile(place.prefix + f.name, f.size_bytes, f.rows, f.partition)
                for f in written.data_files
                if f.rows
            ),
            quarantine_files=tuple(
                DataFile(place.prefix + f.name, f.size_bytes, f.rows) for f in written.quarantine_files
            ),
            rows=conversion.receipt.rows,
            loaded_at=load.received_at,
            receipt_key=place.prefix + RECEIPT,
            mode=dataset.mode,
            upsert_key=dataset.upsert_key,
            layout=conversion.layout,
        )

    def _step(self, manifest: Manifest, place: _Place) -> Step:
        return Step(
            manifest.load_id,
            LoadState.CONVERTED,
            self.clock(),
            manifest.rows,
            sequencer=manifest.sequencer,
            prefix=place.prefix,
        )

    def _end(self, load: Load, state: LoadState, reason: str, detail: str) -> Step:
        return Step(load.load_id, state, self.clock(), RowCounts(), reason, detail, load.sequencer)


def _with_shared(
    conversions: Sequence[tuple[Load, Conversion]], shared: Mapping[str, LoadFiles]
) -> list[tuple[Load, Conversion]]:
    return [
        (load, conversion.with_files(shared[load.load_id]) if load.load_id in shared else conversion)
        for load, conversion in conversions
    ]


def _digest(content: BinaryIO) -> str:
    """For a store that does not know it."""
    digest = sha256()
    content.seek(0)
    while chunk := content.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _rules(dataset: Dataset, table: Table | None) -> str:
    rules = (dataset, table and (table.columns, table.layout))
    return sha256(repr(rules).encode("utf-8", "surrogatepass")).hexdigest()


def _attempt(load: Load, rules: str) -> str:
    """A short name of this try to convert this arrival of the load by these rules.

    Two that go on at once may have begun under different ones, and neither may write over what the other
    made: a table may have it by then.
    """
    return sha256(f"{load.sequencer}/{load.attempts}/{rules}".encode()).hexdigest()[:8]
