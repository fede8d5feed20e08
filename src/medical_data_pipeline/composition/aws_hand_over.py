"""Files too large for a function, handed over to a job; one that no run of it converts is given up."""

from dataclasses import dataclass
from datetime import timedelta

from medical_data_pipeline.adapters.aws.glue_job import GlueJob
from medical_data_pipeline.composition.happenings import Happening, Report, of_load
from medical_data_pipeline.model.load import MAX_ATTEMPTS, Load, LoadState
from medical_data_pipeline.ports import Clock, Ledger

# A run is ended after eight hours (spark.tf).
RUN_TIME = timedelta(hours=9)
_HANDED_OVER = "handed over to the job for large files"


@dataclass(frozen=True)
class HandOver:
    """Without a job nothing is handed over, and large files are tried like any other."""

    job: GlueJob | None
    large_bytes: int
    ledger: Ledger
    clock: Clock
    report: Report

    def takes(self, load: Load) -> bool:
        """Whether the job converts it instead of the function."""
        return self.job is not None and load.size_bytes > self.large_bytes

    def begin(self, load: Load) -> None:
        """Begin a run for a load that is RECEIVED, unless one goes on, or as many were begun as may be.

        Raises:
            BackendUnavailable: too many runs at once, or the outcome is unknown; the message comes again.
        """
        assert self.job is not None  # noqa: S101 - tells the type checker, nobody else
        if self._goes_on(load):
            return
        if load.attempts >= MAX_ATTEMPTS:
            self._give_up(load)
            return
        self.job.start(load.load_id)
        # Not before: what was refused for want of room is no attempt. A run takes longer to begin than this.
        self.ledger.advance(
            load.load_id,
            LoadState.RECEIVED,
            detail=_HANDED_OVER,
            now=self.clock(),
            sequencer=load.sequencer,
        )
        self.report(Happening("handed-over", load.load_id, load.table))

    def _goes_on(self, load: Load) -> bool:
        """An event that comes twice must not use up attempts."""
        return load.detail == _HANDED_OVER and self.clock() - load.updated_at < RUN_TIME

    def _give_up(self, load: Load) -> None:
        is_silent = load.detail == _HANDED_OVER
        self.ledger.advance(
            load.load_id,
            LoadState.FAILED,
            reason="JOB_FAILED",
            detail="no run of the job came to an end" if is_silent else load.detail,
            now=self.clock(),
            sequencer=load.sequencer,
        )
        self.report(of_load(self.ledger.find(load.load_id)))
