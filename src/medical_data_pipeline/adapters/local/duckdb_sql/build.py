"""DuckDB expressions, built as trees: calls, casts, cases, and an error that a TRY can catch."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType, duckdb_type

NULL = exp.Null


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> exp.Expr:
    # DuckDB has no NUL in text, and everything else is literal between quotes.
    return exp.Literal.string(value)


def number(value: int) -> exp.Expr:
    return (
        exp.Literal.number(value) if value >= 0 else exp.Paren(this=exp.Neg(this=exp.Literal.number(-value)))
    )


def cast(tree: exp.Expr, to: SqlType | str) -> exp.Expr:
    kind = to if isinstance(to, str) else duckdb_type(to)
    return exp.Cast(this=tree, to=exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=kind))


def infix(kind: type[exp.Binary], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.Paren(this=kind(this=left, expression=right))


def both(*conditions: exp.Expr) -> exp.Expr:
    tree = conditions[0]
    for condition in conditions[1:]:
        tree = exp.And(this=tree, expression=condition)
    return exp.Paren(this=tree)


def either(*conditions: exp.Expr) -> exp.Expr:
    tree = conditions[0]
    for condition in conditions[1:]:
        tree = exp.Or(this=tree, expression=condition)
    return exp.Paren(this=tree)


def negated(tree: exp.Expr) -> exp.Expr:
    return exp.Paren(this=exp.Not(this=exp.Paren(this=tree)))


def is_null(tree: exp.Expr) -> exp.Expr:
    return exp.Paren(this=exp.Is(this=tree, expression=exp.Null()))


def case(*branches: tuple[exp.Expr, exp.Expr], otherwise: exp.Expr | None = None) -> exp.Expr:
    return exp.Case(
        ifs=[exp.If(this=when, true=then) for when, then in branches], default=otherwise or exp.Null()
    )


def column(relation: str, name: str) -> exp.Expr:
    return exp.Column(
        this=exp.to_identifier(name, quoted=True), table=exp.to_identifier(relation, quoted=True)
    )


def name(identifier: str) -> exp.Identifier:
    return exp.to_identifier(identifier, quoted=True)


def field(tree: exp.Expr, position: int) -> exp.Expr:
    """Field `position` (from 0) of a row."""
    return call("struct_extract", tree, text(f"f{position}"))


def row(*items: exp.Expr) -> exp.Expr:
    return call(
        "struct_pack", *(exp.Kwarg(this=exp.Var(this=f"f{i}"), expression=x) for i, x in enumerate(items))
    )


def array(*items: exp.Expr) -> exp.Expr:
    return call("list_value", *items)


def lambda_of(parameters: tuple[str, ...], body: exp.Expr) -> exp.Expr:
    return exp.Lambda(this=body, expressions=[name(p) for p in parameters])


def failure(message: str, kind: str = "BIGINT") -> exp.Expr:
    """An expression that fails when it is reached.

    A cast that cannot succeed, since DuckDB's error() is volatile and so not allowed inside TRY.
    """
    return cast(text(message), kind)
