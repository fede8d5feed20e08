"""Athena's place: the double of its API, DuckDB over the Iceberg tables in the emulated S3.

The emulator's own Athena reads no Iceberg table. As Athena does, the double reads with what its caller may
read: Glue and S3 are asked with the credentials of the query function's role.
"""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from medical_data_pipeline.adapters.aws.glue_tables import GlueTables
from medical_data_pipeline.model.query import EngineTable
from tests.athena_double import AthenaDouble, in_bucket, served
from tests.e2e_aws.emulator import REGION, Emulator
from tests.e2e_aws.installation import BUCKET, DATABASE

EXTENSIONS = ("avro", "httpfs", "iceberg")


@dataclass(frozen=True)
class Lake:
    """The tables as the owner of `key` sees them."""

    emulator: Emulator
    key: Callable[[], Mapping[str, str]]

    def find(self, name: str) -> EngineTable:
        glue, s3 = (self.emulator.client(service, self.key()) for service in ("glue", "s3"))
        table = GlueTables(glue, s3, DATABASE).find(name)
        return EngineTable(name, table.columns, table.metadata_location, None, name)

    def s3(self) -> Any:
        """Athena writes results with the rights of its caller."""
        return self.emulator.client("s3", self.key())

    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"autoinstall_known_extensions": False})
        for name in EXTENSIONS:
            connection.load_extension(_extension_file(name))
        connection.execute(f"SET ca_cert_file = '{self.emulator.certificate}'")
        secret = {
            "KEY_ID": self.key()["AWS_ACCESS_KEY_ID"],
            "SECRET": self.key()["AWS_SECRET_ACCESS_KEY"],
            "SESSION_TOKEN": self.key()["AWS_SESSION_TOKEN"],
            "REGION": REGION,
            "ENDPOINT": self.emulator.address.partition("://")[2],
            "URL_STYLE": "path",
        }
        written = ", ".join(f"{name} '{value}'" for name, value in secret.items())
        connection.execute(f"CREATE SECRET (TYPE s3, {written})")
        return connection


@contextmanager
def athena(lake: Lake) -> Iterator[tuple[AthenaDouble, str]]:
    """The double, and its address."""
    double = AthenaDouble(lake.connect, in_bucket(lake.s3, BUCKET), lake.find)
    with served(double) as address:
        yield double, address


def _extension_file(name: str) -> str:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    assert spec is not None and spec.origin is not None, f"the wheel of DuckDB's {name} extension is missing"
    folder = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}"
    return str(folder / f"{name}.duckdb_extension")
