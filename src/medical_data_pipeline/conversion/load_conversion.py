"""One received load to its converted files, receipt and manifest; a refused one to the reason why."""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from medical_data_pipeline.conversion.intake import DatasetBook, Milestone
from medical_data_pipeline.conversion.service import Conversion, ConversionRequest, ConversionService
from medical_data_pipeline.errors import FileRefused, ObjectNotFound, TableNotFound
from medical_data_pipeline.model.keys import load_prefix, manifest_key, receipt_key
from medical_data_pipeline.model.load import DataFile, Load, LoadState, Manifest, RowCounts
from medical_data_pipeline.model.manifest_json import manifest_to_json, parse_manifest
from medical_data_pipeline.model.objects import ObjectRef, content_version
from medical_data_pipeline.model.receipt_json import receipt_to_json
from medical_data_pipeline.model.table import Table
from medical_data_pipeline.ports import Clock, ConvertedFiles, Ledger, ObjectStore, TableReader


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

    def convert(self, load: Load) -> Manifest | None:
        """Convert a load that is RECEIVED; its manifest, or None when it ended otherwise or came again.

        Repeating it makes the same objects under the same keys; another attempt, after a conflict or another
        arrival, makes its own Parquet files, since older snapshots of the table may have the former ones.

        Raises:
            StorageFull, BackendUnavailable: try again later; nothing of the load is visible.
        """
        ref = load.source
        try:
            with self.store.open(ref) as content:
                # Asked once the content is open: what it holds cannot be newer than what is there now.
                head = self.store.head(ref)
                if head.version == content_version(load.version):
                    return self._converted(load, content, head.sha256 or _digest(content))
            # Other content took its place; its own event has come or will come.
            self._end(load, LoadState.SUPERSEDED, "SUPERSEDED", "replaced before it was converted")
        except ObjectNotFound:
            self._end(load, LoadState.REFUSED, "OBJECT_REMOVED", "the file was removed before it was read")
        except FileRefused as refusal:
            self._end(load, LoadState.REFUSED, refusal.reason, str(refusal))
        return None

    def manifest(self, load: Load) -> Manifest:
        """The manifest of a load that is CONVERTED.

        Raises:
            ObjectNotFound: it is gone; the load has to be converted again.
        """
        with self.store.open(ObjectRef(load.source.bucket, manifest_key(load.table, load.load_id))) as file:
            return parse_manifest(file.read())

    def renew(self, load: Load) -> None:
        """Have the manifest of a load that is CONVERTED say that its content has arrived again.

        Raises:
            ObjectNotFound: it is gone; the load has to be converted again.
        """
        manifest = self.manifest(load)
        if manifest.sequencer != load.sequencer:
            renewed = replace(manifest, sequencer=load.sequencer)
            self._put(load, manifest_key(load.table, load.load_id), manifest_to_json(renewed))

    def _converted(self, load: Load, content: BinaryIO, sha256_hex: str) -> Manifest | None:
        prefix = load_prefix(load.table, load.load_id)
        with self.files.folder(prefix) as folder:
            conversion = self.service.convert(content, self._request(load, folder, sha256_hex))
            self.reached("converted-files-written")
            names = [
                file.name for file in (*conversion.written.data_files, *conversion.written.quarantine_files)
            ]
            self.files.publish(folder, prefix, names)
        self.reached("converted-files-published")
        manifest = self._manifest(load, conversion)
        self._put(load, receipt_key(load.table, load.load_id), receipt_to_json(conversion.receipt))
        self._put(load, manifest_key(load.table, load.load_id), manifest_to_json(manifest))
        self.reached("manifest-written")
        is_current = self.ledger.advance(
            load.load_id,
            LoadState.CONVERTED,
            rows=manifest.rows,
            now=self.clock(),
            sequencer=load.sequencer,
        )
        self.reached("ledger-converted")
        return manifest if is_current else None

    def _request(self, load: Load, folder: Path, sha256_hex: str) -> ConversionRequest:
        return ConversionRequest(
            source_key=load.source.key,
            source_sha256=sha256_hex,
            load_id=load.load_id,
            dataset=replace(self.datasets.for_table(load.table), table=load.table),
            table=self._table(load.table),
            directory=folder,
            loaded_at=load.received_at,
            attempt=_attempt(load),
        )

    def _table(self, name: str) -> Table | None:
        try:
            return self.catalog.find(name)
        except TableNotFound:
            return None

    def _manifest(self, load: Load, conversion: Conversion) -> Manifest:
        dataset = self.datasets.for_table(load.table)
        prefix = load_prefix(load.table, load.load_id)
        written = conversion.written
        return Manifest(
            load_id=load.load_id,
            table=load.table,
            source=load.source,
            version=load.version,
            sequencer=load.sequencer,
            columns=conversion.columns,
            data_files=tuple(
                DataFile(prefix + f.name, f.size_bytes, f.rows, f.partition)
                for f in written.data_files
                if f.rows
            ),
            quarantine_files=tuple(
                DataFile(prefix + f.name, f.size_bytes, f.rows) for f in written.quarantine_files
            ),
            rows=conversion.receipt.rows,
            loaded_at=load.received_at,
            receipt_key=receipt_key(load.table, load.load_id),
            mode=dataset.mode,
            upsert_key=dataset.upsert_key,
            layout=conversion.layout,
        )

    def _put(self, load: Load, key: str, content: bytes) -> None:
        self.store.put(ObjectRef(load.source.bucket, key), iter([content]))

    def _end(self, load: Load, state: LoadState, reason: str, detail: str) -> None:
        self.ledger.advance(
            load.load_id,
            state,
            rows=RowCounts(),
            reason=reason,
            detail=detail,
            now=self.clock(),
            sequencer=load.sequencer,
        )
        self.reached("load-ended")


def _digest(content: BinaryIO) -> str:
    """For a store that does not know it."""
    digest = sha256()
    content.seek(0)
    while chunk := content.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _attempt(load: Load) -> str:
    """A short name of this try to convert this arrival of the load."""
    return sha256(f"{load.sequencer}/{load.attempts}".encode()).hexdigest()[:8]
