"""Every kind of expression, by the class of its node; a node that is not here is refused."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import (
    arithmetic,
    build,
    comparisons,
    conditionals,
    functions_collections,
    functions_date_text,
    functions_datetime,
    functions_format,
    functions_json,
    functions_math,
    functions_sql_json,
    functions_text,
    literals,
    names,
    quantified,
    windows,
)
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    Context,
    Scope,
    Typed,
    type_error,
    unsupported,
)
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, bind_call
from medical_data_pipeline.adapters.local.duckdb_sql.casts import cast
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import boolean, meet
from medical_data_pipeline.model.athena_sql import parse

Handler = Callable[[Context, Any, Scope], Typed]
# Imported for the functions they register.
REGISTERED = (
    *(functions_date_text, functions_format, functions_json, functions_math),
    *(functions_sql_json, functions_text),
)
_TYPE_NAMES = {"DOUBLE PRECISION": "DOUBLE", "INT": "INTEGER"}


def bind_expression(context: Context, node: exp.Expr, scope: Scope) -> Typed:
    """Raises: QueryRejected: a type error, an unknown name, or a form that is not supported."""
    if windows.is_aggregate(node):
        return windows.bind_aggregate(context, node, scope)
    handler = HANDLERS.get(type(node))
    if handler is None:
        raise unsupported(f"{type(node).__name__}")
    return handler(context, node, scope)


def _literal(context: Context, node: exp.Literal, scope: Scope) -> Typed:
    return literals.text_literal(node.this) if node.is_string else literals.number_literal(node.this)


def _typed_literal(context: Context, node: exp.Introducer, scope: Scope) -> Typed:
    kind, written = node.this.name.upper(), node.expression.this
    kind = _TYPE_NAMES.get(kind.replace("  ", " "), kind)
    literal = literals.typed_literal(kind, written)
    if literal is not None:
        return literal
    if kind == "JSON":
        return Typed(build.cast(build.call("py_json_parse", build.text(written)), "JSON"), t.JSON)
    to = t.from_node(parse(f"SELECT CAST(1 AS {kind})").expressions[0].args["to"])
    if to.name == "varchar":
        return literals.text_literal(written)
    return cast(literals.text_literal(written), to)


def _cast(context: Context, node: exp.Cast, scope: Scope) -> Typed:
    if node.args.get("format"):
        raise unsupported("CAST with FORMAT")
    return cast(context.bind(node.this, scope), t.from_node(node.args["to"]))


def _try_cast(context: Context, node: exp.TryCast, scope: Scope) -> Typed:
    value = cast(context.bind(node.this, scope), t.from_node(node.args["to"]))
    return Typed(build.call("TRY", value.tree), value.type)


def _compare(context: Context, node: exp.Binary, scope: Scope) -> Typed:
    operator = comparisons.OPERATORS[type(node)]
    right = node.expression
    quantifier = _quantifier(right)
    left = context.bind(node.this, scope)
    if quantifier is None:
        return comparisons.compare(operator, left, context.bind(right, scope))
    query = right.this if quantifier == "ANY" else right.expressions[0]
    return quantified.compare(context, operator, left, query, scope, is_all=quantifier == "ALL")


def _quantifier(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Any):
        return "ANY"
    is_all = isinstance(node, exp.Anonymous) and node.name.lower() == "all" and len(node.expressions) == 1
    return "ALL" if is_all else None


def _in(context: Context, node: exp.In, scope: Scope) -> Typed:
    query = node.args.get("query")
    if query is None and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Values):
        query = node.expressions[0]
    if query is not None:
        return quantified.membership(context, node, query, scope, is_condition=False)
    if node.args.get("unnest") or node.args.get("field"):
        raise unsupported("this form of IN")
    value = context.bind(node.this, scope)
    return comparisons.membership(value, [context.bind(item, scope) for item in node.expressions])


def _exists(context: Context, node: exp.Exists, scope: Scope) -> Typed:
    return Typed(exp.Exists(this=context.bind_query(node.this, scope.inner()).tree), t.BOOLEAN)


def _logical(context: Context, node: exp.Binary, scope: Scope) -> Typed:
    # A chain of a thousand ORs is one deep tree; walking its left side keeps the stack flat.
    sides, kind = [], type(node)
    tree: exp.Expr = node
    while isinstance(tree, kind):
        sides.append(tree.expression)
        tree = tree.this
    parts = [boolean(context.bind(side, scope), "a logical operand") for side in (tree, *reversed(sides))]
    return Typed(build.both(*parts) if kind is exp.And else build.either(*parts), t.BOOLEAN)


def _not(context: Context, node: exp.Not, scope: Scope) -> Typed:
    return Typed(build.negated(boolean(context.bind(node.this, scope), "NOT")), t.BOOLEAN)


def _is(context: Context, node: exp.Is, scope: Scope) -> Typed:
    if not isinstance(node.expression, exp.Null):
        raise unsupported("IS with anything but NULL")
    return _negated(node, Typed(build.is_null(context.bind(node.this, scope).tree), t.BOOLEAN))


def _negated(node: exp.Expr, value: Typed) -> Typed:
    """sqlglot has NOT LIKE and IS NOT in the node itself."""
    return Typed(build.negated(value.tree), t.BOOLEAN) if node.args.get("negate") else value


def _between(context: Context, node: exp.Between, scope: Scope) -> Typed:
    if node.args.get("symmetric"):
        raise unsupported("BETWEEN SYMMETRIC")
    value = context.bind(node.this, scope)
    low, high = (context.bind(node.args[name], scope) for name in ("low", "high"))
    at_least = comparisons.compare(">=", value, low).tree
    at_most = comparisons.compare("<=", Typed(value.copy(), value.type, value.literal), high).tree
    return Typed(build.both(at_least, at_most), t.BOOLEAN)


def _like(context: Context, node: exp.Like, scope: Scope) -> Typed:
    sides = [context.bind(side, scope) for side in (node.this, node.expression)]
    return _negated(node, conditionals.like(sides[0], sides[1], None))


def _escape(context: Context, node: exp.Escape, scope: Scope) -> Typed:
    inner = node.this
    if not isinstance(inner, exp.Like):
        raise unsupported("ESCAPE")
    escape = context.bind(node.expression, scope)
    sides = [context.bind(side, scope) for side in (inner.this, inner.expression)]
    return _negated(inner, conditionals.like(sides[0], sides[1], escape))


def _row(context: Context, node: exp.Expr, scope: Scope) -> Typed:
    values = [context.bind(item, scope) for item in node.expressions]
    return Typed(build.row(*(value.tree for value in values)), t.row(tuple(value.type for value in values)))


def _array(context: Context, node: exp.Array, scope: Scope) -> Typed:
    if not node.expressions:
        return Typed(build.cast(build.array(), "INTEGER[]"), t.array(t.UNKNOWN))
    values, kind = meet([context.bind(item, scope) for item in node.expressions], "ARRAY")
    items = [build.cast(v.tree, kind) if isinstance(v.tree, exp.Null) else v.tree for v in values]
    return Typed(build.array(*items), t.array(kind))


def _subscript(context: Context, node: exp.Bracket, scope: Scope) -> Typed:
    if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
        raise unsupported("this subscript")
    return functions_collections.subscript(
        context.bind(node.this, scope), context.bind(node.expressions[0], scope)
    )


def _field(context: Context, node: exp.Dot, scope: Scope) -> Typed:
    if not isinstance(node.expression, exp.Identifier):
        raise unsupported("this use of a dot")
    return names.field_of(context.bind(node.this, scope), node.expression.name)


def _call(context: Context, node: exp.Anonymous, scope: Scope) -> Typed:
    if node.name.lower() == "grouping":
        if not scope.allows_aggregates:
            raise type_error("function grouping is not allowed here")
        keys = [context.bind(item, scope).tree for item in node.expressions]
        return Typed(build.cast(build.call("grouping", *keys), t.BIGINT), t.BIGINT)
    return bind_call(Call(node.name.lower(), tuple(node.expressions), context, scope))


def _named(name: str, *arguments: str) -> Handler:
    """A special form as the function it is short for."""

    def handler(context: Context, node: exp.Expr, scope: Scope) -> Typed:
        given = (node.args.get(argument) for argument in arguments)
        nodes = tuple(item for item in given if isinstance(item, exp.Expr))
        return bind_call(Call(name, nodes, context, scope))

    return handler


def _trim(context: Context, node: exp.Trim, scope: Scope) -> Typed:
    side = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
    nodes = (node.this,) if node.expression is None else (node.this, node.expression)
    return bind_call(Call(side, nodes, context, scope))


def _normalize(context: Context, node: exp.Normalize, scope: Scope) -> Typed:
    form = node.args.get("form")
    literal = exp.Literal.string(form.name.upper() if isinstance(form, exp.Expr) else "NFC")
    return bind_call(Call("normalize", (node.this, literal), context, scope))


def _extract(context: Context, node: exp.Extract, scope: Scope) -> Typed:
    return functions_datetime.extract(node.this.name.lower(), context.bind(node.expression, scope))


def _at_time_zone(context: Context, node: exp.AtTimeZone, scope: Scope) -> Typed:
    return functions_datetime.in_zone(context.bind(node.this, scope), context.bind(node.args["zone"], scope))


def _now(kind: str) -> Handler:
    def handler(context: Context, node: exp.Expr, scope: Scope) -> Typed:
        digits = int(node.this.name) if isinstance(node.this, exp.Literal) else 3
        return functions_datetime.current(kind, digits)

    return handler


def _parameter(context: Context, node: exp.Placeholder, scope: Scope) -> Typed:
    position = node.meta["position"]
    return literals.parameter(context.parameters[position], position + 1)


def _concat(context: Context, node: exp.DPipe, scope: Scope) -> Typed:
    sides: list[exp.Expr] = []
    tree: exp.Expr = node
    while isinstance(tree, exp.DPipe):
        sides.append(tree.expression)
        tree = tree.this
    value = context.bind(tree, scope)
    for side in reversed(sides):
        value = functions_text.concatenated([value, context.bind(side, scope)], "operator ||")
    return value


def _combine(context: Context, node: exp.Binary, scope: Scope) -> Typed:
    sides: list[tuple[str, exp.Expr]] = []
    tree: exp.Expr = node
    while type(tree) in arithmetic.OPERATORS:
        sides.append((arithmetic.OPERATORS[type(tree)], tree.expression))
        tree = tree.this
    value = context.bind(tree, scope)
    for operator, side in reversed(sides):
        value = arithmetic.combine(operator, value, context.bind(side, scope))
    return value


HANDLERS: dict[type[exp.Expr], Handler] = {
    exp.Literal: _literal,
    exp.Introducer: _typed_literal,
    exp.Boolean: lambda c, n, s: Typed(exp.Boolean(this=n.this), t.BOOLEAN),
    exp.Null: lambda c, n, s: Typed(exp.Null(), t.UNKNOWN),
    exp.HexString: lambda c, n, s: literals.bytes_literal(n.this),
    exp.UnicodeString: lambda c, n, s: literals.unicode_literal(n.this),
    exp.Interval: lambda c, n, s: literals.interval_literal(n),
    exp.Placeholder: _parameter,
    exp.Column: lambda c, n, s: names.resolve(n, s),
    exp.Identifier: lambda c, n, s: names.resolve(exp.Column(this=n.copy()), s),
    exp.Paren: lambda c, n, s: c.bind(n.this, s),
    exp.Cast: _cast,
    exp.TryCast: _try_cast,
    **dict.fromkeys(comparisons.OPERATORS, _compare),
    **dict.fromkeys(arithmetic.OPERATORS, _combine),
    exp.Neg: lambda c, n, s: arithmetic.negative(c.bind(n.this, s)),
    exp.NullSafeEQ: lambda c, n, s: Typed(
        build.negated(conditionals.distinct(c.bind(n.this, s), c.bind(n.expression, s)).tree), t.BOOLEAN
    ),
    exp.NullSafeNEQ: lambda c, n, s: conditionals.distinct(c.bind(n.this, s), c.bind(n.expression, s)),
    exp.And: _logical,
    exp.Or: _logical,
    exp.Not: _not,
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like,
    exp.Escape: _escape,
    exp.Case: conditionals.case,
    exp.Subquery: quantified.scalar,
    exp.Exists: _exists,
    exp.Struct: _row,
    exp.Tuple: _row,
    exp.Array: _array,
    exp.Map: _named("map", "keys", "values"),
    exp.Bracket: _subscript,
    exp.Dot: _field,
    exp.DPipe: _concat,
    exp.Anonymous: _call,
    exp.Substring: _named("substr", "this", "start", "length"),
    exp.StrPosition: _named("strpos", "this", "substr"),
    exp.Trim: _trim,
    exp.Normalize: _normalize,
    exp.Extract: _extract,
    exp.AtTimeZone: _at_time_zone,
    exp.CurrentDate: _now("date"),
    exp.CurrentTimestamp: _now("timestamp with time zone"),
    exp.Localtimestamp: _now("timestamp"),
    exp.Localtime: _now("time"),
}
