"""What is written in Python because DuckDB lacks it: a function, its DuckDB types, and the table of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Body = Callable[..., Any]
Written = TypeVar("Written", bound=Body)
TABLE: dict[str, "Function"] = {}
MAX_TEXT = 1_000_000


@dataclass(frozen=True)
class Function:
    """A Python function with the DuckDB types of its parameters and result."""

    parameters: tuple[str, ...]
    result: str
    body: Body

    @property
    def is_float(self) -> bool:
        """DuckDB takes a NaN that Python returns for a null, so such results travel as text."""
        return self.result in ("DOUBLE", "FLOAT")

    def null_safe(self) -> Body:
        """The function, null when an argument is null."""
        body = self.body
        # DuckDB calls a function by its number of arguments, and a star hides it.
        match len(self.parameters):
            case 1:
                return lambda a: None if a is None else body(a)
            case 2:
                return lambda a, b: None if a is None or b is None else body(a, b)
            case 3:
                return lambda a, b, c: None if a is None or b is None or c is None else body(a, b, c)
            case _:
                return lambda a, b, c, d: None if None in (a, b, c, d) else body(a, b, c, d)


def register(name: str, signature: str) -> Callable[[Written], Written]:
    """Put the function into the table as `py_<name>`; `signature` is like `VARCHAR, BIGINT -> VARCHAR`."""
    left, _, result = signature.partition("->")
    parameters = tuple(part.strip() for part in re.split(r",(?![^(]*\))", left))

    def decorate(body: Written) -> Written:
        TABLE[name] = Function(parameters, result.strip(), body)
        return body

    return decorate
