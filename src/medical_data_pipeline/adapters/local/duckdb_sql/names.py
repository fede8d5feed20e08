"""What a name in the statement stands for: a lambda's variable, an output, a column, a field of a row."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Scope, Typed, type_error
from medical_data_pipeline.errors import QueryRejected


def resolve(node: exp.Column, scope: Scope) -> Typed:
    """Raises: QueryRejected: nothing in scope has this name, or more than one thing."""
    parts = [part.name.lower() for part in node.parts]
    level: Scope | None = scope
    while level is not None:
        found = _in_scope(parts, level)
        if found is not None:
            return Typed(found.copy(), found.type, found.literal)
        level = level.outer
    raise QueryRejected("SQL_UNKNOWN_OBJECT", f"column {_shown(parts)} cannot be resolved")


def _shown(parts: list[str]) -> str:
    return ".".join(parts)


def _in_scope(parts: list[str], scope: Scope) -> Typed | None:
    head, *rest = parts
    for names in (scope.variables, scope.outputs if not rest else {}):
        if head in names:
            return _fields(names[head], rest)
    if len(parts) > 1:
        relations = [relation for relation in scope.relations if relation.alias == head]
        if relations:
            matches = [
                field for relation in relations for field in relation.fields if field.name.lower() == rest[0]
            ]
            if len(matches) > 1:
                raise QueryRejected("SQL_UNKNOWN_OBJECT", f"column {_shown(parts)} is ambiguous")
            return _fields(matches[0].value, rest[1:]) if matches else None
    merged = [field for field in scope.merged if field.name.lower() == head]
    if merged:
        return _fields(merged[0].value, rest)
    fields = [
        field for relation in scope.relations for field in relation.fields if field.name.lower() == head
    ]
    if len(fields) > 1:
        raise QueryRejected("SQL_UNKNOWN_OBJECT", f"column {head} is ambiguous")
    return _fields(fields[0].value, rest) if fields else None


def _fields(value: Typed, names: list[str]) -> Typed:
    for name in names:
        value = field_of(value, name)
    return value


def field_of(value: Typed, name: str) -> Typed:
    """`value.name`.

    Raises:
        QueryRejected: not a row, or it has no such field.
    """
    if value.type.name != "row":
        raise type_error(f"{value.type} has no fields")
    wanted = name.lower()
    if wanted not in value.type.names:
        raise QueryRejected("SQL_UNKNOWN_OBJECT", f"field {wanted} cannot be resolved")
    position = value.type.names.index(wanted)
    return Typed(build.field(value.copy(), position), value.type.items[position])
