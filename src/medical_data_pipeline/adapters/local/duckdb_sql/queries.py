"""SELECT, VALUES, WITH and set operations; every query gives columns c0, c1, … so that no name can clash."""

from dataclasses import replace

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import (
    build,
    comparisons,
    grouping,
    names,
    ordering,
    quantified,
    relations,
)
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    BoundQuery,
    CommonTable,
    Context,
    Scope,
    Typed,
    type_error,
    unsupported,
)
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import boolean, converted, meet
from medical_data_pipeline.adapters.local.duckdb_sql.relations import Source

_SELECT_PARTS = frozenset(
    (
        "with_",
        "expressions",
        "from_",
        "joins",
        "where",
        "group",
        "having",
        "windows",
        "distinct",
        "order",
        "limit",
    )
) | {"offset", "kind", "hint", "sample"}


def bind_query(context: Context, node: exp.Expr, scope: Scope) -> BoundQuery:
    """`scope` is what is visible outside of the query.

    Raises:
        QueryRejected: a type error, an unknown name, or a form that is not supported.
    """
    ctes, scope = _with(context, node, scope)
    match node:
        case exp.Select():
            bound = _select(context, node, scope)
        case exp.SetOperation():
            bound = _set_operation(context, node, scope)
        case exp.Values():
            bound = _values(context, node, scope)
        case exp.Subquery():
            bound = _parenthesised(context, node, scope)
        case _:
            raise unsupported("this kind of query")
    if ctes is not None:
        # A WITH inside another query's own must not be merged with it.
        tree = bound.tree if isinstance(bound.tree, exp.Select) else _selected(context, bound)
        if tree.args.get("with_"):
            tree = _selected(context, BoundQuery(tree, bound.names, bound.types))
        tree.set("with_", ctes)
        bound = replace(bound, tree=tree)
    return bound


def _parenthesised(context: Context, node: exp.Subquery, scope: Scope) -> BoundQuery:
    bound = context.bind_query(node.this, scope)
    if any(node.args.get(part) for part in ("order", "limit", "offset")):
        return _ordered(context, node, scope, bound)
    return bound


def _selected(context: Context, bound: BoundQuery) -> exp.Select:
    alias = context.fresh("q")
    columns = [
        exp.alias_(build.column(alias, f"c{i}"), f"c{i}", quoted=True) for i in range(len(bound.types))
    ]
    sub = exp.Subquery(this=bound.tree, alias=exp.TableAlias(this=build.name(alias)))
    return exp.Select(expressions=columns, from_=exp.From(this=sub))


def _with(context: Context, node: exp.Expr, scope: Scope) -> tuple[exp.With | None, Scope]:
    clause = node.args.get("with_")
    if clause is None:
        return None, scope
    tables = dict(scope.tables)
    parts = []
    for cte in clause.expressions:
        inner = replace(scope, tables=dict(tables), relations=(), merged=())
        name = cte.alias.lower()
        columns = tuple(column.name for column in cte.args["alias"].args.get("columns") or [])
        reference = context.fresh("w")
        if clause.args.get("recursive") and _names(cte.this, name):
            bound = _recursive(context, cte.this, inner, name, CommonTable(reference, columns, ()))
        else:
            bound = context.bind_query(cte.this, inner)
        if columns and len(columns) != len(bound.types):
            raise type_error(f"{name} names another number of columns")
        tables[name] = CommonTable(reference, columns or bound.names, bound.types)
        parts.append(exp.CTE(this=bound.tree, alias=exp.TableAlias(this=build.name(reference))))
    made = exp.With(expressions=parts, recursive=clause.args.get("recursive"))
    return made, replace(scope, tables=tables)


def _names(node: exp.Expr, table: str) -> bool:
    return any(found.name.lower() == table for found in node.find_all(exp.Table))


def _recursive(context: Context, node: exp.Expr, scope: Scope, name: str, table: CommonTable) -> BoundQuery:
    if not isinstance(node, exp.Union) or not table.names:
        raise type_error("a recursive query is a UNION and names its columns")
    start = context.bind_query(node.this, scope)
    known = replace(table, types=start.types)
    step = context.bind_query(node.expression, replace(scope, tables={**scope.tables, name: known}))
    if len(step.types) != len(start.types):
        raise type_error("the parts of a recursive query differ in their columns")
    first, then = (_as_types(context, part, start.types) for part in (start, step))
    tree = exp.Union(this=first, expression=then, distinct=bool(node.args.get("distinct")))
    return BoundQuery(tree, table.names, start.types)


def _as_types(context: Context, bound: BoundQuery, types: tuple[t.SqlType, ...]) -> exp.Expr:
    if bound.types == types and isinstance(bound.tree, exp.Select) and not _has_limits(bound.tree):
        return bound.tree
    tree = _selected(context, bound)
    for i, (source, target) in enumerate(zip(bound.types, types, strict=True)):
        column = tree.expressions[i]
        (_, value), common = meet([Typed(build.NULL(), target), Typed(column.this.copy(), source)], "UNION")
        if common != target:
            raise type_error(f"{source} does not become {target} in a UNION")
        column.set("this", value.tree)
    return tree


def _has_limits(tree: exp.Expr) -> bool:
    return any(tree.args.get(part) for part in ("order", "limit", "offset", "with_"))


def _set_operation(context: Context, node: exp.Expr, scope: Scope) -> BoundQuery:
    if node.args.get("by_name") or node.args.get("side") or node.args.get("on"):
        raise unsupported("this set operation")
    node = _with_precedence(node)
    left, right = (context.bind_query(side, scope) for side in (node.this, node.expression))
    if len(left.types) != len(right.types):
        raise type_error("the sides of a set operation differ in their columns")
    pairs = zip(left.types, right.types, strict=True)
    types = tuple(
        meet([Typed(build.NULL(), a), Typed(build.NULL(), b)], "a set operation")[1] for a, b in pairs
    )
    is_all = node.args.get("distinct") is False
    if not is_all:
        for kind in types:
            comparisons.require_comparable(kind)
    sides = [_as_types(context, side, types) for side in (left, right)]
    made = type(node)(this=sides[0], expression=sides[1], distinct=not is_all)
    if not isinstance(made, exp.Query):
        raise unsupported("this set operation")
    tree = _selected(context, BoundQuery(made, left.names, types))
    return _ordered(context, node, scope, BoundQuery(tree, left.names, types))


def _with_precedence(node: exp.Expr) -> exp.Expr:
    """INTERSECT binds closer than UNION and EXCEPT; sqlglot takes them from left to right."""
    left = node.this
    if not (isinstance(node, exp.Intersect) and isinstance(left, exp.Union | exp.Except)):
        return node
    inner = exp.Intersect(
        this=left.expression, expression=node.expression, distinct=node.args.get("distinct")
    )
    kept = {part: node.args.get(part) for part in ("order", "limit", "offset")}
    return type(left)(this=left.this, expression=inner, distinct=left.args.get("distinct"), **kept)


def _ordered(context: Context, node: exp.Expr, scope: Scope, bound: BoundQuery) -> BoundQuery:
    """ORDER BY and LIMIT on the result of another query."""
    order = node.args.get("order")
    tree = _selected(context, bound)
    if order is not None:
        values = [
            Typed(column.this, kind) for column, kind in zip(tree.expressions, bound.types, strict=True)
        ]
        outputs = list(zip(bound.names, values, strict=True))
        tree.set("order", ordering.bind_order(context, order, scope, outputs, is_distinct=False))
    elif not any(node.args.get(part) for part in ("limit", "offset")):
        return bound
    return replace(bound, tree=ordering.with_limits(context, node, tree))


def _values(context: Context, node: exp.Values, scope: Scope) -> BoundQuery:
    rows = []
    for item in node.expressions:
        cells = item.expressions if isinstance(item, exp.Tuple) else [item]
        rows.append(_cells(context, cells, scope))
    if len({len(cells) for cells in rows}) != 1:
        raise type_error("the rows of VALUES differ in their columns")
    columns, types = [], []
    for column in zip(*rows, strict=True):
        cells, kind = meet(list(column), "VALUES")
        columns.append([converted(cell, kind) for cell in cells])
        types.append(kind)
    tuples = [
        exp.Tuple(
            expressions=[
                build.cast(column[i].tree, kind) for column, kind in zip(columns, types, strict=True)
            ]
        )
        for i in range(len(rows))
    ]
    labels = [build.name(f"c{i}") for i in range(len(types))]
    alias = exp.TableAlias(this=build.name(context.fresh("v")), columns=labels)
    tree = exp.Select(
        expressions=[exp.Column(this=label.copy()) for label in labels],
        from_=exp.From(this=exp.Values(expressions=tuples, alias=alias)),
    )
    bound = BoundQuery(tree, ("",) * len(types), tuple(types))
    return _ordered(context, node, scope, bound)


def _cells(context: Context, nodes: list[exp.Expr], scope: Scope) -> list[Typed]:
    """The columns of one row of VALUES: a row as the only value gives its fields."""
    if len(nodes) == 1 and isinstance(nodes[0], exp.Struct):
        nodes = nodes[0].expressions
        return [context.bind(node, scope) for node in nodes]
    cells = [context.bind(node, scope) for node in nodes]
    if len(cells) == 1 and cells[0].type.name == "row":
        value = cells[0]
        kinds = enumerate(value.type.items)
        return [Typed(build.field(value.copy(), position), kind) for position, kind in kinds]
    return cells


def _select(context: Context, node: exp.Select, scope: Scope) -> BoundQuery:
    if any(value for part, value in node.args.items() if part not in _SELECT_PARTS):
        raise unsupported("a clause of this SELECT")
    source, joins = relations.bind_from(context, node, replace(scope, relations=(), merged=()))
    sample = node.args.get("sample")
    if sample is not None:
        if source is None or joins:
            raise unsupported("TABLESAMPLE here")
        source = relations.sampled(source, sample)
    inner = Scope(
        relations=source.relations if source else (),
        merged=source.merged if source else (),
        variables=scope.variables,
        tables=scope.tables,
        windows={window.this.name.lower(): window for window in node.args.get("windows") or []},
        outer=_around(scope),
    )
    tree = exp.Select()
    if source is not None:
        tree.set("from_", exp.From(this=source.tree))
        tree.set("joins", joins)
    where = node.args.get("where")
    if where is not None:
        parts = (quantified.condition(context, part, inner) for part in quantified.conditions(where.this))
        tree.set("where", exp.Where(this=build.both(*(boolean(part, "WHERE") for part in parts))))
    grouped = replace(inner, allows_aggregates=True, allows_windows=True)
    items = _items(context, node, grouped, source)
    group = node.args.get("group")
    if group is not None:
        tree.set("group", grouping.bind_group(context, group, inner, items))
    having = node.args.get("having")
    if having is not None:
        condition = boolean(context.bind(having.this, replace(grouped, allows_windows=False)), "HAVING")
        tree.set("having", exp.Having(this=condition))
    return _finished(context, node, grouped, tree, items)


def _around(scope: Scope) -> Scope | None:
    """The enclosing query, whose columns a correlated sub-query may use."""
    return scope if scope.relations or scope.merged or scope.outer or scope.variables else None


def _finished(
    context: Context, node: exp.Select, scope: Scope, tree: exp.Select, items: list[tuple[str, Typed]]
) -> BoundQuery:
    is_distinct = node.args.get("distinct") is not None
    if is_distinct:
        if node.args["distinct"].args.get("on"):
            raise unsupported("DISTINCT ON")
        for _, item in items:
            comparisons.require_comparable(item.type)
        tree.set("distinct", exp.Distinct())
    columns = [exp.alias_(item.tree, f"c{i}", quoted=True) for i, (_, item) in enumerate(items)]
    tree.set("expressions", columns)
    order = node.args.get("order")
    if order is not None:
        tree.set("order", ordering.bind_order(context, order, scope, items, is_distinct))
    limited = ordering.with_limits(context, node, tree)
    return BoundQuery(limited, tuple(name for name, _ in items), tuple(item.type for _, item in items))


def _items(
    context: Context, node: exp.Select, scope: Scope, source: Source | None
) -> list[tuple[str, Typed]]:
    items: list[tuple[str, Typed]] = []
    for item in node.expressions:
        if isinstance(item, exp.Star):
            items += _star(source, item)
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            items += _table_star(context, item, scope)
        elif isinstance(item, exp.Dot | exp.Aliases) and _row_star(item) is not None:
            items += _fields(context, item, scope)
        elif (
            isinstance(item, exp.Aliases)
            and isinstance(item.this, exp.Column)
            and isinstance(item.this.this, exp.Star)
        ):
            starred = _table_star(context, item.this, scope)
            if len(starred) != len(item.expressions):
                raise type_error("the aliases of * are another number than its columns")
            items += [
                (alias.name, value) for alias, (_, value) in zip(item.expressions, starred, strict=True)
            ]
        elif isinstance(item, exp.Alias):
            items.append((item.alias, context.bind(item.this, scope)))
        else:
            items.append((_name(item), context.bind(item, scope)))
    if not items:
        raise type_error("a SELECT needs a column")
    return [(name, Typed(value.copy(), value.type, value.literal)) for name, value in items]


def _star(source: Source | None, item: exp.Star) -> list[tuple[str, Typed]]:
    if any(item.args.values()):
        raise unsupported("SELECT * with EXCEPT, REPLACE or RENAME")
    if source is None:
        raise type_error("SELECT * needs a FROM")
    return [(field.name, field.value) for field in source.star]


def _table_star(context: Context, item: exp.Column, scope: Scope) -> list[tuple[str, Typed]]:
    if any(item.this.args.values()):
        raise unsupported("SELECT * with EXCEPT, REPLACE or RENAME")
    alias = item.table.lower()
    level: Scope | None = scope
    while level is not None and len(item.parts) == 2:
        found = [relation for relation in level.relations if relation.alias == alias]
        if len(found) == 1:
            return [(field.name, field.value) for field in found[0].fields]
        level = level.outer
    parts = [part.name for part in item.parts[:-1]]
    value = names.resolve(exp.column(*reversed(parts)), scope)
    return _row_fields(value, ())


def _row_star(item: exp.Expr) -> exp.Dot | None:
    dot = item.this if isinstance(item, exp.Aliases) else item
    return dot if isinstance(dot, exp.Dot) and isinstance(dot.expression, exp.Star) else None


def _fields(context: Context, item: exp.Expr, scope: Scope) -> list[tuple[str, Typed]]:
    dot = _row_star(item)
    value = context.bind(dot.this, scope) if dot is not None else None
    if value is None:
        raise unsupported("this form of *")
    aliases = tuple(a.name for a in item.expressions) if isinstance(item, exp.Aliases) else ()
    return _row_fields(value, aliases)


def _row_fields(value: Typed, aliases: tuple[str, ...]) -> list[tuple[str, Typed]]:
    if value.type.name != "row" or (aliases and len(aliases) != len(value.type.items)):
        raise type_error("only a row has fields to select")
    labels = aliases or value.type.names
    return [
        (label, Typed(build.field(value.copy(), i), kind))
        for i, (label, kind) in enumerate(zip(labels, value.type.items, strict=True))
    ]


def _name(item: exp.Expr) -> str:
    """The name Trino gives a select item without an alias; "" stands for _colN."""
    if isinstance(item, exp.Column):
        return item.name
    if isinstance(item, exp.Dot) and isinstance(item.expression, exp.Identifier):
        return item.expression.name
    return ""
