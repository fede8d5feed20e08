"""What every ledger promises: durable, the newest word on a file wins, a repeat changes nothing."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.adapters.aws.dynamodb_ledger import DynamoDbLedger
from medical_data_pipeline.adapters.local.sqlite_ledger import SqliteLedger
from medical_data_pipeline.errors import LoadNotFound
from medical_data_pipeline.model.load import FINAL_STATES, Load, LoadState, RowCounts
from medical_data_pipeline.model.objects import ObjectRef, is_older, load_id
from medical_data_pipeline.ports import Ledger, LoadFilter, Step
from tests.aws_emulator import LEDGER_TABLE, emulated_aws
from tests.fakes import MemoryLedger

RECEIVED, CONVERTED, COMMITTED = LoadState.RECEIVED, LoadState.CONVERTED, LoadState.COMMITTED
SUPERSEDED, REFUSED, FAILED = LoadState.SUPERSEDED, LoadState.REFUSED, LoadState.FAILED
NOON = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
SOURCE = ObjectRef("local", "input/t/a.csv")

OpenLedger = Callable[[], Ledger]


@pytest.fixture
def ledger_factories(tmp_path: Path) -> Iterator[dict[str, OpenLedger]]:
    """Each opens the same ledger again, as another process would."""
    remembered = MemoryLedger()
    with ExitStack() as opened:

        def sqlite() -> Ledger:
            return opened.enter_context(closing(SqliteLedger(tmp_path / "ledger.sqlite")))

        def dynamodb() -> Ledger:
            if not emulated:
                emulated.append(opened.enter_context(emulated_aws("ledger")))
            return DynamoDbLedger(aws_client("dynamodb"), LEDGER_TABLE)

        emulated: list[None] = []
        yield {"memory": lambda: remembered, "sqlite": sqlite, "dynamodb": dynamodb}


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def open_ledger(request: pytest.FixtureRequest, ledger_factories: dict[str, OpenLedger]) -> OpenLedger:
    return ledger_factories[request.param]


@pytest.fixture
def ledger(open_ledger: OpenLedger) -> Ledger:
    return open_ledger()


def load(content: str, sequencer: str, file: str = "a.csv", table: str = "t") -> Load:
    source = ObjectRef("local", f"input/{table}/{file}")
    return Load(load_id(source, content), table, source, content, sequencer, 7, RECEIVED, NOON, NOON)


def ended(ledger: Ledger, received: Load, *states: LoadState) -> Load:
    for state in states:
        assert ledger.advance(received.load_id, state, now=LATER)
    return ledger.find(received.load_id)


def states(ledger: Ledger, *loads: Load) -> list[LoadState]:
    return [ledger.find(each.load_id).state for each in loads]


def ids(loads: Iterable[Load]) -> list[str]:
    return [each.load_id for each in loads]


def test_a_load_is_recorded_as_it_came_and_found_by_its_id_and_its_source(ledger: Ledger) -> None:
    sent = load("one", "1")

    recorded = ledger.receive(sent)

    assert recorded == sent
    assert ledger.find(sent.load_id) == sent
    assert ledger.latest(sent.source) == sent
    assert ledger.find(sent.load_id).received_at.utcoffset() == timedelta(0)


def test_times_are_kept_to_the_microsecond_whatever_zone_they_come_in(ledger: Ledger) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=-7)))

    ledger.receive(replace(load("one", "1"), received_at=there, updated_at=there))

    assert ledger.find(load("one", "1").load_id).received_at == NOON


def test_what_is_not_known_is_not_found(ledger: Ledger) -> None:
    ledger.receive(load("one", "1"))

    with pytest.raises(LoadNotFound):
        ledger.find("unknown")
    with pytest.raises(LoadNotFound):
        ledger.advance("unknown", CONVERTED, now=LATER)
    with pytest.raises(LoadNotFound):
        ledger.advance_many([Step("unknown", CONVERTED, LATER)])
    assert ledger.latest(ObjectRef("local", "input/t/other.csv")) is None
    assert ledger.latest(ObjectRef("other", "input/t/a.csv")) is None


@pytest.mark.parametrize("before", [(), (CONVERTED,), (COMMITTED,), (REFUSED,), (FAILED,)])
def test_the_same_event_again_changes_nothing(ledger: Ledger, before: tuple[LoadState, ...]) -> None:
    known = ended(ledger, ledger.receive(load("one", "5")), *before)

    for sequencer in ("5", "50", "4"):
        assert ledger.receive(replace(load("one", sequencer), received_at=LATER)) == known

    assert ledger.find(known.load_id) == known
    assert len(ledger.list(LoadFilter())) == 1


@pytest.mark.parametrize("before", [(), (CONVERTED,)])
def test_a_newer_version_supersedes_what_is_not_final(ledger: Ledger, before: tuple[LoadState, ...]) -> None:
    old = ended(ledger, ledger.receive(load("old", "1")), *before)

    new = ledger.receive(load("new", "2"))

    assert states(ledger, old, new) == [SUPERSEDED, RECEIVED]
    assert ledger.latest(new.source) == new
    assert ids(ledger.unfinished()) == [new.load_id]


@pytest.mark.parametrize("final", sorted(FINAL_STATES))
def test_a_newer_version_leaves_what_is_final_as_it_is(ledger: Ledger, final: LoadState) -> None:
    old = ended(ledger, ledger.receive(load("old", "1")), final)

    ledger.receive(load("new", "2"))

    assert ledger.find(old.load_id) == old


def test_a_newer_version_leaves_other_files_alone(ledger: Ledger) -> None:
    other, elsewhere = ledger.receive(load("x", "1", "b.csv")), ledger.receive(load("y", "1", table="u"))

    ledger.receive(load("new", "2"))

    assert states(ledger, other, elsewhere) == [RECEIVED, RECEIVED]


@pytest.mark.parametrize("before", [(), (COMMITTED,), (REFUSED,)])
def test_a_version_older_than_one_that_is_known_is_superseded_at_once(
    ledger: Ledger, before: tuple[LoadState, ...]
) -> None:
    new = ended(ledger, ledger.receive(load("new", "2")), *before)

    late = ledger.receive(load("old", "1"))

    assert late.state is SUPERSEDED
    assert ledger.find(new.load_id) == new
    assert ledger.latest(new.source) == new
    assert ledger.advance(late.load_id, COMMITTED, now=LATER) is False


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1", "2"),
        ("10", "2"),
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6"),
        ("0055AED6DCD9", "0055AED6DCD90281E5"),
        ("0055AED6DCD90281E5", "0055AED6DCE"),
        ("00000000000000000009", "00000000000000000010"),
    ],
)
@pytest.mark.parametrize("comes_first", ["older", "newer"])
def test_sequencers_of_any_length_are_padded_on_the_right_and_compared_as_text(
    ledger: Ledger, older: str, newer: str, comes_first: str
) -> None:
    sent = {"older": load("old", older), "newer": load("new", newer)}

    ledger.receive(sent[comes_first])
    ledger.receive(sent["newer" if comes_first == "older" else "older"])

    assert states(ledger, sent["older"], sent["newer"]) == [SUPERSEDED, RECEIVED]
    assert ledger.latest(sent["newer"].source) == sent["newer"]


@pytest.mark.parametrize("failed", [REFUSED, FAILED, SUPERSEDED])
def test_content_that_failed_is_received_anew_when_it_comes_again(ledger: Ledger, failed: LoadState) -> None:
    first = ledger.receive(load("one", "1"))
    ledger.advance(first.load_id, RECEIVED, now=LATER)
    ledger.advance(first.load_id, CONVERTED, now=LATER, prefix="p/")
    ledger.advance(first.load_id, failed, rows=RowCounts(3, 2, 1), reason="WHY", detail="because", now=LATER)

    again = replace(load("one", "2"), received_at=LATER, updated_at=LATER)

    assert ledger.receive(again) == again
    assert ledger.find(first.load_id) == again
    assert (again.rows, again.reason, again.detail, again.attempts) == (RowCounts(), "", "", 0)


@pytest.mark.parametrize("before", [(), (CONVERTED,), (COMMITTED,)])
def test_content_that_stands_only_moves_its_sequencer_on(
    ledger: Ledger, before: tuple[LoadState, ...]
) -> None:
    first = ended(ledger, ledger.receive(load("one", "1")), *before)

    again = ledger.receive(replace(load("one", "2"), received_at=LATER))

    assert again == replace(first, sequencer="2")
    assert ledger.find(first.load_id) == again


def test_content_that_comes_back_after_other_content_is_loaded_again(ledger: Ledger) -> None:
    first = ended(ledger, ledger.receive(load("one", "1")), COMMITTED)
    other = ledger.receive(load("two", "2"))

    back = ledger.receive(replace(load("one", "3"), received_at=LATER))

    assert states(ledger, first, other) == [RECEIVED, SUPERSEDED]
    assert ledger.latest(first.source) == back
    assert ids(ledger.list(LoadFilter())) == [back.load_id, other.load_id]


def test_content_that_comes_back_late_changes_nothing(ledger: Ledger) -> None:
    ended(ledger, ledger.receive(load("one", "1")), COMMITTED)
    newest = ledger.receive(load("two", "3"))

    late = ledger.receive(load("one", "2"))

    assert (late.state, late.sequencer) == (COMMITTED, "1")
    assert ledger.latest(newest.source) == newest


def test_a_step_is_taken_with_all_it_says(ledger: Ledger) -> None:
    received = ledger.receive(load("one", "1"))

    assert ledger.advance(
        received.load_id,
        CONVERTED,
        rows=RowCounts(5, 3, 2),
        reason="WHY",
        detail="because",
        now=LATER,
        prefix="record_folders/t/somewhere/",
    )

    assert ledger.find(received.load_id) == replace(
        received,
        state=CONVERTED,
        rows=RowCounts(5, 3, 2),
        reason="WHY",
        detail="because",
        updated_at=LATER,
        prefix="record_folders/t/somewhere/",
    )


def test_a_step_without_rows_or_a_prefix_keeps_them_and_without_reasons_forgets_them(ledger: Ledger) -> None:
    received = ledger.receive(load("one", "1"))
    step = Step(received.load_id, CONVERTED, NOON, RowCounts(5, 3, 2), "WHY", "d", prefix="p/")
    ledger.advance_many([step])

    ledger.advance(received.load_id, COMMITTED, now=LATER)

    found = ledger.find(received.load_id)
    assert (found.state, found.rows, found.reason, found.detail) == (COMMITTED, RowCounts(5, 3, 2), "", "")
    assert found.prefix == "p/"


@pytest.mark.parametrize("final", sorted(FINAL_STATES))
def test_what_is_final_is_never_moved_again(ledger: Ledger, final: LoadState) -> None:
    known = ended(ledger, ledger.receive(load("one", "1")), final)

    for state in LoadState:
        assert (
            ledger.advance(known.load_id, state, reason="LATE", rows=RowCounts(9, 9, 0), now=LATER) is False
        )

    assert ledger.find(known.load_id) == known


def test_to_go_back_to_received_counts_as_another_attempt(ledger: Ledger) -> None:
    received = ledger.receive(load("one", "1"))

    ended(ledger, received, RECEIVED, CONVERTED, RECEIVED)

    assert ledger.find(received.load_id).attempts == 2


def test_what_was_done_for_a_former_arrival_moves_nothing(ledger: Ledger) -> None:
    first = ledger.receive(load("one", "1"))
    again = ledger.receive(load("one", "2"))

    assert ledger.advance(first.load_id, CONVERTED, now=LATER, sequencer="1") is False
    assert ledger.find(first.load_id) == again
    assert ledger.advance(first.load_id, CONVERTED, now=LATER, sequencer="2") is True


def test_a_load_without_a_sequencer_is_given_one_above_all_its_source_had(ledger: Ledger) -> None:
    first = ledger.receive(load("one", ""))
    second, third = ledger.receive_many([load("two", ""), load("three", "")])

    assert "" < first.sequencer < second.sequencer < third.sequencer < ledger.next_sequencer(SOURCE)
    assert states(ledger, first, second, third) == [SUPERSEDED, SUPERSEDED, RECEIVED]


def test_several_loads_are_found_at_once_and_those_that_are_not_there_left_out(ledger: Ledger) -> None:
    one, other = ledger.receive(load("one", "1")), ledger.receive(load("x", "1", "b.csv"))

    found = ledger.find_many([other.load_id, "unknown", one.load_id])

    assert dict(found) == {one.load_id: one, other.load_id: other}
    assert dict(ledger.find_many([])) == {}


def test_the_newest_loads_of_many_sources_are_found_at_once(ledger: Ledger) -> None:
    ledger.receive_many([load("one", "1"), load("two", "2"), load("x", "1", "b.csv")])
    sources = [load("", "", name).source for name in ("b.csv", "a.csv", "c.csv", "a.csv")]
    elsewhere = ObjectRef("other", sources[0].key)

    found = ledger.latest_of([*sources, elsewhere])

    assert {source.key: each.version for source, each in found.items()} == {
        sources[0].key: "x",
        sources[1].key: "two",
    }
    assert dict(ledger.latest_of([])) == {}


def test_many_are_received_as_one_after_the_other(ledger: Ledger) -> None:
    sent = [load("one", "1"), load("x", "1", "b.csv"), load("two", "2"), load("one", "1"), load("three", "1")]

    recorded = ledger.receive_many(sent)

    assert [each.state for each in recorded] == [RECEIVED, RECEIVED, RECEIVED, SUPERSEDED, SUPERSEDED]
    assert states(ledger, sent[0], sent[1], sent[2], sent[4]) == [SUPERSEDED, RECEIVED, RECEIVED, SUPERSEDED]
    assert ledger.receive_many([]) == []


def test_many_steps_are_taken_one_after_the_other(ledger: Ledger) -> None:
    one, other = ledger.receive(load("one", "1")), ledger.receive(load("x", "1", "b.csv"))

    moved = ledger.advance_many(
        [
            Step(one.load_id, COMMITTED, LATER, RowCounts(2, 1, 1)),
            Step(other.load_id, CONVERTED, LATER, sequencer="0"),
            Step(one.load_id, FAILED, LATER, reason="LATE"),
            Step(other.load_id, REFUSED, LATER, reason="WHY", detail="because", sequencer="1"),
        ]
    )

    assert list(moved) == [True, False, False, True]
    assert states(ledger, one, other) == [COMMITTED, REFUSED]
    assert (ledger.find(one.load_id).rows, ledger.find(other.load_id).reason) == (RowCounts(2, 1, 1), "WHY")
    assert list(ledger.advance_many([])) == []


def test_loads_are_listed_newest_first_by_table_and_state_a_page_at_a_time(ledger: Ledger) -> None:
    made = [ledger.receive(load(f"{n}", "1", f"{n}.csv", "tu"[n % 2])) for n in range(6)]
    for each in made[:4]:
        ledger.advance(each.load_id, COMMITTED, now=LATER)
    newest_first = ids(reversed(made))

    assert ids(ledger.list(LoadFilter())) == newest_first
    assert ids(ledger.list(LoadFilter(table="t"))) == [newest_first[n] for n in (1, 3, 5)]
    assert ids(ledger.list(LoadFilter(state=RECEIVED))) == newest_first[:2]
    assert ids(ledger.list(LoadFilter("u", COMMITTED))) == [newest_first[n] for n in (2, 4)]
    assert ids(ledger.list(LoadFilter(limit=2))) == newest_first[:2]
    assert ids(ledger.list(LoadFilter(limit=2, before=newest_first[1]))) == newest_first[2:4]
    assert ids(ledger.list(LoadFilter("t", before=newest_first[1]))) == [newest_first[n] for n in (3, 5)]
    assert ids(ledger.list(LoadFilter(before=newest_first[-1]))) == []
    assert ids(ledger.list(LoadFilter(table="nothing"))) == []


def test_what_a_restart_has_to_finish_comes_oldest_first(ledger: Ledger) -> None:
    made = [ledger.receive(load(f"{n}", "1", f"{n}.csv")) for n in range(7)]
    for each, state in zip(made, [*sorted(FINAL_STATES), CONVERTED, RECEIVED], strict=False):
        ledger.advance(each.load_id, state, now=LATER)

    assert ids(ledger.unfinished()) == ids(made[4:])


def test_everything_is_there_when_the_ledger_is_opened_again(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    one = ended(ledger, ledger.receive(load("one", "1")), CONVERTED)
    two = ledger.receive(load("two", "1", "b.csv"))
    ledger.advance(two.load_id, REFUSED, rows=RowCounts(2, 0, 2), reason="WHY", detail="because", now=LATER)
    given = ledger.next_sequencer(SOURCE)

    again = open_ledger()

    assert again.find(one.load_id) == one
    assert again.find(two.load_id) == ledger.find(two.load_id)
    assert ids(again.unfinished()) == [one.load_id]
    assert again.next_sequencer(SOURCE) > given


def test_a_sequencer_is_greater_than_that_of_another_file_where_that_is_asked_for(ledger: Ledger) -> None:
    other = ledger.receive(load("x", "", "b.csv"))

    above = ledger.next_sequencer(SOURCE, other.sequencer)

    assert is_older(other.sequencer, above)
    assert is_older(above, ledger.next_sequencer(SOURCE, above))


def test_two_who_have_it_open_see_each_others_changes(open_ledger: OpenLedger) -> None:
    one, other = open_ledger(), open_ledger()

    received = one.receive(load("one", "1"))
    assert other.advance(received.load_id, COMMITTED, now=LATER)

    assert one.find(received.load_id).state is COMMITTED
    assert one.advance(received.load_id, FAILED, now=LATER) is False


def test_sequencers_rise_whoever_asks(open_ledger: OpenLedger) -> None:
    ledgers = [open_ledger(), open_ledger()]
    given: list[list[str]] = [[] for _ in range(6)]

    def ask(number: int) -> None:
        given[number] = [ledgers[number % 2].next_sequencer(SOURCE) for _ in range(20)]

    in_parallel(ask, 6)

    every = [sequencer for each in given for sequencer in each]
    assert len(set(every)) == 120
    assert all(each == sorted(each) for each in given)
    assert ledgers[0].next_sequencer(SOURCE) > max(every)
    assert len({len(sequencer) for sequencer in every}) == 1


def test_of_many_who_would_end_a_load_one_does(open_ledger: OpenLedger) -> None:
    ledgers = [open_ledger(), open_ledger()]
    received = ledgers[0].receive(load("one", "1"))
    moved: list[bool] = [False] * 8

    def end(number: int) -> None:
        moved[number] = ledgers[number % 2].advance(
            received.load_id, COMMITTED, rows=RowCounts(number, number, 0), now=LATER
        )

    in_parallel(end, 8)

    assert sum(moved) == 1
    assert ledgers[0].find(received.load_id).rows.read == moved.index(True)


def test_of_many_versions_received_at_once_the_newest_stands(open_ledger: OpenLedger) -> None:
    ledgers = [open_ledger(), open_ledger()]
    versions = [load(f"v{number}", f"{number:03d}") for number in range(12)]

    in_parallel(lambda number: ledgers[number % 2].receive(versions[number]), 12)

    assert states(ledgers[0], *versions) == [SUPERSEDED] * 11 + [RECEIVED]
    assert ledgers[0].latest(versions[0].source) == versions[-1]


def in_parallel(work: Callable[[int], object], threads: int) -> None:
    started = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def test_every_load_counts_however_many_there_are(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        ledger.receive_many([load("x", "", f"{number}.csv") for number in range(10_050)])
        ledger.advance(load("x", "", "7.csv").load_id, FAILED, now=NOON)

        assert ledger.counts() == {"received": 10_049, "failed": 1}
