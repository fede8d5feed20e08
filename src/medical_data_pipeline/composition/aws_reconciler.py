"""What was lost on its way: loads that stand still, and raw files of which no event has told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile

from medical_data_pipeline.composition.aws_batches import TimeLeft
from medical_data_pipeline.composition.aws_hand_over import RUN_TIME
from medical_data_pipeline.composition.aws_raw_scan import RawScan
from medical_data_pipeline.errors import BackendError
from medical_data_pipeline.model.load import OBJECT_REMOVED, Load, LoadState
from medical_data_pipeline.ports import Clock, Ledger, LoadFilter

# Longer than a message stays out with a function that died over it.
_STANDSTILL = timedelta(hours=1)
# Of so many refused loads some may be back.
_REMEMBERED = 500
# What is left then is for the look through the raw zone.
_SHARE = 0.75


@dataclass(frozen=True)
class AwsReconciler:
    """`convert` and `commit` put a load back before the functions whose work on it is due; loads that
    `is_handed_over` tells of are converted by a job.
    """

    raw_scan: RawScan
    ledger: Ledger
    convert: Callable[[Load], None]
    commit: Callable[[Load], None]
    clock: Clock
    is_handed_over: Callable[[Load], bool]

    def scan(self, time_left: TimeLeft) -> int:
        """Announce what is missing, as far as the time goes; returns how many loads were announced.

        Raises:
            BackendError: something could not be announced, or not be looked at; all else was.
        """
        standing = [load for load in self.ledger.unfinished() if self._stands_still(load)]
        # Oldest first: those that the time does not do for have their turn when these have come on.
        announced, failures = 0, list[BackendError]()
        least_s = _SHARE * time_left()
        for load in takewhile(lambda _: time_left() >= least_s, standing):
            failure = self._failure(load)
            failures += [failure] if failure else []
            announced += 1
        found = self.raw_scan.look_again(self._removed()) + self.raw_scan.go_on(time_left)
        if failures:
            raise failures[0]
        return announced + found

    def _removed(self) -> list[Load]:
        """The newest loads whose file was removed before it was read."""
        refused = self.ledger.list(LoadFilter(state=LoadState.REFUSED, limit=_REMEMBERED))
        return [load for load in refused if load.reason == OBJECT_REMOVED]

    def _stands_still(self, load: Load) -> bool:
        standstill = RUN_TIME if self.is_handed_over(load) else _STANDSTILL
        return self.clock() - load.updated_at >= standstill

    def _failure(self, load: Load) -> BackendError | None:
        """Why a load could not be announced: the others must not wait for it."""
        try:
            if load.state is LoadState.RECEIVED:
                self.convert(load)
            else:
                self.commit(load)
        except BackendError as error:
            return error
        return None
