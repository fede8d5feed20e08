"""What the arrival of a load means to the ledger: decided here once, for every ledger alike."""

from enum import StrEnum

from medical_data_pipeline.model.load import FINAL_STATES, Load, LoadState
from medical_data_pipeline.model.objects import is_older


class Arrival(StrEnum):
    """What a ledger does with a load it is told of."""

    RECEIVE = "receive"  # record it as RECEIVED; older loads of its source that are not final are superseded
    SUPERSEDE = "supersede"  # record it as SUPERSEDED: a newer load of its source is known
    RENEW = "renew"  # known and still the newest: only its sequencer moves on
    KEEP = "keep"  # known; nothing changes


def decide_arrival(known: Load | None, latest: Load | None, load: Load) -> Arrival:
    """`known` is the load of the same id, `latest` the one of the same source with the highest sequencer."""
    if known is None:
        return Arrival.SUPERSEDE if _is_overtaken(load, latest) else Arrival.RECEIVE
    if not is_older(known.sequencer, load.sequencer):
        return Arrival.KEEP
    if _is_overtaken(load, latest):
        return Arrival.KEEP
    # A put that is newer than what we know of the same content. If other content came between, or the last
    # try did not end well, it has to be loaded again; if not, only its place in the order changes.
    came_back = latest is not None and latest.load_id != known.load_id
    failed = known.state in FINAL_STATES and known.state is not LoadState.COMMITTED
    return Arrival.RECEIVE if came_back or failed else Arrival.RENEW


def _is_overtaken(load: Load, latest: Load | None) -> bool:
    return latest is not None and is_older(load.sequencer, latest.sequencer)
