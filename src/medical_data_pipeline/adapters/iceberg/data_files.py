"""Parquet files as entries of an Iceberg table: sizes, counts and bounds, from their footers."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyiceberg.io.pyarrow import (
    DataFileStatistics,
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Record

from medical_data_pipeline.adapters.iceberg.warehouse_files import WarehouseFiles
from medical_data_pipeline.errors import ObjectNotFound


@dataclass(frozen=True)
class NewFile:
    """A Parquet file about to become part of a table, with the values of the partition its rows are of."""

    location: str
    partition: Record


def data_file_entries(
    metadata: TableMetadata, new: Sequence[NewFile], files: WarehouseFiles
) -> list[DataFile]:
    """An entry for each file, made for the table as `metadata` describes it.

    PyIceberg's own function works out the statistics plan anew for every file, which takes most of its time.
    """
    schema = metadata.schema()
    plan = compute_statistics_plan(schema, metadata.properties)
    ids = parquet_path_to_id_mapping(schema)
    return [
        _entry(
            file,
            metadata,
            files.size_bytes(file.location),
            data_file_statistics_from_parquet_metadata(files.footer(file.location), plan, ids),
        )
        for file in new
    ]


def _entry(
    file: NewFile, metadata: TableMetadata, size_bytes: int, statistics: DataFileStatistics
) -> DataFile:
    entry = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=file.location,
        file_format=FileFormat.PARQUET,
        # As promised: told from the bounds, a file of one value and nulls would go under the value.
        partition=file.partition,
        file_size_in_bytes=size_bytes,
        sort_order_id=None,
        spec_id=metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )
    entry.spec_id = metadata.default_spec_id
    return entry


def require_as_promised(files: WarehouseFiles, location: str, size_bytes: int) -> None:
    """Raises: ObjectNotFound: the file is not there, or is not the one the manifest speaks of."""
    if files.size_bytes(location) != size_bytes:
        raise ObjectNotFound("a converted file has another size than its manifest says")
