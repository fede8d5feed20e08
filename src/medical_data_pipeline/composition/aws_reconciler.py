"""What lies under `input/` against the ledger, and loads that stand still: events that were lost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from medical_data_pipeline.composition.aws_batches import TimeLeft
from medical_data_pipeline.composition.happenings import Happening, Report
from medical_data_pipeline.conversion.intake import IntakeService
from medical_data_pipeline.errors import BackendUnavailable, PipelineError
from medical_data_pipeline.model.keys import RAW_PREFIX
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.model.objects import ObjectHead
from medical_data_pipeline.ports import Clock, Ledger, ObjectStore

# Longer than a message stays out with a function that died over it.
_STANDSTILL = timedelta(hours=1)
# A job for a large file may run for eight hours.
_LONG_STANDSTILL = timedelta(hours=9)
_LEAST_S = 15.0


@dataclass(frozen=True)
class AwsReconciler:
    """`convert` and `commit` put a load back before the functions whose work on it is due; loads that
    `is_handed_over` tells of are converted by a job.

    An event may take some minutes; an object older than `quiet_time` is announced without one.
    """

    store: ObjectStore
    intake: IntakeService
    ledger: Ledger
    convert: Callable[[Load], None]
    commit: Callable[[Load], None]
    clock: Clock
    quiet_time: timedelta
    is_handed_over: Callable[[Load], bool]
    report: Report

    def scan(self, time_left: TimeLeft) -> int:
        """Announce what is missing, as far as the time goes; returns how many loads were announced.

        Raises:
            BackendUnavailable: a file could not be taken in; all others were tried.
        """
        now = self.clock()
        found = sum(self._is_announced_again(load, now) for load in self.ledger.unfinished())
        failed: BackendUnavailable | None = None
        for head in self.store.list(self.intake.bucket, RAW_PREFIX):
            if time_left() < _LEAST_S:
                break
            if now - head.modified_at < self.quiet_time:
                continue
            try:
                found += self._is_announced(head)
            except BackendUnavailable as error:
                # The others must not wait for this one.
                failed = error
            except PipelineError as error:
                self.report(Happening("reconcile-failed", "", "", type(error).__name__))
        if failed is not None:
            raise failed
        return found

    def _is_announced(self, head: ObjectHead) -> bool:
        complete = head if head.version else self.store.head(head.ref)
        return self.intake.announce(complete) is not None

    def _is_announced_again(self, load: Load, now: datetime) -> bool:
        standstill = _LONG_STANDSTILL if self.is_handed_over(load) else _STANDSTILL
        if now - load.updated_at < standstill:
            return False
        if load.state is LoadState.RECEIVED:
            self.convert(load)
        else:
            self.commit(load)
        return True
