"""The table of Trino functions, and the call of one: its overloads are tried in order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, signatures
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Context, Scope, Typed, type_error
from medical_data_pipeline.errors import QueryRejected


@dataclass(frozen=True)
class Call:
    """A call in the statement. `nodes` are the arguments as written; lambdas are read from them."""

    name: str
    nodes: tuple[exp.Expr, ...]
    context: Context
    scope: Scope

    def arguments(self) -> list[Typed]:
        return [self.context.bind(node, self.scope) for node in self.nodes]

    def argument(self, position: int) -> Typed:
        return self.context.bind(self.nodes[position], self.scope)

    def require_count(self, *allowed: int) -> None:
        if len(self.nodes) not in allowed:
            raise type_error(f"function {self.name} does not take {len(self.nodes)} arguments")


Builder = Callable[[Call], Typed]
FUNCTIONS: dict[str, Builder] = {}


def function(*names: str) -> Callable[[Builder], Builder]:
    """Register a function that needs more than a signature."""

    def register(builder: Builder) -> Builder:
        for name in names:
            FUNCTIONS[name] = builder
        return builder

    return register


@dataclass(frozen=True)
class Overloads:
    """A function by its signatures; each says which DuckDB function or macro computes it."""

    choices: tuple[tuple[str, str], ...]

    def __call__(self, call: Call) -> Typed:
        return self.apply(call, call.arguments())

    def apply(self, call: Call, arguments: list[Typed]) -> Typed:
        for written, target in self.choices:
            matched = signatures.match(signatures.parse(written), arguments)
            if matched:
                return Typed(build.call(target, *(a.tree for a in matched[0])), matched[1])
        given = ", ".join(str(argument.type) for argument in arguments)
        raise type_error(f"function {call.name} does not take ({given})")


def declare(rows: Iterable[tuple[str, str, str]]) -> None:
    """Register (name, signature, DuckDB function) rows; several of one name are overloads, in order."""
    by_name: dict[str, list[tuple[str, str]]] = {}
    for name, signature, target in rows:
        by_name.setdefault(name, []).append((signature, target))
    for name, choices in by_name.items():
        FUNCTIONS[name] = Overloads(tuple(choices))


def bind_call(call: Call) -> Typed:
    """Raises: QueryRejected: the function is not known here, or does not take these arguments."""
    builder = FUNCTIONS.get(call.name)
    if builder is None:
        raise QueryRejected("SQL_UNSUPPORTED", f"function {call.name} is not supported")
    return builder(call)
