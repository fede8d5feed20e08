"""Milestones for fault tests: the process ends the n-th time one is reached, as if its power had gone."""

import os
from collections.abc import Callable
from threading import Event, Lock

_HOLD = ":hold"


def nothing(milestone: str) -> None:
    """What everyone but a fault test does at a milestone."""


def faulty_at(fault: str) -> Callable[[str], None]:
    """`fault` is `<milestone>:<n>`: end at once, and without any clean-up, the n-th time it is reached.

    With `:hold` behind it, whoever reaches it then, or later, goes no further, as when a disk hangs.

    Raises:
        ValueError: `fault` is not of this form.
    """
    name, _, count = fault.removesuffix(_HOLD).partition(":")
    remaining = int(count or 1)
    lock = Lock()

    def reached(milestone: str) -> None:
        nonlocal remaining
        if milestone != name:
            return
        with lock:
            remaining -= 1
            if remaining > 0:
                return
        if fault.endswith(_HOLD):
            Event().wait()
        os._exit(137)

    return reached
