"""What each function on AWS is told by its environment; docs/aws.md says what each setting is."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Self

from medical_data_pipeline.errors import SettingsError


@dataclass(frozen=True)
class AwsSettings:
    """What every function needs."""

    bucket: str
    ledger_table: str
    glue_database: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Raises: SettingsError, naming everything that is missing or wrong at once."""
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for field in fields(cls):
            given = environ.get(field.name.upper(), "")
            try:
                values |= _value(field, given)
            except ValueError:
                wrong.append(field.name.upper())
        if wrong:
            raise SettingsError(f"missing or wrong environment variables: {', '.join(sorted(wrong))}")
        return cls(**values)


def _value(field: Field[Any], given: str) -> dict[str, Any]:
    if given:
        return {field.name: int(given) if field.type in (int, "int") else given}
    if field.default is MISSING:
        raise ValueError
    return {}


@dataclass(frozen=True)
class ConversionSettings(AwsSettings):
    """The conversion function. Without a job, large files are tried like any other."""

    default_table: str
    conversion_queue_url: str
    catalog_queue_url: str
    datasets_key: str = ""
    large_file_bytes: int = 256 << 20
    spark_job_name: str = ""
    reconcile_after_minutes: int = 10


@dataclass(frozen=True)
class CatalogSettings(AwsSettings):
    """The catalog function."""

    conversion_queue_url: str


@dataclass(frozen=True)
class QuerySettings(AwsSettings):
    """The query function."""

    queries_table: str
    workgroup: str
    result_prefix: str
    conversion_queue_url: str
    upload_role_arn: str
    query_result_days: int = 7
