"""A small catalog in memory, and a policy that hides a table and a column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from medical_data_pipeline.errors import QueryNotFound, TableNotFound
from medical_data_pipeline.model.load import Manifest
from medical_data_pipeline.model.query import (
    Actor,
    EngineStatement,
    QueryRequest,
    QueryState,
    QueryStatus,
    ResultColumn,
    ResultFormat,
    ResultPage,
    Scalar,
)
from medical_data_pipeline.model.table import (
    BIGINT,
    DATE,
    LINEAGE,
    LINEAGE_NAMES,
    TEXT,
    Column,
    Snapshot,
    Table,
)
from medical_data_pipeline.ports import AccessPolicy, CommitOutcome, QueryEngine, TableAccess, TableCatalog

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
ALICE, BOB = Actor("alice", "analyst"), Actor("bob", "analyst")
SNAPSHOTS = (Snapshot(7, datetime(2024, 1, 1, tzinfo=UTC)), Snapshot(9, datetime(2024, 6, 1, tzinfo=UTC)))


def table(name: str, *columns: Column) -> Table:
    return Table(name, (*columns, *LINEAGE), f"tables/{name}", f"tables/{name}/metadata.json", SNAPSHOTS)


TABLES = (
    table("allowed_t", Column("a", BIGINT), Column("b", TEXT), Column("d", DATE)),
    table("big_t", Column("a", BIGINT), Column("b", TEXT)),
    table("pii_t", Column("id", BIGINT), Column("ssn", TEXT)),
    table("secret_t", Column("s", TEXT)),
)


@dataclass(frozen=True)
class FixedCatalog(TableCatalog):
    """The tables it was given; nothing can be changed."""

    tables: tuple[Table, ...] = TABLES

    def find(self, table: str) -> Table:
        for known in self.tables:
            if known.name == table:
                return known
        raise TableNotFound(table)

    def list(self) -> Sequence[str]:
        return sorted(known.name for known in self.tables)

    def commit(self, table: str, manifests: Sequence[Manifest]) -> CommitOutcome:
        raise NotImplementedError

    def require_fits(self, table: str, manifests: Sequence[Manifest]) -> None:
        raise NotImplementedError

    def read_location(self, table: str, snapshot_id: int | None = None) -> str:
        return self.find(table).metadata_location

    def drop(self, table: str) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Careful(AccessPolicy):
    """`secret_t` does not exist, `ssn` does not exist, lineage is hidden."""

    def access(self, actor: Actor, table: Table) -> TableAccess | None:
        if table.name == "secret_t":
            return None
        return TableAccess(tuple(c.name for c in table.columns if c.name != "ssn"), LINEAGE_NAMES)


@dataclass
class CountingEngine(QueryEngine):
    """Every query gives the numbers 0 to 9."""

    started: dict[str, EngineStatement] = field(default_factory=dict)

    def start(self, query_id: str, statement: EngineStatement) -> None:
        self.started[query_id] = statement

    def status(self, query_id: str, wait_s: float = 0.0) -> QueryStatus:
        if query_id not in self.started:
            raise QueryNotFound(query_id)
        return QueryStatus(query_id, QueryState.SUCCEEDED, NOON, NOON, 10)

    def page(self, query_id: str, offset: int, max_rows: int) -> ResultPage:
        end = min(10, offset + max_rows)
        rows = tuple((number,) for number in range(offset, end))
        return ResultPage((ResultColumn("n", "bigint"),), rows, end if end < 10 else None)

    def export(self, query_id: str, wanted: ResultFormat) -> Iterator[bytes]:
        yield b"n\n"

    def cancel(self, query_id: str) -> None:
        del self.started[query_id]


def asked(sql: str, *parameters: Scalar, actor: Actor = ALICE) -> QueryRequest:
    return QueryRequest(sql, parameters, actor)
