"""Processes that are killed in the middle of their work: the moment is one of their calls to AWS."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from tests.served_aws import Application

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Moment:
    """The n-th call of a name, before it is carried out or after, with its answer lost.

    A name is an operation (`Glue.UpdateTable`), or of S3 a method and a key; it may have wildcards.
    """

    when: str
    call: str
    number: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.call} {self.number}"


@dataclass
class KillingCalls:
    """Stands before an emulated account. Of one process at a time, the `victim`, it looks for the moment."""

    account: Application | None = None
    victim: subprocess.Popen[bytes] | None = None
    moment: Moment = Moment(BEFORE, "")
    made: list[str] = field(default_factory=list)

    def before(self, account: Application) -> Application:
        self.account = account
        return self

    def await_moment(self, moment: Moment, victim: subprocess.Popen[bytes]) -> None:
        self.moment, self.victim = moment, victim
        self.made.clear()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert self.account is not None
        is_now = self.victim is not None and self._is_now(_name(environ))
        if is_now and self.moment.when == BEFORE:
            self._kill()
            start_response("503 Service Unavailable", [])
            return [b""]
        answer = list(self.account(environ, start_response))
        if is_now:
            self._kill()
        return answer

    def _is_now(self, name: str) -> bool:
        is_one = fnmatch(name, self.moment.call)
        self.made.append(name)
        return is_one and sum(fnmatch(each, self.moment.call) for each in self.made) == self.moment.number

    def _kill(self) -> None:
        assert self.victim is not None
        self.victim.kill()
        self.victim.wait()
        self.victim = None


def _name(environ: dict[str, Any]) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if not target:
        return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    service, _, operation = target.partition(".")
    return f"{service.removeprefix('AWS').partition('_')[0]}.{operation}"
