"""Whether a program can work: each of its parts asked, and what is wrong said by kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from medical_data_pipeline.errors import PipelineError

OK = "ok"


@dataclass(frozen=True)
class Health:
    """Whether the program can work; `checks` says of each part "ok" or what is wrong."""

    checks: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        return all(said == OK for said in self.checks.values())


def checked(check: Callable[[], object]) -> str:
    """What is said of a part that `check` asks for something."""
    try:
        check()
    except PipelineError as error:
        return type(error).__name__
    return OK
