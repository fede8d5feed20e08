"""What stands in FROM: tables, common tables, sub-queries, VALUES, UNNEST, LATERAL, and joins of them."""

from dataclasses import dataclass, replace

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, comparisons
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    BoundQuery,
    Context,
    Field,
    Relation,
    Scope,
    Typed,
    type_error,
    unsupported,
)
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import boolean, meet
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.table import Column, Kind


@dataclass(frozen=True)
class Source:
    """A FROM item: its DuckDB tree, what it offers, and the columns of `*` in order."""

    tree: exp.Expr
    relations: tuple[Relation, ...]
    merged: tuple[Field, ...] = ()

    @property
    def star(self) -> tuple[Field, ...]:
        names = {field.name.lower() for field in self.merged}
        rest = (f for r in self.relations for f in r.fields if not (f.name and f.name.lower() in names))
        return (*self.merged, *rest)


def bind_from(context: Context, node: exp.Select, scope: Scope) -> tuple[Source | None, list[exp.Expr]]:
    """The first item with everything joined to it, and the DuckDB joins."""
    start = node.args.get("from_")
    if start is None:
        return None, []
    return _joined(
        context, start.this, [*(start.this.args.get("joins") or []), *(node.args.get("joins") or [])], scope
    )


def _joined(
    context: Context, first: exp.Expr, joins: list[exp.Expr], scope: Scope
) -> tuple[Source, list[exp.Expr]]:
    source = bind_item(context, first, scope)
    trees: list[exp.Expr] = []
    for join in joins:
        seen = replace(scope, relations=source.relations, merged=source.merged)
        right = bind_item(context, join.this, seen)
        source, tree = _join(context, join, source, right, seen)
        trees.append(tree)
    return source, trees


def _join(
    context: Context, join: exp.Expr, left: Source, right: Source, seen: Scope
) -> tuple[Source, exp.Expr]:
    side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
    if join.args.get("method") or kind not in ("", "INNER", "CROSS", "OUTER"):
        raise unsupported("this kind of JOIN")
    relations = (*left.relations, *right.relations)
    using = join.args.get("using")
    if using:
        matched, merged = _using(left, right, [item.name.lower() for item in using], side)
        kept = tuple(field for field in left.merged if field.name not in {m.name for m in merged})
        condition: exp.Expr | None = matched
        both = Source(left.tree, relations, (*merged, *kept))
    else:
        both = Source(left.tree, relations, left.merged)
        on = join.args.get("on")
        inner = replace(seen, relations=relations, merged=both.merged)
        condition = boolean(context.bind(on, inner), "a join condition") if on is not None else None
    if condition is None and kind != "CROSS" and (side or kind):
        raise type_error("a JOIN needs ON or USING")
    if condition is None:
        return both, exp.Join(this=right.tree, kind="CROSS")
    if isinstance(right.tree, exp.Lateral) and side in ("RIGHT", "FULL"):
        # It is run for each row on the left, so with ON TRUE there is nothing that only it has.
        if not (isinstance(condition, exp.Boolean) and condition.this):
            raise unsupported("this kind of JOIN with LATERAL or UNNEST")
        side = "LEFT" if side == "FULL" else ""
    return both, exp.Join(this=right.tree, side=side or None, kind=None if side else "INNER", on=condition)


def _using(left: Source, right: Source, names: list[str], side: str) -> tuple[exp.Expr, tuple[Field, ...]]:
    conditions, merged = [], []
    for name in names:
        a, b = (_one(source, name) for source in (left, right))
        (x, y), common = meet([a, b], "USING")
        conditions.append(comparisons.compare("=", Typed(x.copy(), common), Typed(y.copy(), common)).tree)
        if side == "FULL":
            value: exp.Expr = build.call("coalesce", x.copy(), y.copy())
        else:
            value = y.copy() if side == "RIGHT" else x.copy()
        merged.append(Field(name, Typed(value, common)))
    return build.both(*conditions), tuple(merged)


def _one(source: Source, name: str) -> Typed:
    found = [field for field in source.star if field.name.lower() == name]
    if len(found) != 1:
        raise QueryRejected("SQL_UNKNOWN_OBJECT", f"column {name} of USING cannot be resolved")
    return found[0].value


def bind_item(context: Context, node: exp.Expr, scope: Scope) -> Source:
    """Raises: QueryRejected: an unknown table, or a form that is not supported."""
    if node.args.get("pivots"):
        raise unsupported("this form of FROM")
    sample = node.args.get("sample")
    if sample is not None:
        plain = node.copy()
        plain.set("sample", None)
        return sampled(bind_item(context, plain, scope), sample)
    match node:
        case exp.Table():
            return _table(context, node, scope)
        case exp.Subquery() if isinstance(node.this, exp.Table) or (
            node.this.args.get("joins") and isinstance(node.this, exp.Subquery)
        ):
            return _nested(context, node, scope)
        case exp.Subquery():
            return _derived(context, node, context.bind_query(node.this, _outside(scope)))
        case exp.Values():
            return _derived(context, node, context.bind_query(node, _outside(scope)))
        case exp.Unnest():
            return _unnest(context, node, scope)
        case exp.Lateral() if isinstance(node.this, exp.Subquery | exp.Values):
            query = node.this.this if isinstance(node.this, exp.Subquery) else node.this
            return _lateral(_derived(context, node, context.bind_query(query, scope.inner())))
        case exp.Lateral() if isinstance(node.this, exp.Unnest):
            return _unnest(context, node.this, scope, node.args.get("alias"))
    raise unsupported("this form of FROM")


def sampled(source: Source, sample: exp.Expr) -> Source:
    """TABLESAMPLE: each row with the same chance. SYSTEM may choose any units, so it chooses rows too."""
    share, method = sample.args.get("percent"), sample.args.get("method")
    is_named = isinstance(method, exp.Var) and method.name.upper() in ("BERNOULLI", "SYSTEM")
    if not is_named or not isinstance(share, exp.Literal) or share.is_string:
        raise unsupported("this form of TABLESAMPLE")
    if not 0 <= float(share.name) <= 100:
        raise type_error("a sample is between 0 and 100 percent")
    alias = source.tree.args.get("alias")
    if alias is None or isinstance(source.tree, exp.Lateral):
        raise unsupported("this form of TABLESAMPLE")
    chance = build.infix(exp.Mul, build.call("random"), build.number(100))
    inner = exp.Select(expressions=[exp.Star()], from_=exp.From(this=source.tree))
    inner.set("where", exp.Where(this=exp.LT(this=chance, expression=exp.Literal.number(share.name))))
    return replace(source, tree=exp.Subquery(this=inner, alias=alias.copy()))


def _outside(scope: Scope) -> Scope:
    """A derived table sees the common tables and the queries around, but not its neighbours in FROM."""
    return replace(scope, relations=(), merged=())


def _lateral(source: Source) -> Source:
    tree = source.tree
    lateral = exp.Lateral(this=exp.Subquery(this=tree.this), alias=tree.args["alias"])
    return replace(source, tree=lateral)


def _nested(context: Context, node: exp.Subquery, scope: Scope) -> Source:
    """`(a JOIN b ON …)`: its columns keep the aliases they have inside."""
    table = node.this
    joins = [*(table.args.get("joins") or []), *(node.args.get("joins") or [])]
    if node.args.get("alias"):
        raise unsupported("an alias of a join in parentheses")
    source, trees = _joined(context, table, joins, scope)
    select = exp.Select(from_=exp.From(this=source.tree), joins=trees)
    alias = context.fresh("j")
    renamed: list[Relation] = []
    columns: list[exp.Expr] = []
    for relation in source.relations:
        fields = []
        for field in relation.fields:
            name = f"c{len(columns)}"
            columns.append(exp.alias_(field.value.copy(), name, quoted=True))
            fields.append(replace(field, value=Typed(build.column(alias, name), field.value.type)))
        renamed.append(Relation(relation.alias, tuple(fields)))
    merged = []
    for field in source.merged:
        name = f"c{len(columns)}"
        columns.append(exp.alias_(field.value.copy(), name, quoted=True))
        merged.append(replace(field, value=Typed(build.column(alias, name), field.value.type)))
    select.set("expressions", columns)
    tree = exp.Subquery(this=select, alias=exp.TableAlias(this=build.name(alias)))
    return Source(tree, tuple(renamed), tuple(merged))


def _table(context: Context, node: exp.Table, scope: Scope) -> Source:
    name = node.name.lower()
    alias, columns = _alias(node)
    common = scope.tables.get(name) if not node.args.get("db") else None
    fresh = context.fresh("r")
    if common is not None:
        tree: exp.Expr = exp.Table(
            this=build.name(common.reference), alias=exp.TableAlias(this=build.name(fresh))
        )
        return _source(tree, alias or name, fresh, columns or common.names, common.types)
    table = context.tables.get(name)
    if table is None or node.args.get("db") or node.args.get("version"):
        raise QueryRejected("SQL_UNKNOWN_OBJECT", f"table {name} does not exist")
    tree = exp.Table(this=context.scan(table), alias=exp.TableAlias(this=build.name(fresh)))
    if columns and len(columns) != len(table.columns):
        raise type_error(f"the alias of {name} names another number of columns")
    fields = tuple(
        Field(
            columns[i] if columns else column.name,
            Typed(build.column(fresh, column.name), column_type(column)),
        )
        for i, column in enumerate(table.columns)
    )
    return Source(tree, (Relation(alias or name, fields),))


def column_type(column: Column) -> t.SqlType:
    kind = column.type
    match kind.kind:
        case Kind.DECIMAL:
            return t.decimal(kind.precision, kind.scale)
        case Kind.TIMESTAMP:
            return t.timestamp(6)
        case Kind.TIMESTAMP_TZ:
            return t.timestamp_tz(6)
        case Kind.TEXT:
            return t.VARCHAR
        case other:
            return t.SqlType(other.value)


def _alias(node: exp.Expr) -> tuple[str, tuple[str, ...]]:
    alias = node.args.get("alias")
    if alias is None:
        return "", ()
    return alias.name.lower(), tuple(column.name for column in alias.args.get("columns") or [])


def _source(
    tree: exp.Expr, alias: str, fresh: str, names: tuple[str, ...], types: tuple[t.SqlType, ...]
) -> Source:
    if len(names) != len(types):
        raise type_error("an alias names another number of columns")
    fields = tuple(
        Field(name, Typed(build.column(fresh, f"c{i}"), kind))
        for i, (name, kind) in enumerate(zip(names, types, strict=True))
    )
    return Source(tree, (Relation(alias, fields),))


def _derived(context: Context, node: exp.Expr, bound: BoundQuery) -> Source:
    alias, columns = _alias(node)
    fresh = context.fresh("r")
    tree = exp.Subquery(this=bound.tree, alias=exp.TableAlias(this=build.name(fresh)))
    return _source(tree, alias, fresh, columns or bound.names, bound.types)


def _unnest(context: Context, node: exp.Unnest, scope: Scope, given: exp.Expr | None = None) -> Source:
    inner = scope.inner()
    items: list[Typed] = []
    lengths: list[exp.Expr] = []
    for argument in node.expressions:
        value = context.bind(argument, inner)
        items += _unnested(value, lengths)
    offset = node.args.get("offset")
    if offset:
        longest = build.call("t_longest", build.array(*lengths))
        items.append(Typed(build.call("unnest", longest), t.BIGINT))
    fresh = context.fresh("r")
    columns = [exp.alias_(item.tree, f"c{i}", quoted=True) for i, item in enumerate(items)]
    tree = exp.Lateral(
        this=exp.Subquery(this=exp.Select(expressions=columns)), alias=exp.TableAlias(this=build.name(fresh))
    )
    alias = given or node.args.get("alias")
    names = tuple(column.name for column in (alias.args.get("columns") or [])) if alias is not None else ()
    if names and isinstance(offset, exp.Identifier):
        names += (offset.name,)
    return _source(
        tree,
        alias.name.lower() if alias is not None else "",
        fresh,
        names or ("",) * len(items),
        tuple(item.type for item in items),
    )


def _unnested(value: Typed, lengths: list[exp.Expr]) -> list[Typed]:
    """The columns that one argument of UNNEST gives."""
    match value.type.name:
        case "map":
            lengths.append(build.call("t_cardinality", value.copy()))
            key, item = value.type.items
            return [
                Typed(build.call("unnest", build.call(name, value.copy())), kind)
                for name, kind in (("map_keys", key), ("map_values", item))
            ]
        case "array":
            lengths.append(build.call("len", value.copy()))
            item = value.type.items[0]
            if item.name != "row":
                return [Typed(build.call("unnest", value.tree), item)]
            return [
                Typed(build.field(build.call("unnest", value.copy()), i), kind)
                for i, kind in enumerate(item.items)
            ]
    raise type_error(f"UNNEST does not take {value.type}")
