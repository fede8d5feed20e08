"""JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_OBJECT and JSON_ARRAY, with their clauses."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, json_path
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, function
from medical_data_pipeline.adapters.local.duckdb_sql.casts import cast, text_of
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import coerce
from medical_data_pipeline.adapters.local.duckdb_sql.json_casts import to_json
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.athena_clauses import links

_RETURNING_JSON = frozenset(("json_query", "json_object", "json_array"))
_ITEM_KINDS = {"boolean": "b", "double": "d", "real": "d", "decimal": "c", "varchar": "s", "char": "s"}
# How an item of each letter is carried, to be cast to the type that is wanted.
_ITEMS = {"s": t.VARCHAR, "b": t.BOOLEAN, "i": t.BIGINT, "d": t.DOUBLE, "c": t.decimal(38, 10)}


def _word(node: exp.Expr) -> str:
    return node.name if isinstance(node, exp.Var) else ""


def _gather(pieces: list[exp.Expr], words: dict[str, exp.Expr | None]) -> None:
    """Put clause words to `words`: RETURNING with its type, `DEFAULT ON EMPTY` with its expression."""
    position = 0
    while position < len(pieces):
        word = _word(pieces[position])
        following = pieces[position + 1] if position + 1 < len(pieces) else None
        if word == "RETURNING" and isinstance(following, exp.DataType):
            words[word] = following
            position += 2
        elif word == "RETURNING":
            raise QueryRejected("SQL_SYNTAX", "RETURNING names a type")
        elif word == "DEFAULT":
            words["DEFAULT " + _word(pieces[position + 2])] = following
            position += 3
        elif word:
            words[word] = None
            position += 1
        else:
            raise QueryRejected("SQL_SYNTAX", "a clause of a JSON function is not of its form")


_EVENT = r"(?:ERROR|NULL|EMPTY|EMPTY ARRAY|EMPTY OBJECT|TRUE|FALSE|UNKNOWN|DEFAULT) ON (?:EMPTY|ERROR)"
_ALLOWED = {
    "json_exists": rf"{_EVENT}",
    "json_value": rf"{_EVENT}|RETURNING",
    "json_query": rf"{_EVENT}|RETURNING|FORMAT JSON.*|WITH.* WRAPPER|(?:KEEP|OMIT) QUOTES.*",
    "json_object": r"(?:NULL|ABSENT) ON NULL|WITH(?:OUT)? UNIQUE.*|RETURNING|FORMAT JSON.*",
    "json_array": r"(?:NULL|ABSENT) ON NULL|RETURNING|FORMAT JSON.*",
}


def _require_words(call: Call, words: dict[str, exp.Expr | None]) -> None:
    for word in words:
        if not re.fullmatch(_ALLOWED[call.name], word):
            raise QueryRejected("SQL_SYNTAX", f"{word} is no clause of {call.name}")


@dataclass(frozen=True)
class _Query:
    """A JSON input, a path, the values passed to it, and the clauses behind."""

    outcome: Callable[..., exp.Expr]
    words: dict[str, exp.Expr | None]


def _query(call: Call) -> _Query:
    call_arguments = [links(node) for node in call.nodes]
    if len(call_arguments) < 2:
        raise type_error(f"function {call.name} takes an input and a path")
    document = _text(call, call_arguments[0])
    path, *pieces = call_arguments[1]
    written = path.name if isinstance(path, exp.Literal) and path.is_string else None
    if written is None:
        raise type_error("a JSON path is a literal")
    passed, words = _passed(call, [pieces, *call_arguments[2:]])
    _require_words(call, words)
    _require_path(written, {name for name, _, _ in passed}, [kind for _, kind, _ in passed])
    parts = [part for name, kind, value in passed for part in (build.text(name), build.text(kind), value)]
    values = build.cast(build.array(*parts), "VARCHAR[]")

    def outcome(name: str, *more: exp.Expr) -> exp.Expr:
        return build.call(name, document.copy(), build.text(written), values.copy(), *more)

    return _Query(outcome, words)


def _require_path(written: str, names: set[str], kinds: list[str]) -> None:
    try:
        path = json_path.parsed(written)
    except ValueError:
        raise type_error("a JSON path is not of its form") from None
    if json_path.variables(path.root) - names:
        raise type_error("a variable of a JSON path is not passed")
    is_divided = any(sign in written for sign in "/%")
    if is_divided and (kinds or "." in written.replace("$.", "").replace("@.", "")):
        raise unsupported("a division in this JSON path")


def _passed(
    call: Call, groups: list[list[exp.Expr]]
) -> tuple[list[tuple[str, str, exp.Expr]], dict[str, exp.Expr | None]]:
    """The values of PASSING as name, kind and text, and the clauses behind them."""
    passed: list[tuple[str, str, exp.Expr]] = []
    words: dict[str, exp.Expr | None] = {}
    if not groups[0] or _word(groups[0][0]) != "PASSING":
        if len(groups) > 1:
            raise type_error(f"function {call.name} takes an input and a path")
        _gather(groups[0], words)
        return passed, words
    groups[0] = groups[0][1:]
    for pieces in groups:
        at = next((i for i, piece in enumerate(pieces) if _word(piece) == "AS"), 0)
        if not at or at + 1 >= len(pieces):
            raise type_error("a passed value has a name")
        label = pieces[at + 1]
        identifier = label.this if isinstance(label, exp.Column) else label
        # A name without quotes is in capitals for the path.
        is_quoted = isinstance(identifier, exp.Identifier) and identifier.quoted
        name = label.name if is_quoted else label.name.upper()
        passed.append((name, *_item(call, pieces[:at])))
        _gather(pieces[at + 2 :], words)
    return passed, words


def _item(call: Call, pieces: list[exp.Expr]) -> tuple[str, exp.Expr]:
    if len(pieces) > 1:
        return "j", _text(call, pieces)
    value = call.context.bind(pieces[0], call.scope)
    kind = "i" if value.type.name in (*t.INTEGERS, "unknown") else _ITEM_KINDS.get(value.type.name)
    if kind is None:
        raise unsupported(f"passing a {value.type} to a JSON path")
    return kind, build.cast(value.tree, "VARCHAR")


def _text(call: Call, pieces: list[exp.Expr]) -> exp.Expr:
    """A JSON input as text: a text, or bytes in the encoding that FORMAT JSON names."""
    value = call.context.bind(pieces[0], call.scope)
    form = _word(pieces[1]) if len(pieces) > 1 else ""
    if len(pieces) > 2 or (form and not form.startswith("FORMAT JSON")):
        raise type_error(f"a clause of {call.name} is not of its form")
    encoding = form.rpartition(" ")[2] if "ENCODING" in form else ""
    if value.type.name == "varbinary":
        return build.call("py_sql_json_decoded", value.tree, build.text(encoding))
    if encoding:
        raise type_error("only bytes have an encoding")
    return coerce(value, t.VARCHAR, "a JSON input").tree


def _is(outcome: exp.Expr, *letters: str) -> exp.Expr:
    first = build.call("left", outcome.copy(), build.number(1))
    return exp.In(this=first, expressions=[build.text(letter) for letter in letters])


def _failure(kind: SqlType) -> exp.Expr:
    return build.cast(build.failure("a JSON function found an error"), kind)


@function("json_exists")
def _json_exists(call: Call) -> Typed:
    query = _query(call)
    answers = {"TRUE": exp.true(), "FALSE": exp.false(), "UNKNOWN": build.NULL()}
    chosen = _handling(call, query.words, "ERROR", ("TRUE", "FALSE", "UNKNOWN", "ERROR")) or "FALSE"
    outcome = query.outcome("py_sql_json_exists")
    on_error = answers.get(chosen) or build.failure("a JSON function found an error", "BOOLEAN")
    tree = build.case(
        (_is(outcome, "t"), exp.true()), (_is(outcome, "f"), exp.false()), (_is(outcome, "x"), on_error)
    )
    return Typed(tree, t.BOOLEAN)


def _handling(call: Call, words: dict[str, exp.Expr | None], event: str, allowed: tuple[str, ...]) -> str:
    """What is written before `ON <event>`, or ""; anything else behind the arguments is taken for wrong."""
    found = ""
    for word in words:
        if word.endswith(f" ON {event}"):
            found = word.removesuffix(f" ON {event}")
            if found not in allowed:
                raise type_error(f"{word} is not of {call.name}")
    return found


@function("json_value")
def _json_value(call: Call) -> Typed:
    query = _query(call)
    kind = _returned(query.words)
    if kind.items or kind.name in ("json", "varbinary"):
        raise type_error(f"json_value does not return {kind}")
    outcome = query.outcome("py_sql_json_value")
    text = build.call("substr", outcome.copy(), build.number(2))
    choices = ("NULL", "ERROR", "DEFAULT")
    on_empty, on_error = (_otherwise(call, query.words, event, choices, kind) for event in ("EMPTY", "ERROR"))
    is_strict = _handling(call, query.words, "ERROR", choices) == "ERROR"
    branches = [(_is(outcome, "e"), on_empty), (_is(outcome, "x"), on_error)]
    for letter, carrier in _ITEMS.items():
        try:
            value = cast(_carried(text.copy(), letter, carrier, kind), kind).tree
        except QueryRejected:
            branches.append((_is(outcome, letter), on_error.copy()))
            continue
        if not is_strict:
            value = build.call("coalesce", build.call("TRY", value), on_error.copy())
        branches.append((_is(outcome, letter), value))
    return Typed(build.cast(build.case(*branches), kind), kind)


def _carried(text: exp.Expr, letter: str, carrier: SqlType, kind: SqlType) -> Typed:
    """An item of the path, on its way to `kind`.

    A decimal stays its text where it can, since each may have another scale than the carrier.
    """
    is_text = carrier.name == "varchar" or (letter == "c" and kind.name in ("varchar", "char", "decimal"))
    return Typed(text, t.VARCHAR) if is_text else Typed(build.cast(text, carrier), carrier)


def _returned(words: dict[str, exp.Expr | None], default: SqlType = t.VARCHAR) -> SqlType:
    node = words.get("RETURNING")
    return t.from_node(node) if node is not None else default


def _otherwise(
    call: Call, words: dict[str, exp.Expr | None], event: str, allowed: tuple[str, ...], kind: SqlType
) -> exp.Expr:
    """What is answered ON EMPTY or ON ERROR."""
    if f"DEFAULT ON {event}" in words:
        node = words[f"DEFAULT ON {event}"]
        value = call.context.bind(node, call.scope) if node is not None else None
        if value is None:
            raise type_error("DEFAULT needs a value")
        return coerce(value, kind, "a default").tree
    match _handling(call, words, event, allowed):
        case "ERROR":
            return _failure(kind)
        case "EMPTY" | "EMPTY ARRAY":
            return build.text("[]")
        case "EMPTY OBJECT":
            return build.text("{}")
    return build.cast(build.NULL(), kind)


@function("json_query")
def _json_query(call: Call) -> Typed:
    query = _query(call)
    options = _wrapper(query.words)
    outcome = query.outcome("py_sql_json_query", build.text(options))
    text = build.call("substr", outcome.copy(), build.number(2))
    choices = ("ERROR", "NULL", "EMPTY", "EMPTY ARRAY", "EMPTY OBJECT")
    on_empty, on_error = (
        _otherwise(call, query.words, event, choices, t.VARCHAR) for event in ("EMPTY", "ERROR")
    )
    branches = ((_is(outcome, "e"), on_empty), (_is(outcome, "x"), on_error), (_is(outcome, "="), text))
    return _as_returned(Typed(build.case(*branches), t.VARCHAR), query.words)


def _wrapper(words: dict[str, exp.Expr | None]) -> str:
    wrapper, is_omitted = "without", False
    for word in words:
        if word.endswith("WRAPPER"):
            parts = word.split()
            wrapper = "without" if parts[0] == "WITHOUT" else "unconditional"
            wrapper = "conditional" if "CONDITIONAL" in parts else wrapper
        elif "QUOTES" in word:
            is_omitted = word.startswith("OMIT")
            if wrapper != "without":
                raise type_error("a wrapper and QUOTES do not go together")
    return wrapper + (" omit" if is_omitted else "")


def _as_returned(text: Typed, words: dict[str, exp.Expr | None]) -> Typed:
    """JSON text as RETURNING wants it: a text of some length, or bytes."""
    kind = _returned(words)
    form = next((word for word in words if word.startswith("FORMAT JSON")), "")
    encoding = form.rpartition(" ")[2] if "ENCODING" in form else ""
    if kind.name == "varbinary":
        return Typed(build.call("py_sql_json_encoded", text.tree, build.text(encoding)), kind)
    if kind.name not in ("varchar", "char") or encoding:
        raise type_error(f"JSON text is not returned as {kind}")
    return cast(text, kind)


@function("json_object")
def _json_object(call: Call) -> Typed:
    keys, values = [], []
    groups, words = _elements(call)
    is_unique = any(word.startswith("WITH UNIQUE") for word in words)
    if is_unique and any(_word(piece).startswith("FORMAT") for pieces in groups for piece in pieces):
        raise unsupported("WITH UNIQUE KEYS with FORMAT JSON")
    for pieces in groups:
        parts = [piece for piece in pieces if _word(piece) not in ("KEY", "VALUE", ":")]
        if len(parts) == len(pieces) or not 2 <= len(parts) <= 3:
            raise type_error("json_object takes keys and values")
        key = call.context.bind(parts[0], call.scope)
        keys.append(coerce(key, t.VARCHAR, "a JSON key").tree)
        values.append(_json_item(call, parts[1:]))
    options = ("absent" if "ABSENT ON NULL" in words else "") + (" unique" if is_unique else "")
    lists = [build.cast(build.array(*side), "VARCHAR[]") for side in (keys, values)]
    made = build.call("py_sql_json_object", *lists, build.text(options))
    return _as_returned(Typed(made, t.VARCHAR), words)


@function("json_array")
def _json_array(call: Call) -> Typed:
    groups, words = _elements(call)
    items = [_json_item(call, pieces) for pieces in groups]
    is_null = "NULL ON NULL" in words
    parts = [build.call("coalesce", item, build.text("null")) if is_null else item for item in items]
    made = build.call("t_json_present", build.cast(build.array(*parts), "VARCHAR[]"))
    return _as_returned(Typed(made, t.VARCHAR), words)


def _elements(call: Call) -> tuple[list[list[exp.Expr]], dict[str, exp.Expr | None]]:
    """The arguments, and the clauses behind the last one."""
    words: dict[str, exp.Expr | None] = {}
    groups = [links(node) for node in call.nodes]
    if groups:
        last = groups[-1]
        start = next((i for i, piece in enumerate(last) if _is_closing(_word(piece))), len(last))
        _gather(last[start:], words)
        _require_words(call, words)
        groups[-1] = last[:start]
    return [group for group in groups if group], words


def _is_closing(word: str) -> bool:
    return word.endswith("ON NULL") or word.startswith("WITH") or word == "RETURNING"


def _json_item(call: Call, pieces: list[exp.Expr]) -> exp.Expr:
    """A value as JSON text; null where it is null."""
    node = pieces[0]
    if len(pieces) > 1:
        return build.call("py_sql_json_text", _text(call, pieces))
    if isinstance(node, exp.Anonymous) and node.name.lower() in _RETURNING_JSON:
        return call.context.bind(node, call.scope).tree
    value = call.context.bind(node, call.scope)
    if value.type.name == "unknown":
        return build.cast(build.NULL(), "VARCHAR")
    if value.type.name in ("boolean", *t.INTEGERS, *t.FLOATS, "decimal", "varchar"):
        return build.cast(to_json(value), "VARCHAR")
    text = text_of(value)
    if text is None:
        raise type_error(f"function {call.name} does not take {value.type}")
    return build.call("py_json_text", text)
