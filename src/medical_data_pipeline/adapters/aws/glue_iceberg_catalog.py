"""The table catalog on AWS: Iceberg tables whose current state the Glue Data Catalog names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchNamespaceError
from pyiceberg.io import FileIO
from pyiceberg.typedef import EMPTY_DICT, Properties

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.adapters.aws.glue_tables import GlueTables
from medical_data_pipeline.adapters.aws.s3_file_io import S3FileIO
from medical_data_pipeline.adapters.aws.s3_warehouse import S3Warehouse
from medical_data_pipeline.adapters.iceberg.table_commits import IcebergTables
from medical_data_pipeline.errors import BackendError

# Glue takes no longer comment of a column; the whole of it is in the table's metadata.
_MAX_COMMENT = 255


class GlueIcebergCatalog(IcebergTables):
    """Tables of one Glue database and one bucket. Glue refuses to update what is not the newest version."""

    def __init__(self, glue: Client, s3: Client, database: str, bucket: str, scratch: Path) -> None:
        glue.meta.events.register("provide-client-params.glue.CreateTable", _shorten_comments)
        glue.meta.events.register("provide-client-params.glue.UpdateTable", _shorten_comments)
        self._tables_of_glue = GlueTables(glue, s3, database)
        super().__init__(_Glue(glue, S3FileIO(s3)), database, S3Warehouse(s3, bucket, scratch))

    def list(self) -> Sequence[str]:
        return self._tables_of_glue.listed_now()

    def metadata_location(self, table: str) -> str:
        return self._tables_of_glue.metadata_location(table)

    @contextmanager
    def translated(self) -> Iterator[None]:
        try:
            with translated():
                yield
        except NoSuchNamespaceError:
            raise BackendError("the Glue database is not there") from None


class _Glue(GlueCatalog):
    """PyIceberg's Glue catalog, with our clients."""

    def __init__(self, client: Client, files: S3FileIO) -> None:
        super().__init__("glue", client=client, **{"glue.skip-archive": "true"})
        self._files = files

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:
        return self._files


def _shorten_comments(params: dict[str, Any], **_: Any) -> None:
    for column in params["TableInput"].get("StorageDescriptor", {}).get("Columns", ()):
        if len(column.get("Comment", "")) > _MAX_COMMENT:
            column["Comment"] = column["Comment"][: _MAX_COMMENT - 1] + "…"
