"""Functions on text, regular expressions, URLs and bytes."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, java_regex
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, Overloads, declare, function
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import coerce, meet
from medical_data_pipeline.adapters.local.duckdb_sql.coercion import common_type

_URL_PARTS = ("fragment", "host", "path", "protocol", "query")

declare(
    [
        ("chr", "bigint -> varchar", "py_chr"),
        ("codepoint", "varchar -> integer", "py_codepoint"),
        ("hamming_distance", "varchar, varchar -> bigint", "py_hamming"),
        ("length", "varchar -> bigint", "length"),
        ("length", "varbinary -> bigint", "octet_length"),
        ("levenshtein_distance", "varchar, varchar -> bigint", "py_levenshtein"),
        ("lower", "varchar -> varchar", "lower"),
        ("upper", "varchar -> varchar", "t_upper"),
        ("lpad", "varchar, bigint, varchar -> varchar", "t_lpad"),
        ("lpad", "varbinary, bigint, varbinary -> varbinary", "py_lpad_bytes"),
        ("rpad", "varchar, bigint, varchar -> varchar", "t_rpad"),
        ("rpad", "varbinary, bigint, varbinary -> varbinary", "py_rpad_bytes"),
        ("luhn_check", "varchar -> boolean", "py_luhn_check"),
        ("replace", "varchar, varchar -> varchar", "t_remove"),
        ("replace", "varchar, varchar, varchar -> varchar", "t_replace"),
        ("reverse", "varchar -> varchar", "py_reverse"),
        ("reverse", "varbinary -> varbinary", "py_reverse_bytes"),
        ("reverse", "array(T) -> array(T)", "list_reverse"),
        ("soundex", "varchar -> varchar", "py_soundex"),
        ("split", "varchar, varchar -> array(varchar)", "t_split"),
        ("split", "varchar, varchar, bigint -> array(varchar)", "py_split_limit"),
        ("split_part", "varchar, varchar, bigint -> varchar", "t_split_part"),
        (
            "split_to_multimap",
            "varchar, varchar, varchar -> map(varchar, array(varchar))",
            "py_split_to_multimap",
        ),
        ("starts_with", "varchar, varchar -> boolean", "starts_with"),
        ("strpos", "varchar, varchar -> bigint", "strpos"),
        ("strpos", "varchar, varchar, bigint -> bigint", "py_strpos"),
        ("substr", "varchar, bigint -> varchar", "t_substr"),
        ("substr", "varchar, bigint, bigint -> varchar", "t_substr_of"),
        ("substr", "varbinary, bigint -> varbinary", "py_substr_bytes"),
        ("substr", "varbinary, bigint, bigint -> varbinary", "py_substr_bytes_of"),
        ("translate", "varchar, varchar, varchar -> varchar", "py_translate"),
        ("normalize", "varchar -> varchar", "nfc_normalize"),
        ("normalize", "varchar, varchar -> varchar", "py_normalize"),
        ("to_utf8", "varchar -> varbinary", "encode"),
        ("from_utf8", "varbinary -> varchar", "py_from_utf8"),
        ("from_utf8", "varbinary, varchar -> varchar", "py_from_utf8_with"),
        ("from_utf8", "varbinary, bigint -> varchar", "py_from_utf8_code"),
        ("format_number", "bigint -> varchar", "py_format_number"),
        ("format_number", "double -> varchar", "py_format_double"),
        ("human_readable_seconds", "double -> varchar", "py_human_readable_seconds"),
        ("url_encode", "varchar -> varchar", "py_url_encode"),
        ("url_decode", "varchar -> varchar", "py_url_decode"),
        ("url_extract_parameter", "varchar, varchar -> varchar", "py_url_parameter"),
        ("url_extract_port", "varchar -> bigint", "py_url_port"),
        *((f"url_extract_{part}", "varchar -> varchar", f"py_url_{part}") for part in _URL_PARTS),
        *((name, "varbinary -> varbinary", "py_" + name) for name in ("md5", "sha1", "sha256", "sha512")),
        ("xxhash64", "varbinary -> varbinary", "py_xxhash64"),
        ("murmur3", "varbinary -> varbinary", "py_murmur3"),
        *(
            (f"hmac_{h}", "varbinary, varbinary -> varbinary", f"py_hmac_{h}")
            for h in ("md5", "sha1", "sha256", "sha512")
        ),
        ("crc32", "varbinary -> bigint", "py_crc32"),
        ("to_hex", "varbinary -> varchar", "hex"),
        ("from_hex", "varchar -> varbinary", "py_from_hex"),
        ("from_hex", "varbinary -> varbinary", "py_from_hex_bytes"),
        ("to_base64", "varbinary -> varchar", "to_base64"),
        ("from_base64", "varchar -> varbinary", "py_from_base64"),
        ("to_base64url", "varbinary -> varchar", "py_to_base64url"),
        ("from_base64url", "varchar -> varbinary", "py_from_base64url"),
        ("to_base32", "varbinary -> varchar", "py_to_base32"),
        ("from_base32", "varchar -> varbinary", "py_from_base32"),
        ("from_base32", "varbinary -> varbinary", "py_from_base32_bytes"),
        ("from_base64", "varbinary -> varbinary", "py_from_base64_bytes"),
        ("from_base64url", "varbinary -> varbinary", "py_from_base64url_bytes"),
        ("to_big_endian_64", "bigint -> varbinary", "py_to_big_endian_64"),
        ("from_big_endian_64", "varbinary -> bigint", "py_from_big_endian_64"),
        ("to_big_endian_32", "integer -> varbinary", "py_to_big_endian_32"),
        ("from_big_endian_32", "varbinary -> integer", "py_from_big_endian_32"),
        ("to_ieee754_64", "double -> varbinary", "py_to_ieee754_64"),
        ("from_ieee754_64", "varbinary -> double", "py_from_ieee754_64"),
        ("to_ieee754_32", "real -> varbinary", "py_to_ieee754_32"),
        ("from_ieee754_32", "varbinary -> real", "py_from_ieee754_32"),
    ]
)

_REGEXP: dict[str, Overloads] = {
    "regexp_count": Overloads((("varchar, varchar -> bigint", "py_regexp_count"),)),
    "regexp_extract": Overloads(
        (
            ("varchar, varchar -> varchar", "py_regexp_extract"),
            ("varchar, varchar, bigint -> varchar", "py_regexp_extract_group"),
        )
    ),
    "regexp_extract_all": Overloads(
        (
            ("varchar, varchar -> array(varchar)", "py_regexp_extract_all"),
            ("varchar, varchar, bigint -> array(varchar)", "py_regexp_extract_all_group"),
        )
    ),
    "regexp_position": Overloads(
        (
            ("varchar, varchar -> bigint", "py_regexp_position"),
            ("varchar, varchar, bigint -> bigint", "py_regexp_position_from"),
            ("varchar, varchar, bigint, bigint -> bigint", "py_regexp_position_nth"),
        )
    ),
    "regexp_replace": Overloads(
        (
            ("varchar, varchar -> varchar", "py_regexp_remove"),
            ("varchar, varchar, varchar -> varchar", "py_regexp_replace"),
        )
    ),
    "regexp_split": Overloads((("varchar, varchar -> array(varchar)", "py_regexp_split"),)),
    "regexp_like": Overloads((("varchar, varchar -> boolean", "py_regexp_like"),)),
}


@function(*_REGEXP)
def _regular_expression(call: Call) -> Typed:
    if call.name == "regexp_replace" and len(call.nodes) == 3 and isinstance(call.nodes[2], exp.Lambda):
        return _replace_by_lambda(call)
    arguments = call.arguments()
    pattern = arguments[1].literal if len(arguments) > 1 else None
    if isinstance(pattern, str):
        java_regex.require_supported(pattern)
        simple = java_regex.as_re2(pattern) if call.name == "regexp_like" and len(arguments) == 2 else None
        if simple is not None:
            subject = coerce(arguments[0], t.VARCHAR, call.name)
            return Typed(build.call("regexp_matches", subject.tree, build.text(simple)), t.BOOLEAN)
    return _REGEXP[call.name].apply(call, arguments)


def _replace_by_lambda(call: Call) -> Typed:
    """The pieces between matches, and what the lambda makes of each match's groups."""
    subject, pattern = (coerce(call.argument(i), t.VARCHAR, call.name) for i in (0, 1))
    if isinstance(pattern.literal, str):
        java_regex.require_supported(pattern.literal)
    node = call.nodes[2]
    if len(node.expressions) != 1:
        raise type_error("the lambda of regexp_replace takes one argument")
    name = call.context.fresh("v")
    groups = Typed(build.name(name), t.array(t.VARCHAR))
    body = call.context.bind(node.this, call.scope.with_variables({node.expressions[0].name.lower(): groups}))
    made = coerce(body, t.VARCHAR, "the lambda of regexp_replace")
    matches = build.call("py_regexp_matches", subject.tree, pattern.tree)
    replaced = build.call("list_transform", matches, build.lambda_of((name,), made.tree))
    gaps = build.call("py_regexp_gaps", subject.copy(), pattern.copy())
    return Typed(build.call("t_interleave", gaps, replaced), t.VARCHAR)


_TRIMS = {
    name: Overloads((("varchar -> varchar", "t_" + name), ("varchar, varchar -> varchar", name)))
    for name in ("trim", "ltrim", "rtrim")
}


@function(*_TRIMS)
def _trim(call: Call) -> Typed:
    values = call.arguments()
    if values and values[0].type.name == "char":
        # The padding of a char is no part of it.
        values[0] = Typed(build.call("rtrim", values[0].tree, build.text(" ")), t.VARCHAR)
    return _TRIMS[call.name].apply(call, values)


@function("concat")
def _concat(call: Call) -> Typed:
    if len(call.nodes) < 2:
        raise type_error("concat takes at least two arguments")
    return concatenated(call.arguments(), "concat")


def concatenated(values: list[Typed], what: str) -> Typed:
    """`||` and concat: of texts, bytes or arrays; null if any is."""
    if any(value.type.name == "array" for value in values):
        return _concatenated_arrays(values, what)
    if any(value.type.name == "char" for value in values) and all(
        v.type.name in ("char", "varchar") for v in values
    ):
        size = sum(value.type.precision for value in values)
        kind = t.char(size) if size <= 65536 else t.VARCHAR
    else:
        values, kind = meet(values, what)
    if kind.name == "unknown":
        return Typed(build.NULL(), t.UNKNOWN)
    if kind.name not in ("varchar", "char", "varbinary"):
        raise type_error(f"{what} does not take {kind}")
    tree = values[0].tree
    for value in values[1:]:
        tree = build.infix(exp.DPipe, tree, value.tree)
    return Typed(tree, t.VARCHAR if kind.name == "varchar" else kind)


def _concatenated_arrays(values: list[Typed], what: str) -> Typed:
    kinds = [v for v in values if v.type.name == "array"]
    if any(v.type == t.array(t.UNKNOWN) for v in kinds) and any(
        v.type.items[0].name == "array" for v in kinds
    ):
        raise type_error(f"{what} of these arrays has two meanings")
    first, last = kinds[0].type, kinds[-1].type
    if len(values) == 2 == len(kinds) and common_type(first, last) is None:
        # An array may be an element of the other one.
        inner = 0 if common_type(first, last.items[0]) else 1
        values[inner] = Typed(build.array(values[inner].tree), t.array(values[inner].type))
        kinds = values
    _, common = meet(kinds, what)
    arrays = []
    for value in values:
        if value.type.name != "array" and not (value.type.name == "unknown" and len(values) > 2):
            # An element stands for an array of itself; a null element makes the whole null, as in Trino.
            item = value
            (_, _), common = meet([Typed(value.tree, common), Typed(value.tree, t.array(item.type))], what)
    for value in values:
        if value.type.name == "array":
            arrays.append(coerce(value, common, what).tree)
        elif value.type.name == "unknown":
            arrays.append(build.cast(build.NULL(), common))
        else:
            arrays.append(build.array(coerce(value, common.items[0], what).tree))
    return Typed(build.call("t_concat", *arrays) if len(arrays) == 2 else _nested(arrays), common)


def _nested(arrays: list[exp.Expr]) -> exp.Expr:
    tree = arrays[0]
    for other in arrays[1:]:
        tree = build.call("t_concat", tree, other)
    return tree


@function("concat_ws")
def _concat_ws(call: Call) -> Typed:
    separator, *values = call.arguments()
    if not values:
        raise type_error("concat_ws takes a separator and values")
    mark = coerce(separator, t.VARCHAR, "concat_ws").tree
    if len(values) == 1 and values[0].type.name == "array":
        items = coerce(values[0], t.array(t.VARCHAR), "concat_ws").tree
        return Typed(build.call("t_join_present", items, mark), t.VARCHAR)
    items = build.array(*(coerce(v, t.VARCHAR, "concat_ws").tree for v in values))
    return Typed(build.call("t_join_present", items, mark), t.VARCHAR)


@function("parse_data_size")
def _parse_data_size(call: Call) -> Typed:
    call.require_count(1)
    text = coerce(call.argument(0), t.VARCHAR, call.name).tree
    kind = t.decimal(38, 0)
    return Typed(build.cast(build.call("py_data_size", text), kind), kind)
