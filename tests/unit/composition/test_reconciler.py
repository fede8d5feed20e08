"""The reconciler: every file gets its turn, and a stop does not wait for all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from medical_data_pipeline.composition.reconciler import Reconciler
from medical_data_pipeline.conversion.intake import IntakeService, Upload
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.objects import ObjectHead, ObjectRef
from tests.fakes import NOON, FixedClock, MemoryObjectStore


@dataclass
class Announcements:
    """Stands in for the intake: notes the keys, and does what a test wants when one comes."""

    then: Callable[[ObjectHead], None] = lambda head: None
    bucket: str = "local"
    keys: list[str] = field(default_factory=list)

    def announce(self, head: ObjectHead) -> Upload | None:
        self.keys.append(head.ref.key)
        self.then(head)
        return None


def reconciler(intake: Announcements, errors: list[str]) -> Reconciler:
    store = MemoryObjectStore()
    for number in range(5):
        store.put(ObjectRef("local", f"input/t/{number}.csv"), iter([b"id\n1\n"]))
    return Reconciler(
        store, cast(IntakeService, intake), FixedClock(NOON + timedelta(minutes=1)), errors.append
    )


def stop(scanning: Reconciler) -> None:
    scanning.stop(0.0)


def test_a_stop_ends_a_scan_at_the_next_file() -> None:
    intake = Announcements()
    scanning = reconciler(intake, [])
    intake.then = lambda head: stop(scanning)

    scanning.scan()

    assert len(intake.keys) == 1


def test_a_file_that_cannot_be_taken_in_is_tried_again_and_does_not_stop_the_others() -> None:
    errors: list[str] = []

    def refuse(head: ObjectHead) -> None:
        if head.ref.key.endswith("/2.csv"):
            raise BackendUnavailable("the ledger does not answer")

    intake = Announcements(refuse)
    scanning = reconciler(intake, errors)

    scanning.scan()
    scanning.scan()

    assert sorted(intake.keys) == [f"input/t/{number}.csv" for number in (0, 1, 2, 2, 3, 4)]
    assert errors == ["BackendUnavailable"] * 2
