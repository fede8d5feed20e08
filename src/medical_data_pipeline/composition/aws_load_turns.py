"""Loads converted within the time a function has; what that does not do for is said, not lost."""

from dataclasses import dataclass
from threading import Timer

from medical_data_pipeline.composition.aws_batches import Turn
from medical_data_pipeline.composition.happenings import Happening, Report, of_load, of_manifest, told
from medical_data_pipeline.conversion.load_conversion import LoadConversion
from medical_data_pipeline.errors import BackendError
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.ports import Clock, Ledger

# So many bytes a second a function of 512 MB converts at least; what needs longer than is left is not begun.
_BYTES_A_SECOND = 1 << 20
_LEAST_S = 10.0
_BEFORE_THE_END_S = 3.0


@dataclass(frozen=True)
class LoadTurns:
    """Converts one load at a time and keeps the ledger told."""

    conversion: LoadConversion
    ledger: Ledger
    clock: Clock
    report: Report

    def convert(self, load: Load, turn: Turn) -> Load:
        """The load after an attempt to convert it, which may have ended it.

        Raises:
            OutOfTime: the time that is left does not do; it was not begun.
            BackendError: a service failed; the message has to come again.
        """
        turn.require(_LEAST_S + load.size_bytes / _BYTES_A_SECOND)
        watch = Timer(max(0.0, turn.time_left() - _BEFORE_THE_END_S), self._note_timeout, (load, turn))
        watch.daemon = True
        watch.start()
        try:
            manifest = self.conversion.convert(load)
        except BackendError as error:
            self.report(Happening("conversion-failed", load.load_id, load.table, told(error)))
            self._try_again(load, turn, told(error))
            raise
        except Exception as error:
            # A bug: trying again cannot help. Its text may hold a cell, so only its kind is kept.
            self._end(load, told(error))
            manifest = None
        finally:
            watch.cancel()
        found = self.ledger.find(load.load_id)
        self.report(of_manifest("converted", manifest) if manifest else of_load(found))
        return found

    def _note_timeout(self, load: Load, turn: Turn) -> None:
        """The function is about to be ended in the middle of it."""
        self.report(Happening("out-of-time", load.load_id, load.table))
        self._try_again(load, turn, "the function's time did not do")

    def _try_again(self, load: Load, turn: Turn, detail: str) -> None:
        if turn.is_last_try:
            self._end(load, detail)
        else:
            self._advance(load, LoadState.RECEIVED, "", detail)

    def _end(self, load: Load, detail: str) -> None:
        self._advance(load, LoadState.FAILED, "INTERNAL", detail)

    def _advance(self, load: Load, to: LoadState, reason: str, detail: str) -> None:
        self.ledger.advance(
            load.load_id, to, reason=reason, detail=detail, now=self.clock(), sequencer=load.sequencer
        )
