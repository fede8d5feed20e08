"""The reconciler: every file gets its turn, and a stop does not wait for all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest

from medical_data_pipeline.composition.aws_reconciler import AwsReconciler
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.composition.reconciler import MAX_TOGETHER, Reconciler
from medical_data_pipeline.conversion.intake import IntakeService
from medical_data_pipeline.errors import BackendUnavailable, InvalidObjectRef
from medical_data_pipeline.model.objects import ObjectHead, ObjectRef
from medical_data_pipeline.ports import Ledger
from tests.fakes import NOON, FixedClock, MemoryLedger, MemoryObjectStore


@dataclass
class Announcements:
    """Stands in for the intake: notes the keys, and does what a test wants when one comes."""

    then: Callable[[ObjectHead], None] = lambda head: None
    bucket: str = "local"
    keys: list[str] = field(default_factory=list)

    def announce(self, head: ObjectHead) -> int:
        return self.announce_all([head])

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


def test_on_aws_too_a_file_that_cannot_be_taken_in_does_not_stop_the_others() -> None:
    told: list[Happening] = []

    def refuse(head: ObjectHead) -> None:
        if head.ref.key.endswith("/1.csv"):
            raise InvalidObjectRef("the key is too long")
        if head.ref.key.endswith("/2.csv"):
            raise BackendUnavailable("the ledger does not answer")

    intake = Announcements(refuse)
    store = MemoryObjectStore()
    for number in range(5):
        store.put(ObjectRef("local", f"input/t/{number}.csv"), iter([b"id\n1\n"]))
    ledger: Ledger = MemoryLedger()
    scanning = AwsReconciler(
        store,
        cast(IntakeService, intake),
        ledger,
        lambda load: None,
        lambda load: None,
        FixedClock(NOON + timedelta(hours=1)),
        timedelta(minutes=10),
        lambda load: False,
        told.append,
    )

    with pytest.raises(BackendUnavailable):  # so that the task comes again
        scanning.scan(lambda: 900.0)
    assert sorted(intake.keys) == [f"input/t/{number}.csv" for number in (0, 3, 4)]
    assert [(each.event, each.detail) for each in told] == [("reconcile-failed", "InvalidObjectRef")]
