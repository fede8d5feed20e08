"""Functions that take lambdas: their parameters are typed from the arrays and maps they run over."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, Overloads, function
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import boolean, coerce, converted
from medical_data_pipeline.adapters.local.duckdb_sql.coercion import common_type
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType


def _array(call: Call, position: int) -> Typed:
    value = call.argument(position)
    if value.type.name == "unknown":
        return converted(value, t.array(t.UNKNOWN))
    if value.type.name != "array":
        raise type_error(f"function {call.name} does not take {value.type}")
    return value


def _map(call: Call, position: int) -> Typed:
    value = call.argument(position)
    if value.type.name != "map":
        raise type_error(f"function {call.name} does not take {value.type}")
    return value


def _body(call: Call, position: int, values: list[Typed]) -> Typed:
    """The lambda at `position` with its parameters standing for `values`."""
    node = call.nodes[position]
    if not isinstance(node, exp.Lambda):
        raise unsupported(f"{call.name} without a lambda")
    if len(node.expressions) != len(values):
        raise type_error(f"the lambda of {call.name} takes {len(values)} arguments")
    if node.this.find(exp.Query, exp.Subquery):
        raise unsupported("a query inside a lambda")
    names = [parameter.name.lower() for parameter in node.expressions]
    return call.context.bind(node.this, call.scope.with_variables(dict(zip(names, values, strict=True))))


def _over(call: Call, position: int, kinds: list[SqlType]) -> tuple[tuple[str, ...], Typed]:
    names = tuple(call.context.fresh("v") for _ in kinds)
    values = [Typed(build.name(name), kind) for name, kind in zip(names, kinds, strict=True)]
    return names, _body(call, position, values)


@function("transform")
def _transform(call: Call) -> Typed:
    call.require_count(2)
    value = _array(call, 0)
    names, body = _over(call, 1, [value.type.items[0]])
    tree = build.call("list_transform", value.tree, build.lambda_of(names, body.tree))
    return Typed(tree, t.array(body.type))


@function("filter")
def _filter(call: Call) -> Typed:
    call.require_count(2)
    value = _array(call, 0)
    names, body = _over(call, 1, [value.type.items[0]])
    condition = build.call("coalesce", boolean(body, "the lambda of filter"), exp.false())
    return Typed(build.call("list_filter", value.tree, build.lambda_of(names, condition)), value.type)


@function("any_match", "all_match", "none_match")
def _match(call: Call) -> Typed:
    call.require_count(2)
    value = _array(call, 0)
    names, body = _over(call, 1, [value.type.items[0]])
    condition = boolean(body, f"the lambda of {call.name}")
    results = build.call("list_transform", value.tree, build.lambda_of(names, condition))
    return Typed(build.call("t_" + call.name, build.cast(results, "BOOLEAN[]")), t.BOOLEAN)


@function("reduce")
def _reduce(call: Call) -> Typed:
    call.require_count(4)
    value = _array(call, 0)
    done = folded(call, value, call.argument(1))
    final = call.context.fresh("v")
    made = _body(call, 3, [Typed(build.name(final), done.type)])
    one = build.call("list_transform", build.array(done.tree), build.lambda_of((final,), made.tree))
    result = build.call("list_extract", one, build.number(1))
    return Typed(build.case((build.negated(build.is_null(value.copy())), result)), made.type)


def folded(call: Call, value: Typed, start: Typed) -> Typed:
    """The state after every element of `value`, by the lambda that is the third argument of `call`."""
    state = start.type
    names, step = _over(call, 2, [state, value.type.items[0]])
    merged = common_type(state, step.type)
    if merged is not None and merged != state:
        state = merged
        names, step = _over(call, 2, [state, value.type.items[0]])
    if common_type(state, step.type) != state:
        raise type_error(f"the lambda of {call.name} gives another type than its state")
    # list_reduce takes the state and the elements from one list, so each is put in a pair of both.
    first = build.row(converted(start, state).tree, build.cast(build.NULL(), value.type.items[0]))
    element = call.context.fresh("v")
    pairs = build.call(
        "list_transform",
        value.tree,
        build.lambda_of((element,), build.row(build.cast(build.NULL(), state), build.name(element))),
    )
    a, b = call.context.fresh("v"), call.context.fresh("v")
    replaced = _with_fields(
        converted(step, state).tree,
        {names[0]: build.field(build.name(a), 0), names[1]: build.field(build.name(b), 1)},
    )
    body = build.row(replaced, build.field(build.name(b), 1))
    reduced = build.call("list_reduce", pairs, build.lambda_of((a, b), body), first)
    return Typed(build.field(reduced, 0), state)


def _with_fields(tree: exp.Expr, places: dict[str, exp.Expr]) -> exp.Expr:
    def place(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Identifier) and node.this in places:
            return places[node.this].copy()
        return node

    return tree.transform(place)


@function("zip_with")
def _zip_with(call: Call) -> Typed:
    call.require_count(3)
    left, right = _array(call, 0), _array(call, 1)
    index = call.context.fresh("v")
    values = [
        Typed(build.call("list_extract", side.copy(), build.name(index)), side.type.items[0])
        for side in (left, right)
    ]
    body = _body(call, 2, values)
    lengths = [build.call("len", side.copy()) for side in (left, right)]
    positions = build.call("t_positions", *lengths)
    tree = build.call("list_transform", positions, build.lambda_of((index,), body.tree))
    nulls = build.either(build.is_null(left.copy()), build.is_null(right.copy()))
    return Typed(build.case((build.negated(nulls), tree)), t.array(body.type))


def _entry(call: Call, value: Typed) -> tuple[str, list[Typed]]:
    name = call.context.fresh("v")
    key = build.call("struct_extract", build.name(name), build.text("key"))
    item = build.call("struct_extract", build.name(name), build.text("value"))
    return name, [Typed(key, value.type.items[0]), Typed(item, value.type.items[1])]


@function("map_filter")
def _map_filter(call: Call) -> Typed:
    call.require_count(2)
    value = _map(call, 0)
    name, sides = _entry(call, value)
    condition = build.call(
        "coalesce", boolean(_body(call, 1, sides), "the lambda of map_filter"), exp.false()
    )
    kept = build.call(
        "list_filter", build.call("map_entries", value.tree), build.lambda_of((name,), condition)
    )
    return Typed(build.cast(build.call("map_from_entries", kept), value.type), value.type)


@function("transform_keys")
def _transform_keys(call: Call) -> Typed:
    call.require_count(2)
    value = _map(call, 0)
    name, sides = _entry(call, value)
    body = _body(call, 1, sides)
    keys = build.call(
        "list_transform", build.call("map_entries", value.tree), build.lambda_of((name,), body.tree)
    )
    tree = build.call("t_map", keys, build.call("map_values", value.copy()))
    return Typed(
        build.case((build.negated(build.is_null(value.copy())), tree)),
        t.map_of(body.type, value.type.items[1]),
    )


@function("transform_values")
def _transform_values(call: Call) -> Typed:
    call.require_count(2)
    value = _map(call, 0)
    name, sides = _entry(call, value)
    body = _body(call, 1, sides)
    items = build.call(
        "list_transform", build.call("map_entries", value.tree), build.lambda_of((name,), body.tree)
    )
    tree = build.call("t_map", build.call("map_keys", value.copy()), items)
    return Typed(
        build.case((build.negated(build.is_null(value.copy())), tree)),
        t.map_of(value.type.items[0], body.type),
    )


@function("map_zip_with")
def _map_zip_with(call: Call) -> Typed:
    call.require_count(3)
    left, right = _map(call, 0), _map(call, 1)
    key_type = common_type(left.type.items[0], right.type.items[0])
    if key_type is None:
        raise type_error("the maps of map_zip_with have different keys")
    name = call.context.fresh("v")
    key = Typed(build.name(name), key_type)
    sides = [
        Typed(build.call("map_extract_value", side.copy(), build.name(name)), side.type.items[1])
        for side in (left, right)
    ]
    body = _body(call, 2, [key, *sides])
    keys = build.call("t_array_union", *(build.call("map_keys", side.copy()) for side in (left, right)))
    values = build.call("list_transform", keys, build.lambda_of((name,), body.tree))
    tree = build.call("t_map", keys.copy(), values)
    nulls = build.either(build.is_null(left.copy()), build.is_null(right.copy()))
    return Typed(build.case((build.negated(nulls), tree)), t.map_of(key_type, body.type))


_SPLIT_TO_MAP = Overloads((("varchar, varchar, varchar -> map(varchar, varchar)", "py_split_to_map"),))


@function("split_to_map")
def _split_to_map(call: Call) -> Typed:
    if len(call.nodes) != 4:
        return _SPLIT_TO_MAP(call)
    # The lambda makes one value of two that have the same key.
    text, entry, pair = (coerce(call.argument(i), t.VARCHAR, call.name).tree for i in range(3))
    found = build.call("py_split_to_multimap", text, entry, pair)
    name, a, b = (call.context.fresh("v") for _ in range(3))
    key = build.call("struct_extract", build.name(name), build.text("key"))
    parts = [Typed(tree, t.VARCHAR) for tree in (key, build.name(a), build.name(b))]
    body = coerce(_body(call, 3, parts), t.VARCHAR, "the lambda of split_to_map").tree
    values = build.call("struct_extract", build.name(name), build.text("value"))
    one = build.call("list_reduce", values, build.lambda_of((a, b), body))
    entries = build.call("list_transform", build.call("map_entries", found), build.lambda_of((name,), one))
    made = build.call("t_map", build.call("map_keys", found.copy()), entries)
    return Typed(made, t.map_of(t.VARCHAR, t.VARCHAR))


def sorted_by(call: Call, value: Typed) -> Typed:
    """array_sort with a comparator: each element by the number of elements that come before it.

    An element's rank counts those the comparator puts before it, and equal ones that stand before it.
    """
    item = value.type.items[0]
    i, j = call.context.fresh("v"), call.context.fresh("v")
    this, other = (Typed(build.call("list_extract", value.copy(), build.name(n)), item) for n in (i, j))
    orders = []
    for pair in ([other, this], [this, other]):
        order = coerce(_body(call, 1, pair), t.BIGINT, "a comparator").tree
        orders.append(build.infix(exp.LT, build.call("t_order", order), build.number(0)))
    # A comparator that puts both before each other, as some do with nulls, leaves them in their order.
    is_same = build.infix(exp.EQ, orders[0].copy(), orders[1])
    is_earlier = build.infix(exp.LT, build.name(j), build.name(i))
    is_before = build.case((is_same, is_earlier), otherwise=orders[0])
    positions = build.call("t_positions", build.call("len", value.copy()), build.number(0))
    earlier = build.call("list_filter", positions, build.lambda_of((j,), is_before))
    ranks = build.call("list_transform", positions.copy(), build.lambda_of((i,), build.call("len", earlier)))
    return Typed(build.call("t_by_rank", value.tree, ranks), value.type)
