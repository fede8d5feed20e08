"""How much the fault tests hurt."""

import os
import random
from dataclasses import dataclass

# Set before the processes that run the tests are started, so that all of them have the one that is printed.
os.environ.setdefault("MDP_FAULTS_SEED", str(random.SystemRandom().randrange(1, 10**6)))


@dataclass(frozen=True)
class Faults:
    """How much is hurt: a little in every run of the tests, everything by `make faults`.

    `turns`: the n-th time that a milestone is reached is the one that kills. `recovery_s` is what a restart
    may take until all is done.
    """

    seed: int
    kills: int
    turns: tuple[int, ...]
    recovery_s: float

    @classmethod
    def from_environ(cls) -> "Faults":
        is_full = os.environ.get("MDP_FAULTS") == "full"
        kills = int(os.environ.get("MDP_FAULTS_KILLS", "100" if is_full else "6"))
        return cls(int(os.environ["MDP_FAULTS_SEED"]), kills, (1, 4) if is_full else (2,), 30.0)


FAULTS = Faults.from_environ()
