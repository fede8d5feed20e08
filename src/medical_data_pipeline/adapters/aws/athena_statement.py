"""A checked statement as Athena takes it: tables by their names and states, values as parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError

from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.athena_sql import parse, render
from medical_data_pipeline.model.query import EngineStatement, EngineTable, ResultColumn, Scalar

CATALOG = "awsdatacatalog"
# Athena's own limit of one execution parameter.
_MAX_PARAMETER = 1024
_CHANGING = frozenset(
    ("now", "rand", "random", "shuffle", "uuid", "localtime", "localtimestamp", "current_timezone")
)

Snapshot = Callable[[EngineTable], int | None]
"""The snapshot that a table's planned state is, or None where it has none yet."""


@dataclass(frozen=True)
class AthenaStatement:
    """`json_columns` are the positions of columns that come as JSON text and are arrays, maps or rows.

    `is_lasting`: the same statement gives the same result for as long as there is one.
    """

    sql: str
    parameters: tuple[str, ...]
    json_columns: frozenset[int]
    is_lasting: bool


def athena_statement(
    statement: EngineStatement,
    database: str,
    snapshot_of: Snapshot,
    columns: tuple[ResultColumn, ...] | None,
) -> AthenaStatement:
    """`columns` are the result's columns with their types, where those are known.

    Every table is pinned to the state it was planned at: all tables of a statement are read as of one moment,
    and an earlier result of the same text is the right one.

    Raises:
        QueryRejected: the statement cannot be written for Athena.
    """
    try:
        tree = parse(statement.sql)
        _name_tables(tree, {table.reference: table for table in statement.tables}, database, snapshot_of)
        tree, json_columns = _with_json(tree, columns or ())
        parameters = _bound(tree, statement.parameters)
        return AthenaStatement(render(tree), parameters, json_columns, not _is_changing(tree))
    except (SqlglotError, RecursionError, IndexError):
        raise QueryRejected("SQL_UNSUPPORTED", "a part of the statement is not supported") from None


def is_nested(type_name: str) -> bool:
    return type_name.startswith(("array(", "map(", "row("))


def _name_tables(
    tree: exp.Expr, tables: Mapping[str, EngineTable], database: str, snapshot_of: Snapshot
) -> None:
    for node in list(tree.find_all(exp.Table)):
        table = tables.get(node.name) if not node.args.get("db") else None
        if table is None:
            continue
        node.set("this", exp.to_identifier(table.name, quoted=True))
        node.set("db", exp.to_identifier(database, quoted=True))
        node.set("catalog", exp.to_identifier(CATALOG, quoted=True))
        snapshot = table.snapshot_id if table.snapshot_id is not None else snapshot_of(table)
        if snapshot is not None:
            version = exp.Version(this="VERSION", kind="AS OF", expression=exp.Literal.number(snapshot))
            node.set("version", version)


def _with_json(tree: exp.Expr, columns: tuple[ResultColumn, ...]) -> tuple[exp.Expr, frozenset[int]]:
    """Arrays, maps and rows as JSON: Athena's own text of them cannot be read back."""
    nested = frozenset(i for i, column in enumerate(columns) if is_nested(column.type))
    if not nested:
        return tree, frozenset()
    if isinstance(tree, exp.Query) and tree.args.get("order"):
        return _with_json_in_place(tree, nested, len(columns))
    names = [f"c{i}" for i in range(len(columns))]
    alias = exp.TableAlias(
        this=exp.to_identifier("result"), columns=[exp.to_identifier(name) for name in names]
    )
    shown = [_json(exp.column(name)) if i in nested else exp.column(name) for i, name in enumerate(names)]
    source = exp.Subquery(this=tree, alias=alias)
    return exp.Select(expressions=shown, from_=exp.From(this=source)), nested


def _with_json_in_place(
    tree: exp.Query, nested: frozenset[int], width: int
) -> tuple[exp.Expr, frozenset[int]]:
    """A sub-query would lose the order. Columns that a star gives keep Athena's text."""
    projections = tree.expressions if isinstance(tree, exp.Select) else []
    if len(projections) != width or any(each.is_star for each in projections):
        return tree, frozenset()
    for position in nested:
        projection = projections[position]
        value = projection.unalias()
        named = projection.args.get("alias") or (value.this if isinstance(value, exp.Column) else None)
        shown = _json(value.copy())
        projection.replace(exp.Alias(this=shown, alias=named.copy()) if named else shown)
    return tree, nested


def _json(value: exp.Expr) -> exp.Expr:
    cast = exp.Cast(this=value, to=exp.DataType.build("json"))
    return exp.Anonymous(this="json_format", expressions=[cast])


def _bound(tree: exp.Expr, values: tuple[Scalar, ...]) -> tuple[str, ...]:
    """What each `?` that stays stands for, as a literal; null and what is too long go into the text."""
    ordered = sorted(tree.find_all(exp.Placeholder), key=lambda node: int(node.meta["position"]))
    staying = []
    for node, value in zip(ordered, values, strict=True):
        literal = _literal(value)
        if literal == "NULL" or len(literal) > _MAX_PARAMETER:
            node.replace(parse(f"SELECT {literal}").expressions[0])
        else:
            staying.append(literal)
    return tuple(staying)


def _literal(value: Scalar) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case float():
            # With an exponent it is a double, without one a decimal.
            return f"{value!r}E0" if "e" not in repr(value) else repr(value).upper()
        case str():
            return "'" + value.replace("'", "''") + "'"


def _is_changing(tree: exp.Expr) -> bool:
    moments = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Rand, exp.CurrentUser)
    return any(
        isinstance(node, moments) or (isinstance(node, exp.Anonymous) and str(node.this).lower() in _CHANGING)
        for node in tree.walk()
    )
