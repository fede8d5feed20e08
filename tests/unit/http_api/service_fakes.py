"""Small services behind the HTTP routes, all in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from medical_data_pipeline.composition.key_locks import KeyLocks
from medical_data_pipeline.composition.milestones import nothing
from medical_data_pipeline.conversion.intake import DatasetBook, IntakeService
from medical_data_pipeline.errors import (
    QueryNotFound,
    QueryRejected,
    TableNotFound,
)
from medical_data_pipeline.http_api.app import create_app
from medical_data_pipeline.http_api.metrics import HttpMetrics
from medical_data_pipeline.http_api.services import HttpLimits, Services
from medical_data_pipeline.model.keys import receipt_key
from medical_data_pipeline.model.load import Load, LoadState, RowCounts
from medical_data_pipeline.model.objects import ObjectRef, load_id
from medical_data_pipeline.model.query import (
    Actor,
    QueryRequest,
    QueryState,
    QueryStatus,
    ResultColumn,
    ResultFormat,
    ResultPage,
)
from medical_data_pipeline.model.table import BIGINT, TEXT, Column, Meaning, PhiClass, Snapshot, Table
from medical_data_pipeline.ports import LoadFilter, TableAccess
from tests.fakes import FixedClock, MemoryLedger, MemoryObjectStore

TOKEN = "correct-horse"
OTHER_TOKEN = "other-horse"
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
LABS = Table(
    "labs",
    (
        Column("patient_id", TEXT, "Patient ID", Meaning("mrn", PhiClass.RECORD_NUMBER, "header")),
        Column("result", BIGINT, "Result"),
        Column("secret", TEXT, "Secret"),
        Column("_load_id", TEXT),
    ),
    location="tables/labs/",
    metadata_location="tables/labs/metadata/1.json",
    snapshots=(Snapshot(2**62 + 1, NOON),),
)
HIDDEN = replace(LABS, name="salaries")


class Tokens:
    def actor_for(self, token: str) -> Actor | None:
        return {TOKEN: Actor("anna", "analyst"), OTHER_TOKEN: Actor("bert", "analyst")}.get(token)


@dataclass
class ScriptedQueries:
    """Answers every SQL with `rows`; SQL that names a state or a reason ends that way."""

    columns: tuple[ResultColumn, ...] = (ResultColumn("n", "bigint"),)
    rows: tuple[tuple[object, ...], ...] = ((1,), (None,), (2**63 - 1,))
    requests: list[QueryRequest] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    _known: dict[str, tuple[Actor, QueryStatus]] = field(default_factory=dict)

    def submit(self, request: QueryRequest) -> QueryStatus:
        self.requests.append(request)
        if request.sql.startswith("reject "):
            raise QueryRejected(request.sql.split()[1], "rejected")
        query_id = f"q{len(self.requests)}"
        status = QueryStatus(query_id, QueryState.SUCCEEDED, NOON, NOON, rows=len(self.rows))
        if request.sql.startswith("fail "):
            reason = request.sql.split()[1]
            status = replace(status, state=QueryState.FAILED, rows=0, reason=reason, detail="it failed")
        if request.sql == "run on":
            status = replace(status, state=QueryState.RUNNING, finished_at=None, rows=0)
        self._known[query_id] = (request.actor, status)
        return status

    def status(self, query_id: str, actor: Actor, wait_s: float = 0.0) -> QueryStatus:
        owner, status = self._known.get(query_id, (None, None))
        if status is None or owner != actor:
            raise QueryNotFound("no such query")
        return status

    def page(self, query_id: str, actor: Actor, offset: int, max_rows: int) -> ResultPage:
        self.status(query_id, actor)
        end = offset + max_rows
        return ResultPage(self.columns, self.rows[offset:end], end if end < len(self.rows) else None)

    def export(self, query_id: str, actor: Actor, wanted: ResultFormat) -> Iterator[bytes]:
        self.status(query_id, actor)
        return iter([wanted.value.encode(), b" file"])

    def cancel(self, query_id: str, actor: Actor) -> None:
        status = self.status(query_id, actor)
        self.cancelled.append(query_id)
        if status.state is QueryState.RUNNING:
            self._known[query_id] = (actor, replace(status, state=QueryState.CANCELLED))


class Catalog:
    def find(self, table: str) -> Table:
        for each in (LABS, HIDDEN):
            if each.name == table:
                return each
        raise TableNotFound("no such table")

    def list(self) -> Sequence[str]:
        return [LABS.name, HIDDEN.name]


class OnlyLabs:
    def access(self, actor: Actor, table: Table) -> TableAccess | None:
        if table.name != "labs":
            return None
        return TableAccess(("patient_id", "result", "_load_id"), frozenset({"_load_id"}))


@dataclass(frozen=True)
class Report:
    is_ready: bool = True
    checks: Mapping[str, str] = field(default_factory=lambda: {"disk": "ok"})


@dataclass
class Backstage:
    """The services, and hands on what they remember."""

    queries: ScriptedQueries = field(default_factory=ScriptedQueries)
    store: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    report: Report = field(default_factory=Report)
    limits: HttpLimits = field(default_factory=HttpLimits)
    replayed: list[str] = field(default_factory=list)

    def add_load(self, name: str, state: LoadState = LoadState.COMMITTED) -> Load:
        ref = ObjectRef("bucket", f"input/labs/{name}")
        sequencer = self.ledger.next_sequencer(ref)
        load = Load(load_id(ref, "v"), "labs", ref, "v", sequencer, 1, LoadState.RECEIVED, NOON, NOON)
        self.ledger.receive(load)
        self.ledger.advance(load.load_id, state, rows=RowCounts(3, 2, 1), now=NOON)
        receipt = ObjectRef("bucket", receipt_key(load.table, load.load_id))
        self.store.put(receipt, iter([b'{"rows":{"read":3}}']))
        return self.ledger.find(load.load_id)

    def keys(self) -> list[str]:
        return [head.ref.key for head in self.store.list("bucket", "")]

    def app(self, **replaced: Any) -> Any:
        services = Services(
            tokens=Tokens(),
            queries=self.queries,
            catalog=Catalog(),  # type: ignore[arg-type]
            policy=OnlyLabs(),  # type: ignore[arg-type]
            ledger=self.ledger,
            store=self.store,
            health=lambda: self.report,
            intake=self._intake(),
            replay=self._replay,
            metrics=HttpMetrics(lambda: {"committed": len(self.ledger.list(LoadFilter()))}),
            limits=self.limits,
        )
        return create_app(replace(services, **replaced))

    def _intake(self) -> IntakeService:
        book, clock = DatasetBook("medical_records"), FixedClock(NOON)
        return IntakeService(
            self.store, self.ledger, book, clock, KeyLocks(), "bucket", lambda load: None, nothing
        )

    def _replay(self, load_id: str) -> Load:
        load = self.ledger.find(load_id)
        self.replayed.append(load_id)
        return replace(load, state=LoadState.RECEIVED)
