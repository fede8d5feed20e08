"""Raw files whose event was lost, found by looking through `input/` a part at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from medical_data_pipeline.adapters.aws.aws_raw_zone import AwsRawZone, RawPass
from medical_data_pipeline.adapters.aws.dynamodb_batches import MOST_KEYS
from medical_data_pipeline.adapters.aws.s3_listing import ListedObject
from medical_data_pipeline.composition.aws_batches import TimeLeft
from medical_data_pipeline.composition.happenings import Happening, Report, told
from medical_data_pipeline.conversion.intake import IntakeService
from medical_data_pipeline.errors import BackendUnavailable, ObjectNotFound, PipelineError
from medical_data_pipeline.model.load import Load
from medical_data_pipeline.model.objects import ObjectHead
from medical_data_pipeline.ports import Clock, ObjectStore

_BEGINNING = datetime.min.replace(tzinfo=UTC)
# An object is dated by when its upload began. The bucket ends one that takes days (s3.tf), but not at once.
LONGEST_UPLOAD = timedelta(days=4)
# A former version that is brought back keeps its date, and a copy may have that of its original.
_WHOLE_PERIOD = timedelta(days=1)
_LEAST_S = 15.0


def next_pass(last: RawPass | None, now: datetime) -> RawPass:
    """The pass to go on with: most look only at what may have come since the last one, one a day at all."""
    if last is not None and not last.is_through:
        return last
    if last is None or now - last.whole_at >= _WHOLE_PERIOD:
        return RawPass(now, _BEGINNING, now)
    return RawPass(now, last.began_at - LONGEST_UPLOAD, last.whole_at)


def ended(going: RawPass) -> RawPass:
    """A pass that has come to the last key; one in which a file could not be taken in begins once more."""
    if going.has_failed:
        return replace(going, after="", has_failed=False)
    return replace(going, is_through=True)


@dataclass(frozen=True)
class RawScan:
    """An event may take some minutes; an object older than `quiet_time` is announced without one."""

    raw_zone: AwsRawZone
    store: ObjectStore
    intake: IntakeService
    clock: Clock
    quiet_time: timedelta
    report: Report

    def go_on(self, time_left: TimeLeft) -> int:
        """Announce what is missing, as far as the time goes; returns how many loads were announced.

        Raises:
            BackendUnavailable: a file could not be taken in; all others were. The pass is made once more.
        """
        going = next_pass(self.raw_zone.last_pass(), self.clock())
        found, failures = 0, list[BackendUnavailable]()
        # What came in the same batch needs time as well.
        least_s = max(_LEAST_S, time_left() / 2)
        for due, key in self._steps(going):
            if time_left() < least_s:
                self.report(Happening("reconcile-postponed", "", "", f"{found} announced so far"))
                break
            found += sum(self._is_announced(each, failures) for each in self.raw_zone.unknown(due))
            going = replace(going, after=key, has_failed=going.has_failed or bool(failures))
        else:
            going = ended(going)
        self.raw_zone.put_pass(going)
        if failures:
            raise failures[0]
        return found

    def look_again(self, removed: Sequence[Load]) -> int:
        """Announce the files of loads that were not there to be read, where they are back; returns how many.

        The date of a former version that was brought back says nothing of it, and its source is known.
        """
        return sum(self._is_back(load) for load in removed)

    def _is_back(self, load: Load) -> bool:
        try:
            found = self.intake.announce(self.store.head(load.source))
        except ObjectNotFound:
            return False
        except PipelineError as error:
            # It is looked at each time, and the others must not wait for it.
            self.report(Happening("reconcile-failed", load.load_id, load.table, told(error)))
            return False
        return found is not None and found.is_new

    def _steps(self, going: RawPass) -> Iterator[tuple[Sequence[ListedObject], str]]:
        """What has to be compared, and the key to which everything has been then."""
        for page in self.raw_zone.pages(going.after):
            due = [each for each in page if self._is_due(each, going)]
            for start in range(0, len(due), MOST_KEYS):
                part = due[start : start + MOST_KEYS]
                yield part, part[-1].ref.key
            if page:
                yield (), page[-1].ref.key

    def _is_due(self, listed: ListedObject, going: RawPass) -> bool:
        return going.since <= listed.modified_at <= self.clock() - self.quiet_time

    def _is_announced(self, listed: ListedObject, failures: list[BackendUnavailable]) -> bool:
        try:
            found = self.intake.announce(self._head(listed))
            if found is not None:
                self.raw_zone.note(listed, found.load.load_id)
            return found is not None and found.is_new
        except ObjectNotFound:
            pass  # it was removed since it was listed
        except BackendUnavailable as error:
            # The others must not wait for this one.
            failures.append(error)
        except PipelineError as error:
            self.report(Happening("reconcile-failed", "", "", type(error).__name__))
        return False

    def _head(self, listed: ListedObject) -> ObjectHead:
        if listed.has_sha256:
            return self.store.head(listed.ref)
        return ObjectHead(listed.ref, listed.size_bytes, "", listed.modified_at, listed.etag)
