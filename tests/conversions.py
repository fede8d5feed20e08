"""Conversions in one line, for tests: a file, or bytes, in; the rows of the Parquet files out."""

import hashlib
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medical_data_pipeline.adapters.arrow.conversion_engine import ArrowConversionEngine
from medical_data_pipeline.conversion.service import Conversion, ConversionRequest, ConversionService
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.table import Table

NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Converted:
    """What a conversion left on disk, read back with another part of the library than wrote it."""

    conversion: Conversion
    table: pa.Table
    quarantine: list[dict[str, Any]]

    @property
    def types(self) -> dict[str, str]:
        return {column.name: column.type for column in self.conversion.receipt.columns}

    @property
    def reasons(self) -> dict[str, str]:
        return {column.name: column.reason for column in self.conversion.receipt.columns}

    def column(self, name: str) -> list[Any]:
        values: list[Any] = self.table.column(name).to_pylist()
        return values


@dataclass(frozen=True)
class Converter:
    """Converts into folders of its own below `directory`."""

    directory: Path
    taken: list[int] = field(default_factory=list)

    def __call__(
        self,
        content: bytes | str,
        dataset: Dataset | None = None,
        table: Table | None = None,
        has_lineage_columns: bool = False,
    ) -> Converted:
        data = content.encode() if isinstance(content, str) else content
        self.taken.append(1)
        folder = self.directory / f"out{len(self.taken)}"
        request = ConversionRequest(
            source_key="input/t/file.csv",
            source_sha256=hashlib.sha256(data).hexdigest(),
            load_id="0" * 32,
            dataset=dataset or Dataset(table="t"),
            table=table,
            directory=folder,
            loaded_at=NOON,
            has_lineage_columns=has_lineage_columns,
        )
        conversion = ConversionService(ArrowConversionEngine()).convert(io.BytesIO(data), request)
        return read_back(conversion, folder)


def read_back(conversion: Conversion, folder: Path) -> Converted:
    parts = sorted(folder.glob("part-*.parquet"))
    rejected = sorted((folder / "_quarantine").glob("*.parquet"))
    table = pa.concat_tables([pq.read_table(part) for part in parts])
    quarantine = [row for file in rejected for row in pq.read_table(file).to_pylist()]
    return Converted(conversion, table, quarantine)
