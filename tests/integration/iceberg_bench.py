"""The stages of the pipeline on real parts in one process, driven by hand, and two readers of its tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg

from medical_data_pipeline.adapters.iceberg.maintenance import IcebergMaintenance
from medical_data_pipeline.adapters.local.iceberg_table_catalog import IcebergTableCatalog
from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.conversion.intake import IntakeService
from medical_data_pipeline.conversion.load_conversion import Converted, LoadConversion
from medical_data_pipeline.model.load import Load, Manifest


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Bench:
    """All parts over one folder, driven by hand."""

    root: Path
    catalog: IcebergTableCatalog
    intake: IntakeService
    conversion: LoadConversion
    maintenance: IcebergMaintenance

    def put(self, key: str, content: str | bytes) -> Load:
        data = content if isinstance(content, bytes) else content.encode()
        return self.intake.put(key, iter([data])).load

    def together(self, files: Mapping[str, str | bytes]) -> Converted:
        return self.conversion.convert_together([self.put(key, content) for key, content in files.items()])

    def converted(self, key: str, content: str) -> Manifest:
        manifest = self.conversion.convert(self.put(key, content))
        assert manifest is not None
        return manifest

    def load(self, key: str, content: str) -> None:
        CatalogService(self.catalog).register([self.converted(key, content)])

    def rows(self, table: str, columns: str = "id, name") -> list[tuple[Any, ...]]:
        """The table's rows as DuckDB reads them, held against PyIceberg's own scan."""
        sql = f"SELECT {columns} FROM iceberg_scan('{self.catalog.read_location(table)}') ORDER BY ALL"
        found = [tuple(row.values()) for row in reader().execute(sql).to_arrow_table().to_pylist()]
        scanned = self.catalog.load(table).scan().to_arrow()
        names = [name.strip() for name in columns.split(",")]
        other = [tuple(row[name] for name in names) for row in scanned.select(names).to_pylist()]
        assert sorted(map(str, found)) == sorted(map(str, other))
        return found


def reader() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for wheel in (duckdb_extension_avro, duckdb_extension_iceberg):
        (file,) = Path(next(iter(wheel.__path__))).glob(
            f"extensions/v{duckdb.__version__}/*.duckdb_extension"
        )
        connection.execute(f"LOAD '{file}'")
    return connection
