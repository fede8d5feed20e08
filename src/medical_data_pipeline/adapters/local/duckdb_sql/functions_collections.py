"""Functions on arrays, maps and rows that take no lambda."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, comparisons, lambdas, nested
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.calls import FUNCTIONS, Builder, Call, declare, function
from medical_data_pipeline.adapters.local.duckdb_sql.casts import cast
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import coerce, converted, meet
from medical_data_pipeline.adapters.local.duckdb_sql.coercion import common_type

declare(
    [
        ("array_distinct", "array(T) -> array(T)", "t_array_distinct"),
        ("array_intersect", "array(T), array(T) -> array(T)", "t_array_intersect"),
        ("array_union", "array(T), array(T) -> array(T)", "t_array_union"),
        ("array_except", "array(T), array(T) -> array(T)", "t_array_except"),
        ("array_remove", "array(T), T -> array(T)", "t_array_remove"),
        ("arrays_overlap", "array(T), array(T) -> boolean", "t_arrays_overlap"),
        ("array_histogram", "array(T) -> map(T, bigint)", "t_array_histogram"),
        ("cardinality", "array(T) -> bigint", "len"),
        ("cardinality", "map(K, V) -> bigint", "t_cardinality"),
        ("combinations", "array(T), bigint -> array(array(T))", "t_combinations"),
        ("contains", "array(T), T -> boolean", "t_contains"),
        ("flatten", "array(array(T)) -> array(T)", "t_flatten"),
        ("ngrams", "array(T), bigint -> array(array(T))", "t_ngrams"),
        ("shuffle", "array(T) -> array(T)", "t_shuffle"),
        ("slice", "array(T), bigint, bigint -> array(T)", "t_slice"),
        ("trim_array", "array(T), bigint -> array(T)", "t_trim_array"),
        ("map_keys", "map(K, V) -> array(K)", "map_keys"),
        ("map_values", "map(K, V) -> array(V)", "map_values"),
        ("map_concat", "map(K, V), map(K, V)* -> map(K, V)", "t_map_concat"),
    ]
)
_MATCHING = (
    *("array_distinct", "array_intersect", "array_union", "array_except", "array_remove"),
    *("arrays_overlap", "array_histogram", "contains"),
)
# Those whose equality is Trino's operator; the others match as IS NOT DISTINCT FROM does, and DuckDB.
_EQUATING = ("contains", "array_position", "array_remove", "arrays_overlap")


def _checked(name: str, inner: Builder) -> Builder:
    """Matching by DuckDB's own equality is right for plain values; structures have Trino's operator."""

    def apply(call: Call) -> Typed:
        values = call.arguments()
        items = [v.type.items[0] if v.type.name == "array" else v.type for v in values]
        if name in _EQUATING and items and items[0].items and len(values) == 2:
            return _matched(name, call, *values)
        for item in items:
            comparisons.require_comparable(item)
        return inner(call)

    return apply


def _matched(name: str, call: Call, values: Typed, other: Typed) -> Typed:
    """contains, array_position, array_remove and arrays_overlap of arrays of structures."""
    if name == "arrays_overlap":
        (values, other), kind = meet([values, other], name)
        element = Typed(build.name("y"), kind.items[0])
        each = build.call("t_any_match", nested.matches(values, element))
        found = build.call("list_transform", other.tree, build.lambda_of(("y",), each))
        return Typed(build.call("t_any_match", found), t.BOOLEAN)
    (values, wrapped), kind = meet([values, Typed(build.array(other.tree), t.array(other.type))], name)
    wanted = Typed(build.call("list_extract", wrapped.tree, build.number(1)), kind.items[0])
    found = nested.matches(values, wanted)
    match name:
        case "contains":
            return Typed(build.call("t_any_match", found), t.BOOLEAN)
        case "array_position":
            return Typed(build.call("t_position_of_true", found), t.BIGINT)
    return Typed(build.call("t_keep_unmatched", values.copy(), found), kind)


for _name in _MATCHING:
    FUNCTIONS[_name] = _checked(_name, FUNCTIONS[_name])


@function("repeat")
def _repeat(call: Call) -> Typed:
    call.require_count(2)
    value, count = call.argument(0), coerce(call.argument(1), t.BIGINT, call.name).tree
    return Typed(build.call("t_repeat", value.tree, count, _bytes_of(value)), t.array(value.type))


def _bytes_of(value: Typed) -> exp.Expr:
    """About the memory Trino's copy of a value takes, where that can be much."""
    if value.type.name == "varchar":
        return build.call("strlen", value.copy())
    if value.type.name == "array" and not value.type.items[0].items:
        items = build.infix(exp.Add, build.call("len", value.copy()), build.number(1))
        return build.infix(exp.Mul, items, build.number(5))
    return build.number(0)


@function("array_join")
def _array_join(call: Call) -> Typed:
    call.require_count(2, 3)
    value = call.argument(0)
    if value.type.name != "array":
        raise type_error(f"array_join does not take {value.type}")
    mark = coerce(call.argument(1), t.VARCHAR, call.name).tree
    item = value.type.items[0]
    if item.name == "unknown":
        texts = build.cast(value.tree, "VARCHAR[]")
    else:
        texts = cast(value, t.array(t.VARCHAR)).tree
    if len(call.nodes) == 2:
        return Typed(build.call("t_join_present", texts, mark), t.VARCHAR)
    instead = coerce(call.argument(2), t.VARCHAR, call.name).tree
    return Typed(build.call("t_join_all", texts, mark, instead), t.VARCHAR)


@function("array_min", "array_max")
def _extreme(call: Call) -> Typed:
    call.require_count(1)
    value = _array(call, 0)
    item = value.type.items[0]
    comparisons.require_orderable(item)
    if item.items:
        return nested.extreme(call.name, value)
    if item.name in t.FLOATS:
        name = "t_greatest_float" if call.name == "array_max" else "t_least_float"
        return Typed(build.cast(build.call(name, value.tree), item), item)
    return Typed(build.call("t_" + call.name, value.tree), item)


@function("array_position")
def _array_position(call: Call) -> Typed:
    call.require_count(2, 3)
    value = _array(call, 0)
    wanted = call.argument(1)
    if len(call.nodes) == 2 and value.type.items[0].items:
        return _matched(call.name, call, value, wanted)
    item = common_type(value.type.items[0], wanted.type)
    if item is None or item.items:
        raise type_error(f"array_position does not take {value.type} and {wanted.type}")
    arguments = [converted(value, t.array(item)).tree, converted(wanted, item).tree]
    if len(call.nodes) == 3:
        arguments.append(coerce(call.argument(2), t.BIGINT, call.name).tree)
    return Typed(build.call("t_array_position", *arguments), t.BIGINT)


@function("element_at")
def _element_at(call: Call) -> Typed:
    call.require_count(2)
    value, key = call.arguments()
    if value.type.name == "map":
        return Typed(_lookup(value, key), value.type.items[1])
    if value.type.name != "array":
        raise type_error(f"element_at does not take {value.type}")
    position = coerce(key, t.BIGINT, "element_at").tree
    return Typed(build.call("t_element_at", value.tree, position), value.type.items[0])


def _lookup(value: Typed, key: Typed) -> exp.Expr:
    kind = value.type.items[0]
    return build.call("map_extract_value", value.tree, coerce(key, kind, "a map's key").tree)


def subscript(value: Typed, key: Typed) -> Typed:
    """`value[key]`: an error where there is no such element.

    Raises:
        QueryRejected: the value has no elements, or a row's position is not a literal.
    """
    match value.type.name:
        case "array":
            position = coerce(key, t.BIGINT, "a subscript").tree
            tree = build.call("list_extract", value.tree, build.call("t_subscript", value.copy(), position))
            return Typed(tree, value.type.items[0])
        case "map":
            wanted = coerce(key, value.type.items[0], "a map's key").tree
            guarded = build.call("t_existing_key", value.copy(), wanted)
            return Typed(build.call("map_extract_value", value.tree, guarded), value.type.items[1])
        case "row":
            if not isinstance(key.literal, int) or not 1 <= key.literal <= len(value.type.items):
                raise type_error("a row's subscript is a position in it")
            return Typed(build.field(value.tree, key.literal - 1), value.type.items[key.literal - 1])
    raise type_error(f"{value.type} has no elements")


@function("sequence")
def _sequence(call: Call) -> Typed:
    call.require_count(2, 3)
    values = call.arguments()
    kind = common_type(values[0].type, values[1].type)
    if kind is None or kind.name not in (*t.INTEGERS, "date", "timestamp"):
        raise type_error("sequence takes whole numbers, dates or timestamps")
    start, stop = (
        converted(value, t.BIGINT if kind.name in t.INTEGERS else kind).tree for value in values[:2]
    )
    if kind.name in t.INTEGERS:
        arguments = [coerce(values[2], t.BIGINT, "sequence").tree] if len(values) == 3 else []
        return Typed(build.call("t_sequence", start, stop, *arguments), t.array(t.BIGINT))
    if len(values) == 2:
        if kind.name != "date":
            raise type_error("a sequence of timestamps needs a step")
        return Typed(build.call("t_sequence_days", start, stop), t.array(t.DATE))
    step = values[2]
    if step.type == t.DAY_TIME:
        tree = build.call(
            "t_sequence_ms", build.cast(start, "TIMESTAMP"), build.cast(stop, "TIMESTAMP"), step.tree
        )
    elif step.type == t.YEAR_MONTH:
        tree = build.call(
            "t_sequence_months", build.cast(start, "TIMESTAMP"), build.cast(stop, "TIMESTAMP"), step.tree
        )
    else:
        raise type_error("the step of this sequence is an interval")
    return Typed(build.cast(tree, t.array(kind)), t.array(kind))


@function("contains_sequence")
def _contains_sequence(call: Call) -> Typed:
    call.require_count(2)
    (whole, part), kind = meet([_array(call, 0), _array(call, 1)], call.name)
    if kind.items[0].items:
        raise unsupported(f"contains_sequence of {kind.items[0].name} values")
    return Typed(build.call("t_contains_sequence", whole.tree, part.tree), t.BOOLEAN)


@function("array_sort")
def _array_sort(call: Call) -> Typed:
    call.require_count(1, 2)
    value = _array(call, 0)
    if len(call.nodes) == 2:
        return lambdas.sorted_by(call, value)
    comparisons.require_orderable(value.type.items[0])
    tree = build.call("list_sort", value.tree, build.text("ASC"), build.text("NULLS LAST"))
    return Typed(tree, value.type)


@function("map")
def _map(call: Call) -> Typed:
    call.require_count(0, 2)
    if not call.nodes:
        return Typed(build.cast(build.call("map"), "MAP(INTEGER, INTEGER)"), t.map_of(t.UNKNOWN, t.UNKNOWN))
    keys, values = (_array_or_null(call, position) for position in (0, 1))
    kind = t.map_of(keys.type.items[0], values.type.items[0])
    return Typed(build.call("t_map", _certain(keys).tree, values.tree), kind)


def _certain(keys: Typed) -> Typed:
    """Keys of a map; one with a null inside is refused, as in Trino."""
    if not keys.type.items[0].items:
        return keys
    key = nested.comparable(Typed(build.name("k"), keys.type.items[0]))
    return Typed(build.call("list_transform", keys.tree, build.lambda_of(("k",), key.tree)), keys.type)


@function("map_from_entries")
def _map_from_entries(call: Call) -> Typed:
    call.require_count(1)
    value, (key, item) = _pairs(call)
    return Typed(build.call("t_map_from_entries", value.tree), t.map_of(key, item))


@function("multimap_from_entries")
def _multimap_from_entries(call: Call) -> Typed:
    call.require_count(1)
    value, (key, item) = _pairs(call)
    return Typed(build.call("t_multimap_from_entries", value.tree), t.map_of(key, t.array(item)))


@function("map_entries")
def _map_entries(call: Call) -> Typed:
    call.require_count(1)
    value = call.argument(0)
    if value.type.name == "unknown":
        value = converted(value, t.map_of(t.UNKNOWN, t.UNKNOWN))
    if value.type.name != "map":
        raise type_error(f"map_entries does not take {value.type}")
    return Typed(build.call("t_entries", value.tree), t.array(t.row(value.type.items)))


@function("zip")
def _zip(call: Call) -> Typed:
    values = [_array_or_null(call, position) for position in range(len(call.nodes))]
    if not 2 <= len(values) <= 5:
        raise type_error("zip takes two to five arrays")
    index = build.name("z")
    items = [build.call("list_extract", value.tree, index.copy()) for value in values]
    longest = build.call("greatest", *(build.call("len", value.copy()) for value in values))
    positions = build.call("range", build.number(1), build.infix(exp.Add, longest, build.number(1)))
    tree = build.call("list_transform", positions, build.lambda_of(("z",), build.row(*items)))
    nulls = build.either(*(build.is_null(value.copy()) for value in values))
    kind = t.array(t.row(tuple(value.type.items[0] for value in values)))
    return Typed(build.case((build.negated(nulls), tree)), kind)


def _pairs(call: Call) -> tuple[Typed, tuple[t.SqlType, ...]]:
    value = call.argument(0)
    if value.type.name == "unknown" or value.type == t.array(t.UNKNOWN):
        value = converted(value, t.array(t.row((t.UNKNOWN, t.UNKNOWN))))
    is_pairs = value.type.name == "array" and value.type.items[0].name == "row"
    if not is_pairs or len(value.type.items[0].items) != 2:
        raise type_error(f"function {call.name} does not take {value.type}")
    return value, value.type.items[0].items


def _array(call: Call, position: int) -> Typed:
    value = call.argument(position)
    if value.type.name == "unknown":
        return converted(value, t.array(t.UNKNOWN))
    if value.type.name != "array":
        raise type_error(f"function {call.name} does not take {value.type}")
    return value


def _array_or_null(call: Call, position: int) -> Typed:
    return _array(call, position)
