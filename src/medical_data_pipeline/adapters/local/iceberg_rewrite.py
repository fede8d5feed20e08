"""Data files written anew: merged into larger ones, or without rows that have to leave."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from sqlglot import exp

from medical_data_pipeline.adapters.local.file_durable import make_folders, sync_file, sync_folder
from medical_data_pipeline.adapters.local.iceberg_contents import write_contents
from medical_data_pipeline.adapters.local.iceberg_schema import columns_of
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

    path: Path
    rows: int
    partition: Record = field(default_factory=Record)


@dataclass(frozen=True)
class FileRewriter:
    """Rewrites with DuckDB, within `memory_limit`. A name is computed from what goes in."""

    memory_limit: str = "256MB"
    threads: int = 1

    def merged(
        self,
        paths: Sequence[Path],
        schema: Schema,
        folder: Path,
        loads: Mapping[str, str],
        sort_by: Sequence[str] = (),
    ) -> Rewritten:
        """All rows of `paths`, in the table's columns and order."""
        rows = _rows_of(paths, schema)
        if sort_by:
            order = (exp.column(name, "old", quoted=True) for name in sort_by)
            rows = rows.order_by(*(exp.Ordered(this=column, nulls_first=False) for column in order))
        return self._written(rows, _Target(schema, folder, paths, loads))

    def without_loads(
        self, path: Path, schema: Schema, folder: Path, staying: Mapping[str, str]
    ) -> Rewritten:
        """The rows of `path` that belong to the loads that stay."""
        kept = _rows_of([path], schema).where(
            exp.column("_load_id").isin(*(exp.Literal.string(load) for load in sorted(staying)))
        )
        return self._written(kept, _Target(schema, folder, [path], staying))

    def without_keys(
        self,
        path: Path,
        schema: Schema,
        folder: Path,
        loads: Mapping[str, str],
        taken: tuple[Sequence[str], Sequence[Path]],
    ) -> Rewritten | None:
        """The rows of `path` whose key is in none of the new files; None when that is all of them."""
        keys, new = taken
        same = exp.and_(
            *(
                exp.NullSafeEQ(
                    this=exp.column(key, "old", quoted=True), expression=exp.column(key, "new", quoted=True)
                )
                for key in keys
            )
        )
        replaced = exp.select("1").from_(_files(new, "new")).where(same)
        kept = _rows_of([path], schema).where(exp.Exists(this=replaced).not_())
        if not self._count(
            exp.select(exp.Count(this=exp.Star()))
            .from_(_files([path], "old"))
            .where(exp.Exists(this=replaced))
        ):
            return None
        return self._written(kept, _Target(schema, folder, [path, *new], loads))

    def _written(self, rows: exp.Select, target: "_Target") -> Rewritten:
        path = target.path()
        make_folders(path.parent)
        partial = path.with_name("." + path.name)
        copy = (
            f"COPY ({rows.sql('duckdb')}) TO {exp.Literal.string(str(partial)).sql('duckdb')} "
            f"(FORMAT parquet, COMPRESSION zstd, FIELD_IDS {target.field_ids()})"
        )
        with self._connection() as connection:
            (count,) = connection.execute(copy).fetchone() or (0,)
        sync_file(partial)
        write_contents(path, target.loads)
        partial.rename(path)
        sync_folder(path.parent)
        return Rewritten(path, int(count))

    def _count(self, query: exp.Select) -> int:
        with self._connection() as connection:
            (count,) = connection.execute(query.sql("duckdb")).fetchone() or (0,)
        return int(count)

    def _connection(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(config={"memory_limit": self.memory_limit, "threads": self.threads})


@dataclass(frozen=True)
class _Target:
    """Where rewritten rows go: a file named after what it is made of."""

    schema: Schema
    folder: Path
    inputs: Sequence[Path]
    loads: Mapping[str, str]

    def path(self) -> Path:
        identity = "\n".join([*map(str, self.inputs), "", *sorted(self.loads), str(self.schema.schema_id)])
        return self.folder / f"merged-{hashlib.sha256(identity.encode()).hexdigest()[:32]}.parquet"

    def field_ids(self) -> str:
        fields = (
            f"{exp.to_identifier(f.name, quoted=True).sql('duckdb')}: {f.field_id}"
            for f in self.schema.fields
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
    with duckdb.connect() as connection:
        described = connection.execute(
            exp.select("*").from_(_files(paths, "old")).limit(0).sql("duckdb")
        ).description
    return frozenset(str(column[0]) for column in described)


def _duckdb_type(kind: ColumnType) -> str:
    if kind.kind is Kind.DECIMAL:
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _DUCKDB_TYPES[kind.kind]
