"""The intake over parts in memory: durable and entered before acknowledged, each content once."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from medical_data_pipeline.composition.key_locks import KeyLocks
from medical_data_pipeline.conversion.intake import DatasetBook, IntakeService, Preconditions
from medical_data_pipeline.errors import (
    BackendUnavailable,
    ChecksumMismatch,
    InvalidObjectRef,
    ObjectNotFound,
    PreconditionFailed,
    SettingsError,
)
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.load import OBJECT_REMOVED, Load, LoadState
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.model.quarantine import quarantine_table
from medical_data_pipeline.ports import Checksums, LoadFilter
from tests.fakes import FixedClock, MemoryLedger, MemoryObjectStore

A, B = b"id\n1\n", b"id\n2\n"
REF = ObjectRef("local", "input/t/a.csv")


class Desk:
    """An intake, and what it told the one who converts and the one who watches."""

    def __init__(self) -> None:
        self.store, self.ledger, self.clock = MemoryObjectStore(), MemoryLedger(), FixedClock()
        self.told: list[Load] = []
        self.milestones: list[str] = []
        self.intake = IntakeService(
            self.store,
            self.ledger,
            DatasetBook("medical_records"),
            self.clock,
            KeyLocks(),
            "local",
            self.told.append,
            self.milestones.append,
        )

    def put(self, content: bytes, key: str = "t/a.csv") -> Load:
        return self.intake.put(key, iter([content])).load

    def end(self, load: Load, state: LoadState) -> None:
        assert self.ledger.advance(load.load_id, state, now=self.clock())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_upload_is_stored_then_entered_then_told(desk: Desk) -> None:
    upload = desk.intake.put("t/a.csv", iter([A]))

    assert upload.is_new
    assert (upload.load.table, upload.load.state) == ("t", LoadState.RECEIVED)
    assert desk.milestones == ["upload-stored", "upload-received"]
    assert desk.store.head(REF).sha256 == upload.load.version
    assert desk.ledger.latest(REF) == upload.load == desk.told[0]


@pytest.mark.parametrize(
    ("key", "table"), [("a.csv", "medical_records"), ("Lab Results/a.csv", "lab_results"), ("t/x/a.csv", "t")]
)
def test_the_folder_of_a_file_names_its_table(desk: Desk, key: str, table: str) -> None:
    assert desk.put(A, key).table == table


@pytest.mark.parametrize("key", ["", "t/", "/"])
def test_a_key_that_names_no_file_is_refused_before_anything_is_stored(desk: Desk, key: str) -> None:
    with pytest.raises(InvalidObjectRef):
        desk.put(A, key)

    assert (list(desk.store.list("local", "")), desk.ledger.list(LoadFilter())) == ([], [])


@pytest.mark.parametrize("state", [None, LoadState.CONVERTED, LoadState.COMMITTED])
def test_the_same_content_again_is_the_same_load(desk: Desk, state: LoadState | None) -> None:
    first = desk.put(A)
    if state is not None:
        desk.end(first, state)

    again = desk.intake.put("t/a.csv", iter([A]))

    assert (again.load.load_id, again.is_new) == (first.load_id, False)
    assert len(desk.told) == 1


@pytest.mark.parametrize("state", [LoadState.REFUSED, LoadState.FAILED])
def test_content_that_failed_is_tried_again_when_it_is_sent_again(desk: Desk, state: LoadState) -> None:
    first = desk.put(A)
    desk.end(first, state)

    again = desk.put(A)

    assert (again.load_id, again.state) == (first.load_id, LoadState.RECEIVED)
    assert len(desk.told) == 2


def test_changed_content_takes_the_place_of_the_former(desk: Desk) -> None:
    first, second = desk.put(A), desk.put(B)

    assert desk.ledger.find(first.load_id).state is LoadState.SUPERSEDED
    assert desk.ledger.latest(REF) == second
    assert second.sequencer > first.sequencer


def test_order_never_comes_from_the_clock(desk: Desk) -> None:
    first = desk.put(A)
    desk.clock.move(timedelta(days=-1))
    second = desk.put(B)
    desk.clock.move(timedelta(days=-1))
    back = desk.put(A)

    assert first.load_id == back.load_id
    assert [load.load_id for load in desk.ledger.unfinished()] == [back.load_id]
    assert second.sequencer < back.sequencer


def test_what_is_not_what_its_sender_says_is_not_entered(desk: Desk) -> None:
    with pytest.raises(ChecksumMismatch):
        desk.intake.put("t/a.csv", iter([A]), Checksums(sha256=hashlib.sha256(B).digest()))

    assert (list(desk.store.list("local", "")), desk.ledger.list(LoadFilter()), desk.told) == ([], [], [])


def test_a_sender_that_breaks_off_leaves_the_former_content(desk: Desk) -> None:
    first = desk.put(A)

    def broken_off() -> Iterator[bytes]:
        yield B
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        desk.intake.put("t/a.csv", broken_off())

    assert desk.store.head(REF).sha256 == first.version
    assert desk.put(A).load_id == first.load_id
    assert len(desk.told) == 1


def test_a_ledger_that_does_not_answer_leaves_the_file_to_be_found(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(load: Load) -> Load:
        raise BackendUnavailable("the ledger does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(desk.ledger, "receive", broken)
        with pytest.raises(BackendUnavailable):
            desk.put(A)
    found = desk.intake.announce(desk.store.head(REF))

    assert found is not None
    assert desk.told == [found.load]


def test_preconditions_hold_or_nothing_changes(desk: Desk) -> None:
    first = desk.intake.put("t/a.csv", iter([A]), preconditions=Preconditions(if_none_match="*")).load

    for unmet in (Preconditions(if_none_match="*"), Preconditions(if_match='"other"')):
        with pytest.raises(PreconditionFailed):
            desk.intake.put("t/a.csv", iter([B]), preconditions=unmet)
    assert desk.store.head(REF).sha256 == first.version
    second = desk.intake.put("t/a.csv", iter([B]), preconditions=Preconditions(if_match=f'"{first.version}"'))

    assert second.is_new


def test_what_is_found_is_entered_once(desk: Desk) -> None:
    head = desk.store.put(REF, iter([A]))

    first, again = desk.intake.announce(head), desk.intake.announce(head)

    assert first is not None and again is not None
    assert (first.is_new, again.is_new, again.load) == (True, False, first.load)
    assert desk.intake.announce(replace(head, ref=ObjectRef("local", "tables/t/a.csv"))) is None
    assert len(desk.told) == 1


@pytest.mark.parametrize(
    ("state", "reason"),
    [(LoadState.REFUSED, OBJECT_REMOVED), (LoadState.SUPERSEDED, "SUPERSEDED")],
)
def test_what_was_not_there_when_it_was_to_be_read_is_entered_again_when_it_is_back(
    desk: Desk, state: LoadState, reason: str
) -> None:
    head = desk.store.put(REF, iter([A]))
    first = desk.intake.announce(head)
    assert first is not None
    desk.ledger.advance(first.load.load_id, state, reason=reason, now=first.load.received_at)

    again = desk.intake.announce(head)

    assert again is not None and again.is_new
    assert desk.ledger.find(first.load.load_id).state is LoadState.RECEIVED


@pytest.mark.parametrize("state", [LoadState.COMMITTED, LoadState.REFUSED, LoadState.FAILED])
def test_a_replay_is_a_load_of_its_own_over_the_same_content(desk: Desk, state: LoadState) -> None:
    first = desk.put(A)
    desk.end(first, state)

    second = desk.intake.replay(desk.ledger.find(first.load_id))
    desk.end(second, LoadState.COMMITTED)
    third = desk.intake.replay(second)

    assert len({first.load_id, second.load_id, third.load_id}) == 3
    assert (second.state, third.state) == (LoadState.RECEIVED, LoadState.RECEIVED)
    assert desk.ledger.latest(REF) == third
    assert desk.put(A).load_id == third.load_id


def test_only_what_is_there_can_be_replayed(desk: Desk) -> None:
    first = desk.put(A)
    desk.put(B)
    with pytest.raises(PreconditionFailed):
        desk.intake.replay(first)
    desk.store.delete(REF)

    with pytest.raises(ObjectNotFound):
        desk.intake.replay(first)


def test_objects_found_together_are_entered_as_each_alone_would_be(desk: Desk) -> None:
    desk.intake.put("t/a.csv", iter([b"id\n1\n"]))
    refs = [ObjectRef("local", f"input/t/{name}.csv") for name in "abc"]
    for ref in refs[1:]:
        desk.store.put(ref, iter([b"id\n2\n"]))
    heads = [desk.store.head(ref) for ref in refs]
    elsewhere = replace(heads[0], ref=ObjectRef("local", "tables/t/a.csv"))

    assert desk.intake.announce_all([*heads, elsewhere]) == 2
    assert desk.intake.announce_all(heads) == 0

    found = [desk.ledger.latest(ref) for ref in refs]
    assert [each.state for each in found if each] == [LoadState.RECEIVED] * 3
    assert len({each.sequencer for each in found if each}) == 3


@pytest.mark.parametrize("name", ["Lab Results", "labs__quarantine", "labs/2024", "2024", ""])
def test_a_declaration_that_no_file_could_ever_come_under_is_refused(name: str) -> None:
    with pytest.raises(SettingsError):
        DatasetBook("medical_records", {name: Dataset(table=name)})


def test_tables_of_long_names_leave_room_for_the_name_of_their_quarantine() -> None:
    names = {
        DatasetBook("t").for_key(f"input/{'n' * length}{end}/a.csv").table
        for length in (230, 254)
        for end in "ab"
    }

    assert len(names) == 4
    assert max(len(quarantine_table(name)) for name in names) <= 255
