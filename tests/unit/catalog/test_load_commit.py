"""The catalog stage over parts in memory: what ends how, and in which order tables are touched."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from medical_data_pipeline.catalog.load_commit import CommitReport, LoadCommit
from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.errors import BackendUnavailable, ObjectNotFound, SchemaConflict
from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.keys import load_prefix, receipt_key
from medical_data_pipeline.model.load import DataFile, Load, LoadState, Manifest, RowCounts
from medical_data_pipeline.model.objects import ObjectRef, load_id
from medical_data_pipeline.model.table import BIGINT, TEXT, Column, ColumnType
from medical_data_pipeline.ports import CommitOutcome
from tests.fakes import NOON, FixedClock, MemoryLedger, MemoryObjectStore, MemoryTableCatalog


@dataclass
class WatchedCatalog(MemoryTableCatalog):
    """Notes the commits, and answers none of them while it is broken."""

    committed: list[str] = field(default_factory=list)
    is_broken_for: str = ""

    def commit(self, table: str, manifests: Sequence[Manifest]) -> CommitOutcome:
        if table == self.is_broken_for:
            raise BackendUnavailable("the catalog does not answer")
        self.committed.append(table)
        return super().commit(table, manifests)


class Office:
    """The stage, with loads as conversion leaves them."""

    def __init__(self) -> None:
        self.store, self.ledger = MemoryObjectStore(), MemoryLedger()
        self.catalog = WatchedCatalog(self.store)
        self.manifests: dict[str, Manifest] = {}
        self.stage = LoadCommit(
            CatalogService(self.catalog), self.ledger, self._manifest_of, FixedClock(), lambda milestone: None
        )

    def _manifest_of(self, load: Load) -> Manifest:
        return self.manifests[load.load_id]

    def converted(
        self,
        content: str,
        *,
        file: str = "a.csv",
        table: str = "t",
        kind: ColumnType = TEXT,
        rejected: int = 0,
        loaded: int = 1,
        mode: LoadMode = LoadMode.APPEND,
    ) -> Manifest:
        source = ObjectRef("local", f"input/{table}/{file}")
        sequencer = self.ledger.next_sequencer(source)
        load = load_id(source, content)
        rows = RowCounts(loaded + rejected, loaded, rejected)
        received = Load(load, table, source, content, sequencer, 1, LoadState.RECEIVED, NOON, NOON)
        self.ledger.receive(received)
        self.ledger.advance(load, LoadState.CONVERTED, rows=rows, now=NOON)
        data, aside = (self._file(table, load, name, n) for name, n in (("a", loaded), ("b", rejected)))
        columns, receipt = (Column("v", kind),), receipt_key(table, load)
        manifest = Manifest(
            load, table, source, content, sequencer, columns, data, aside, rows, NOON, receipt, mode
        )
        self.manifests[load] = manifest
        return manifest

    def _file(self, table: str, load: str, name: str, rows: int) -> tuple[DataFile, ...]:
        if not rows:
            return ()
        key = load_prefix(table, load) + name
        self.store.put(ObjectRef("local", key), iter([b"rows"]))
        return (DataFile(key, 4, rows),)

    def states(self, *manifests: Manifest) -> list[LoadState]:
        return [self.ledger.find(manifest.load_id).state for manifest in manifests]

    def loads(self, table: str) -> list[str]:
        return [manifest.version for manifest in self.catalog.loads(table)]


@pytest.fixture
def office() -> Office:
    return Office()


def test_loads_become_visible_and_end_with_their_counts(office: Office) -> None:
    one, two = office.converted("one", rejected=2), office.converted("two", file="b.csv")

    report = office.stage.commit([one, two])

    assert report == CommitReport((one, two), (), ())
    assert office.states(one, two) == [LoadState.COMMITTED, LoadState.COMMITTED]
    assert office.ledger.find(one.load_id).rows == RowCounts(3, 1, 2)
    assert (office.loads("t"), office.loads("t__quarantine")) == (["one", "two"], ["one"])


def test_rows_set_aside_are_there_before_the_rows_they_were_among(office: Office) -> None:
    office.stage.commit([office.converted("one", rejected=1)])

    assert office.catalog.committed == ["t__quarantine", "t"]


def test_a_table_without_rejected_rows_has_no_quarantine(office: Office) -> None:
    office.stage.commit([office.converted("one")])

    assert office.catalog.list() == ["t"]


def test_a_mended_file_takes_its_rejected_rows_away(office: Office) -> None:
    office.stage.commit([office.converted("bad", rejected=3)])

    office.stage.commit([office.converted("good")])

    assert (office.loads("t"), office.loads("t__quarantine")) == (["good"], [])


@pytest.mark.parametrize("broken", ["t", "t__quarantine"])
def test_a_commit_that_failed_half_way_may_be_repeated(office: Office, broken: str) -> None:
    load = office.converted("one", rejected=1)
    office.catalog.is_broken_for = broken
    with pytest.raises(BackendUnavailable):
        office.stage.commit([load])
    assert office.states(load) == [LoadState.CONVERTED]
    office.catalog.is_broken_for = ""

    office.stage.commit([load])
    office.stage.commit([load])

    assert office.states(load) == [LoadState.COMMITTED]
    assert (office.loads("t"), office.loads("t__quarantine")) == (["one"], ["one"])


def test_a_load_that_ended_meanwhile_is_outdated_and_not_committed(office: Office) -> None:
    old, new = office.converted("old"), office.converted("new")

    report = office.stage.commit([old, new])

    assert (report.committed, report.outdated) == ((new,), (old,))
    assert office.states(old, new) == [LoadState.SUPERSEDED, LoadState.COMMITTED]
    assert office.loads("t") == ["new"]


def test_a_load_that_arrived_again_since_it_was_converted_is_outdated(office: Office) -> None:
    load = office.converted("one")
    office.ledger.receive(
        replace(office.ledger.find(load.load_id), sequencer=office.ledger.next_sequencer(load.source))
    )

    report = office.stage.commit([load])

    assert report.outdated == (load,)
    assert office.catalog.list() == []


def test_a_load_the_ledger_does_not_know_is_outdated(office: Office) -> None:
    stranger = replace(office.converted("one"), load_id="0" * 32)

    assert office.stage.commit([stranger]).outdated == (stranger,)


def test_a_contradiction_makes_nothing_visible_and_ends_nothing(office: Office) -> None:
    numbers, words = office.converted("one", kind=BIGINT, rejected=1), office.converted("two", file="b.csv")

    with pytest.raises(SchemaConflict):
        office.stage.commit([numbers, words])

    assert office.catalog.list() == []
    assert office.states(numbers, words) == [LoadState.CONVERTED, LoadState.CONVERTED]


def test_a_lost_file_is_told_before_anything_is_visible(office: Office) -> None:
    load = office.converted("one", rejected=1)
    office.store.delete(ObjectRef("local", load.data_files[0].key))

    with pytest.raises(ObjectNotFound):
        office.stage.commit([load])

    assert office.catalog.list() == []


def test_an_older_file_never_replaces_the_whole_table_after_a_newer_one(office: Office) -> None:
    older = office.converted("older", mode=LoadMode.REPLACE)
    empty = office.converted("empty", file="b.csv", loaded=0, mode=LoadMode.REPLACE)
    office.stage.commit([empty])

    report = office.stage.commit([older])

    assert report.superseded == (older,)
    assert office.states(older, empty) == [LoadState.SUPERSEDED, LoadState.COMMITTED]
    assert office.catalog.list() == []
