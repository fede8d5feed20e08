"""GROUP BY: keys, GROUPING SETS, CUBE and ROLLUP."""

from itertools import combinations, product

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import comparisons
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    Context,
    Scope,
    Typed,
    type_error,
    unsupported,
)

Items = list[tuple[str, Typed]]
_MAX_SETS = 4096


def bind_group(context: Context, group: exp.Expr, scope: Scope, items: Items) -> exp.Group:
    """`items` are the select list, which a key may name by its position.

    Raises:
        QueryRejected: a key that cannot be resolved or matched.
    """
    if group.args.get("all") is False:
        return _distinct(context, group, scope, items)
    parts: list[exp.Expr] = []
    for item in group.expressions:
        if isinstance(item, exp.GroupingSets | exp.Cube | exp.Rollup):
            sets = [_set(context, part, scope, items) for part in item.expressions]
            parts.append(type(item)(expressions=sets))
        elif isinstance(item, exp.Tuple) and not item.expressions:
            parts.append(exp.Tuple())
        else:
            parts += _set(context, item, scope, items).expressions
    return exp.Group(expressions=parts)


def _distinct(context: Context, group: exp.Expr, scope: Scope, items: Items) -> exp.Group:
    """GROUP BY DISTINCT: every grouping set that the parts give together, each once."""
    choices = [_alternatives(context, item, scope, items) for item in group.expressions]
    sets: dict[frozenset[exp.Expr], list[exp.Expr]] = {}
    for chosen in product(*choices):
        keys = dict.fromkeys(key for part in chosen for key in part)
        sets.setdefault(frozenset(keys), list(keys))
        if len(sets) > _MAX_SETS:
            raise unsupported("a GROUP BY of so many grouping sets")
    tuples = [exp.Tuple(expressions=[key.copy() for key in keys]) for keys in sets.values()]
    return exp.Group(expressions=[exp.GroupingSets(expressions=tuples)])


def _alternatives(context: Context, item: exp.Expr, scope: Scope, items: Items) -> list[list[exp.Expr]]:
    """The grouping sets that one part of GROUP BY stands for."""
    if not isinstance(item, exp.GroupingSets | exp.Cube | exp.Rollup):
        return [list(_set(context, item, scope, items).expressions)]
    sets = [list(_set(context, part, scope, items).expressions) for part in item.expressions]
    match item:
        case exp.GroupingSets():
            return sets
        case exp.Rollup():
            chosen = [tuple(range(size)) for size in range(len(sets), -1, -1)]
        case _:
            sizes = range(len(sets), -1, -1)
            chosen = [which for size in sizes for which in combinations(range(len(sets)), size)]
    return [[key for position in which for key in sets[position]] for which in chosen]


def _set(context: Context, node: exp.Expr, scope: Scope, items: Items) -> exp.Tuple:
    members = node.expressions if isinstance(node, exp.Tuple) else [node]
    return exp.Tuple(expressions=[_grouping_key(context, member, scope, items) for member in members])


def _grouping_key(context: Context, node: exp.Expr, scope: Scope, items: Items) -> exp.Expr:
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
        if not 1 <= int(node.this) <= len(items):
            raise type_error("a position of GROUP BY is not in the select list")
        key = items[int(node.this) - 1][1]
    else:
        key = context.bind(node, scope)
    comparisons.require_comparable(key.type)
    return key.copy()
