"""The reconciler: every file gets its turn, and a stop does not wait for all of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic, sleep
from typing import cast

import pytest

from medical_data_pipeline.composition.aws_batches import TimeLeft
from medical_data_pipeline.composition.aws_raw_scan import RawScan, ended, next_pass
from medical_data_pipeline.composition.aws_reconciler import AwsReconciler
from medical_data_pipeline.composition.reconciler import MAX_TOGETHER, Reconciler
from medical_data_pipeline.conversion.intake import IntakeService
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.model.objects import ObjectHead, ObjectRef, load_id
from medical_data_pipeline.ports import Ledger
from tests.fakes import NOON, FixedClock, MemoryLedger, MemoryObjectStore


@dataclass
class Announcements:
    """Stands in for the intake: notes the keys, and does what a test wants when one comes."""

    then: Callable[[ObjectHead], None] = lambda head: None
    bucket: str = "local"
    keys: list[str] = field(default_factory=list)

    def announce_all(self, heads: Sequence[ObjectHead]) -> int:
        for head in heads:
            self.then(head)
        self.keys += [head.ref.key for head in heads]
        return len(heads)


def reconciler(
    intake: Announcements, errors: list[str], files: int = 5, keys: Sequence[str] = ()
) -> Reconciler:
    store = MemoryObjectStore()
    for key in (*(f"t/{number}.csv" for number in range(files)), *keys):
        store.put(ObjectRef("local", f"input/{key}"), iter([b"id\n1\n"]))
    return Reconciler(
        store, cast(IntakeService, intake), FixedClock(NOON + timedelta(minutes=1)), errors.append
    )


def stop(scanning: Reconciler) -> None:
    scanning.stop(0.0)


def test_a_stop_ends_a_scan_after_the_files_in_hand() -> None:
    intake = Announcements()
    scanning = reconciler(intake, [], files=2 * MAX_TOGETHER + 1)
    intake.then = lambda head: stop(scanning)

    scanning.scan()

    assert len(intake.keys) == MAX_TOGETHER


def test_a_file_that_is_being_copied_under_a_hidden_name_is_left_alone() -> None:
    intake = Announcements()

    reconciler(intake, [], 0, keys=("t/.a.csv.Zz9", ".rsync-partial/a.csv", "t/a.csv")).scan()

    assert intake.keys == ["input/t/a.csv"]


def test_a_file_that_went_and_is_back_as_it_was_is_looked_at_again() -> None:
    intake, store, ref = Announcements(), MemoryObjectStore(), ObjectRef("local", "input/t/a.csv")
    scanning = Reconciler(
        store, cast(IntakeService, intake), FixedClock(NOON + timedelta(minutes=1)), [].append
    )

    store.put(ref, iter([b"id\n1\n"]))
    scanning.scan()
    store.delete(ref)
    scanning.scan()
    store.put(ref, iter([b"id\n1\n"]))
    scanning.scan()

    assert intake.keys == ["input/t/a.csv"] * 2


class SlowList(MemoryObjectStore):
    """Takes its time to list, and notes when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectHead]:
        self.asked.append(monotonic())
        sleep(0.2)
        return super().list(bucket, prefix)


def test_after_a_slow_scan_of_files_that_were_uploaded_dropped_ones_do_not_wait_long() -> None:
    store = SlowList()
    store.put(ObjectRef("local", "input/t/a.csv"), iter([b"id\n1\n"]))
    intake = Announcements()
    scanning = Reconciler(
        store, cast(IntakeService, intake), FixedClock(NOON + timedelta(minutes=1)), lambda error: None
    )

    scanning.start(0.05)
    deadline = monotonic() + 10
    while len(store.asked) < 2 and monotonic() < deadline:
        sleep(0.01)
    scanning.stop(10.0)

    assert intake.keys == ["input/t/a.csv"]
    assert store.asked[1] - store.asked[0] < 1.5  # ten times as long as the scan, had it found nothing


def test_a_file_that_cannot_be_taken_in_is_tried_again_and_does_not_stop_the_others() -> None:
    errors: list[str] = []

    def refuse(head: ObjectHead) -> None:
        if head.ref.key.endswith("/2.csv"):
            raise BackendUnavailable("the ledger does not answer")

    intake = Announcements(refuse)
    scanning = reconciler(intake, errors)

    scanning.scan()
    scanning.scan()

    assert sorted(intake.keys) == [f"input/t/{number}.csv" for number in (0, 1, 3, 4)]
    assert errors == ["BackendUnavailable"] * 2


def test_on_aws_a_load_that_cannot_be_announced_does_not_stop_the_others() -> None:
    announced: list[str] = []

    def convert(load: Load) -> None:
        if load.load_id == loads[1].load_id:
            raise BackendUnavailable("the queue does not answer")
        announced.append(load.load_id)

    ledger: Ledger = MemoryLedger()
    loads = [ledger.receive(received(f"input/t/{number}.csv")) for number in range(3)]
    reconciling = AwsReconciler(
        cast(RawScan, NothingLost()),
        ledger,
        convert,
        convert,
        FixedClock(NOON + timedelta(hours=2)),
        lambda load: False,
    )

    with pytest.raises(BackendUnavailable):  # so that the task comes again
        reconciling.scan(lambda: 900.0)
    assert announced == [loads[0].load_id, loads[2].load_id]


def test_on_aws_loads_that_stand_still_leave_time_to_look_for_lost_events() -> None:
    announced: list[str] = []
    ledger: Ledger = MemoryLedger()
    for number in range(10):
        ledger.receive(received(f"input/t/{number}.csv"))
    lost = NothingLost()
    reconciling = AwsReconciler(
        cast(RawScan, lost),
        ledger,
        lambda load: announced.append(load.load_id),
        lambda load: announced.append(load.load_id),
        FixedClock(NOON + timedelta(hours=2)),
        lambda load: False,
    )

    # Each announcement takes a tenth of the function's time.
    assert reconciling.scan(lambda: 300.0 - 30 * len(announced)) == 3
    assert lost.time_left_s == [210.0]


class NothingLost:
    """Stands in for the look through the raw zone."""

    def __init__(self) -> None:
        self.time_left_s: list[float] = []

    def look_again(self, removed: Sequence[Load]) -> int:
        return 0

    def go_on(self, time_left: TimeLeft) -> int:
        self.time_left_s.append(time_left())
        return 0


def received(key: str) -> Load:
    ref = ObjectRef("local", key)
    return Load(load_id(ref, "v"), "t", ref, "v", "1", 7, LoadState.RECEIVED, NOON, NOON)


def test_a_day_is_begun_with_a_look_at_everything_and_goes_on_with_what_may_be_new() -> None:
    first = next_pass(None, NOON)
    soon = next_pass(replace(first, is_through=True), NOON + timedelta(minutes=15))
    next_day = next_pass(replace(soon, is_through=True), NOON + timedelta(days=1))

    assert (first.whole_at, soon.whole_at, next_day.whole_at) == (NOON, NOON, NOON + timedelta(days=1))
    assert first.since == next_day.since < NOON - timedelta(days=365 * 100)
    assert soon.since == NOON - timedelta(days=4)


def test_a_look_that_is_not_through_is_gone_on_with_however_old_it_is() -> None:
    begun = replace(next_pass(None, NOON), after="input/t/5.csv")

    assert next_pass(begun, NOON + timedelta(days=9)) == begun


def test_a_look_that_left_a_file_out_is_made_once_more() -> None:
    begun = replace(next_pass(None, NOON), after="input/t/5.csv", has_failed=True)

    again = next_pass(ended(begun), NOON + timedelta(minutes=15))

    assert again == replace(begun, after="", has_failed=False)
    assert ended(again).is_through
