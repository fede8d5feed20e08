"""A checked statement as Athena takes it: tables by their names and states, values as parameters."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError

from medical_data_pipeline.adapters.aws.athena_json import json_text
from medical_data_pipeline.adapters.aws.athena_types import AthenaColumn, AthenaType, parse_type
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.athena_sql import parse, render
from medical_data_pipeline.model.query import EngineStatement, EngineTable, Scalar

CATALOG = "awsdatacatalog"
# Athena's own limit of one execution parameter.
_MAX_PARAMETER = 1024
_CHANGING = frozenset(("now", "rand", "random", "shuffle", "uuid", "current_timezone"))
_CHANGING_NODES = (
    *(exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtime, exp.Localtimestamp),
    *(exp.Rand, exp.TableSample, exp.CurrentUser),
)


@dataclass(frozen=True)
class AthenaStatement:
    """`json_columns` are the positions of columns that come as JSON text and are arrays, maps or rows.

    `is_lasting`: the same text gives the same result, as all it reads is pinned and nothing in it changes.
    """

    sql: str
    parameters: tuple[str, ...]
    json_columns: frozenset[int]
    is_lasting: bool


def athena_statement(
    statement: EngineStatement, database: str, columns: tuple[AthenaColumn, ...] | None
) -> AthenaStatement:
    """`columns` are the result's columns with their types, where those are known.

    Every table is pinned to the state it was planned at: all tables of a statement are read as of one moment,
    and an earlier result of the same text is the right one.

    Raises:
        QueryRejected: the statement cannot be written for Athena.
    """
    try:
        tree = parse(statement.sql)
        tables = {table.reference: table for table in statement.tables}
        is_pinned = _name_tables(tree, tables, database)
        tree, json_columns = _with_json(tree, columns or ())
        parameters = _bound(tree, statement.parameters)
        return AthenaStatement(render(tree), parameters, json_columns, is_pinned and not _is_changing(tree))
    except (SqlglotError, RecursionError, IndexError):
        raise QueryRejected("SQL_UNSUPPORTED", "a part of the statement is not supported") from None


def _name_tables(tree: exp.Expr, tables: Mapping[str, EngineTable], database: str) -> bool:
    """Whether each table is pinned to a state: one that has none yet cannot be."""
    is_pinned = True
    for node in list(tree.find_all(exp.Table)):
        table = tables.get(node.name) if not node.args.get("db") else None
        if table is None:
            continue
        node.set("this", exp.to_identifier(table.name, quoted=True))
        node.set("db", exp.to_identifier(database, quoted=True))
        node.set("catalog", exp.to_identifier(CATALOG, quoted=True))
        snapshot = table.snapshot_id if table.snapshot_id is not None else table.newest_id
        is_pinned &= snapshot is not None
        if snapshot is not None:
            version = exp.Version(this="VERSION", kind="AS OF", expression=exp.Literal.number(snapshot))
            node.set("version", version)
    return is_pinned


def _with_json(tree: exp.Expr, columns: tuple[AthenaColumn, ...]) -> tuple[exp.Expr, frozenset[int]]:
    kinds = [parse_type(column.exact) for column in columns]
    nested = {i: kind for i, kind in enumerate(kinds) if kind.is_nested}
    if not nested:
        return tree, frozenset()
    if isinstance(tree, exp.Query) and tree.args.get("order"):
        return _with_json_in_place(tree, nested, len(columns))
    names = [f"c{i}" for i in range(len(columns))]
    alias = exp.TableAlias(
        this=exp.to_identifier("result"), columns=[exp.to_identifier(name) for name in names]
    )
    shown = [
        json_text(exp.column(name), nested[i]) if i in nested else exp.column(name)
        for i, name in enumerate(names)
    ]
    source = exp.Subquery(this=tree, alias=alias)
    return exp.Select(expressions=shown, from_=exp.From(this=source)), frozenset(nested)


def _with_json_in_place(
    tree: exp.Query, nested: Mapping[int, AthenaType], width: int
) -> tuple[exp.Expr, frozenset[int]]:
    """A sub-query would lose the order. Columns that a star gives keep Athena's text."""
    projections = tree.expressions if isinstance(tree, exp.Select) and not tree.args.get("distinct") else []
    if len(projections) != width or any(each.is_star for each in projections):
        return tree, frozenset()
    for position, kind in nested.items():
        projection = projections[position]
        value = projection.unalias()
        _refer_to_value(tree, position, projection.alias_or_name, value)
        # Under another name, since what is ordered by the column must not go by its JSON.
        alias = exp.to_identifier(f"json{position}")
        projection.replace(exp.Alias(this=json_text(value.copy(), kind), alias=alias))
    return tree, frozenset(nested)


def _refer_to_value(tree: exp.Query, position: int, name: str, value: exp.Expr) -> None:
    """Put `value` wherever ORDER BY or GROUP BY means it by its number, or ORDER BY by its name."""
    order, group = tree.args["order"], tree.args.get("group")
    terms = [ordered.this for ordered in order.expressions] + (group.expressions if group else [])
    for term in terms:
        if isinstance(term, exp.Literal) and not term.is_string and term.name == str(position + 1):
            term.replace(value.copy())
    for column in list(order.find_all(exp.Column)):
        if name and not column.table and column.name.lower() == name.lower():
            column.replace(value.copy())


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
    return any(
        isinstance(node, _CHANGING_NODES)
        or (isinstance(node, exp.Anonymous) and str(node.this).lower() in _CHANGING)
        for node in tree.walk()
    )
