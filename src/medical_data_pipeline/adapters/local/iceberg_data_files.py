"""Parquet files as entries of an Iceberg table: sizes, counts and bounds, from their footers."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table.metadata import TableMetadata

from medical_data_pipeline.errors import BackendUnavailable


def data_file_entries(metadata: TableMetadata, paths: Sequence[Path]) -> list[DataFile]:
    """An entry for each file, made for the table as `metadata` describes it.

    PyIceberg's own function works out the statistics plan anew for every file, which takes most of its time.
    """
    schema = metadata.schema()
    plan = compute_statistics_plan(schema, metadata.properties)
    ids = parquet_path_to_id_mapping(schema)
    return [_entry(path, metadata, plan, ids) for path in paths]


def _entry(path: Path, metadata: TableMetadata, plan, ids: dict[str, int]) -> DataFile:  # type: ignore[no-untyped-def]
    footer = pq.read_metadata(path)
    statistics = data_file_statistics_from_parquet_metadata(footer, plan, ids)
    entry = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=str(path),
        file_format=FileFormat.PARQUET,
        partition=statistics.partition(metadata.spec(), metadata.schema()),
        file_size_in_bytes=path.stat().st_size,
        sort_order_id=None,
        spec_id=metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )
    entry.spec_id = metadata.default_spec_id
    return entry


def require_as_promised(path: Path, size_bytes: int) -> None:
    """Raises: BackendUnavailable: the file is not there, or is not the one the manifest speaks of."""
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        raise BackendUnavailable("a converted file that the manifest names is not there") from None
    if found != size_bytes:
        raise BackendUnavailable("a converted file has another size than its manifest says")
