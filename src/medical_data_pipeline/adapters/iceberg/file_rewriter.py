"""Data files written anew: merged into larger ones, or without rows that have to leave."""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from sqlglot import exp

from medical_data_pipeline.adapters.iceberg.contents import LoadLists
from medical_data_pipeline.adapters.iceberg.schema import columns_of
from medical_data_pipeline.adapters.iceberg.warehouse_files import WarehouseFiles
from medical_data_pipeline.model.table import ColumnType, Kind

_DUCKDB_TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.BIGINT: "BIGINT",
    Kind.DOUBLE: "DOUBLE",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.TIMESTAMP_TZ: "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Rewritten:
    """A file that was written; without rows it need not be part of anything."""

    location: str
    rows: int
    partition: Record = field(default_factory=Record)


@dataclass(frozen=True)
class Target:
    """The table that rewritten rows go to: its schema, and the location of its data files."""

    schema: Schema
    folder: str


@dataclass(frozen=True)
class Taken:
    """The key columns of files whose rows take the place of others with the same key; `loads` says which rows
    of the files do, if not all.
    """

    keys: Sequence[str]
    locations: Sequence[str]
    loads: frozenset[str] | None = None


@dataclass(frozen=True)
class FileRewriter:
    """Rewrites with DuckDB, within `memory_limit`. A name is computed from what goes in."""

    files: WarehouseFiles
    lists: LoadLists
    memory_limit: str = "256MB"
    threads: int = 1

    def merged(
        self, locations: Sequence[str], target: Target, loads: Mapping[str, str], sort_by: Sequence[str] = ()
    ) -> Rewritten:
        """All rows of the files, in the table's columns and order."""
        with self.files.readable(locations) as paths:
            rows = _rows_of(paths, target.schema)
            if sort_by:
                order = (exp.column(name, "old", quoted=True) for name in sort_by)
                rows = rows.order_by(*(exp.Ordered(this=column, nulls_first=False) for column in order))
            return self._written(rows, _Output(target, locations, loads))

    def without_loads(self, location: str, target: Target, staying: Mapping[str, str]) -> Rewritten:
        """The rows of a file that belong to the loads that stay."""
        with self.files.readable([location]) as paths:
            kept = _rows_of(paths, target.schema).where(*_is_of(staying, "old"))
            return self._written(kept, _Output(target, [location], staying))

    def without_keys(
        self, location: str, target: Target, loads: Mapping[str, str], taken: Taken
    ) -> Rewritten | None:
        """The rows of a file whose key no other file takes; None when that is all of them."""
        with self.files.readable([location, *taken.locations]) as (path, *new):
            if not set(taken.keys) <= _columns_in([path]) & _columns_in(new):
                # Written before the table had its key, and no file brings a null in it.
                return None
            same = exp.and_(*(_is_same(key) for key in taken.keys), *_is_of(taken.loads))
            replaced = exp.Exists(this=exp.select("1").from_(_files(new, "new")).where(same))
            count = exp.select(exp.Count(this=exp.Star())).from_(_files([path], "old")).where(replaced)
            if not self._count(count):
                return None
            kept = _rows_of([path], target.schema).where(replaced.copy().not_())
            made_of = [location, *taken.locations, *sorted(taken.loads or ())]
            return self._written(kept, _Output(target, made_of, loads))

    def _written(self, rows: exp.Select, output: "_Output") -> Rewritten:
        location = output.location()
        with self.files.writable(location) as partial:
            copy = (
                f"COPY ({rows.sql('duckdb')}) TO {exp.Literal.string(str(partial)).sql('duckdb')} "
                f"(FORMAT parquet, COMPRESSION zstd, FIELD_IDS {output.field_ids()})"
            )
            count = self._count_of(copy)
            self.lists.write(location, output.loads)
        return Rewritten(location, count)

    def _count(self, query: exp.Select) -> int:
        return self._count_of(query.sql("duckdb"))

    def _count_of(self, statement: str) -> int:
        with tempfile.TemporaryDirectory() as spill:
            config: dict[str, str | bool | int | float | list[str]] = {
                "memory_limit": self.memory_limit,
                "threads": self.threads,
                "temp_directory": spill,
            }
            with duckdb.connect(config=config) as connection:
                (count,) = connection.execute(statement).fetchone() or (0,)
        return int(count)


def _is_same(key: str) -> exp.Expr:
    return exp.NullSafeEQ(
        this=exp.column(key, "old", quoted=True), expression=exp.column(key, "new", quoted=True)
    )


def _is_of(loads: Iterable[str] | None, relation: str = "new") -> list[exp.Expr]:
    if loads is None:
        return []
    return [exp.column("_load_id", relation).isin(*(exp.Literal.string(load) for load in sorted(loads)))]


@dataclass(frozen=True)
class _Output:
    """A file named after what it is made of."""

    target: Target
    inputs: Sequence[str]
    loads: Mapping[str, str]

    def location(self) -> str:
        schema_id = str(self.target.schema.schema_id)
        identity = "\n".join([*self.inputs, "", *sorted(self.loads), schema_id])
        return f"{self.target.folder}/merged-{hashlib.sha256(identity.encode()).hexdigest()[:32]}.parquet"

    def field_ids(self) -> str:
        fields = (
            f"{exp.to_identifier(f.name, quoted=True).sql('duckdb')}: {f.field_id}"
            for f in self.target.schema.fields
        )
        return "{" + ", ".join(fields) + "}"


def _files(paths: Sequence[Path], name: str) -> exp.Table:
    """read_parquet over exactly these files, columns matched by name, as the relation `name`."""
    listed = exp.Array(expressions=[exp.Literal.string(str(path)) for path in paths])
    by_name = exp.EQ(this=exp.column("union_by_name"), expression=exp.true())
    function = exp.Anonymous(this="read_parquet", expressions=[listed, by_name])
    return exp.Table(this=function, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True)))


def _rows_of(paths: Sequence[Path], schema: Schema) -> exp.Select:
    present = _columns_in(paths)
    columns = [
        exp.alias_(
            exp.cast(
                exp.column(column.name, "old", quoted=True) if column.name in present else exp.null(),
                _duckdb_type(column.type),
                dialect="duckdb",
            ),
            column.name,
            quoted=True,
        )
        for column in columns_of(schema)
    ]
    return exp.select(*columns).from_(_files(paths, "old"))


def _columns_in(paths: Sequence[Path]) -> frozenset[str]:
    return frozenset(name for path in paths for name in pq.read_schema(path).names)


def _duckdb_type(kind: ColumnType) -> str:
    if kind.kind is Kind.DECIMAL:
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _DUCKDB_TYPES[kind.kind]
