"""Reads what operators declare about their datasets from one YAML file."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from medical_data_pipeline.adapters.local.date_formats import parse_date_format
from medical_data_pipeline.errors import SettingsError
from medical_data_pipeline.model.dataset import Contract, Dataset, DeclaredColumn, LoadMode, RejectLimit
from medical_data_pipeline.model.row_layout import PartitionField, RowLayout, parse_partition_field
from medical_data_pipeline.model.table import ColumnType, Kind, PhiClass, parse_type

MAX_FILE_BYTES = 1_000_000
VERSION = 1
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_DATED = {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}
_EXACT_NUMBERS = {Kind.BIGINT, Kind.DECIMAL, Kind.DOUBLE}
_MISSING = object()
T = TypeVar("T")


class _NoDuplicates(yaml.SafeLoader):
    """YAML lets the later of two equal keys win in silence; here it is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                raise yaml.MarkedYAMLError(problem="the same key twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


@dataclass
class _Problems:
    """Everything that is wrong with one file, so that it is mended in one go."""

    file: str
    found: list[str] = field(default_factory=list)

    def add(self, where: str, wanted: str) -> None:
        self.found.append(f"{self.file}: {where}: {wanted}")

    def raise_if_any(self) -> None:
        if self.found:
            raise SettingsError("\n".join(self.found))


@dataclass
class _Section:
    """One mapping of the file: each key is taken once, what is left over is unknown."""

    where: str
    content: dict[Any, Any]
    problems: _Problems
    known: list[str] = field(default_factory=list)

    def take(self, key: str, wanted: str, read: Callable[[Any], T], default: T) -> T:
        self.known.append(key)
        value = self.content.get(key, _MISSING)
        if value is _MISSING:
            return default
        try:
            return read(value)
        except (ValueError, TypeError, KeyError):
            self.problems.add(f"{self.where}.{key}", f"expected {wanted}")
            return default

    def section(self, key: str) -> "_Section | None":
        self.known.append(key)
        value = self.content.get(key, {})
        if isinstance(value, dict):
            return _Section(f"{self.where}.{key}".lstrip("."), value, self.problems)
        self.problems.add(f"{self.where}.{key}".lstrip("."), "expected keys and values")
        return None

    def refuse_unknown(self) -> None:
        for key in self.content:
            if key not in self.known:
                near = get_close_matches(str(key), self.known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(self.known))}"
                self.problems.add(f"{self.where}.{key}".lstrip("."), f"unknown key, {hint}")


def load_datasets(path: Path) -> Mapping[str, Dataset]:
    """The declared datasets by table name.

    Raises:
        SettingsError: all that is wrong with the file, one line each: file, dataset, key, what was expected.
    """
    problems = _Problems(path.name)
    top = _Section("", _read(path), problems)
    top.take("version", f"{VERSION}", _version, VERSION)
    tables = top.section("datasets")
    top.refuse_unknown()
    found: dict[str, Dataset] = {}
    for table in tables.content if tables else ():
        section = tables.section(table) if tables and isinstance(table, str) else None
        if section is None:
            problems.add(f"datasets.{table}", "a table's name is text, its content keys and values")
        else:
            found[table] = _dataset(table, section)
    problems.raise_if_any()
    return found


def _read(path: Path) -> dict[Any, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path.name}: cannot be read ({error.strerror})") from None
    if len(content) > MAX_FILE_BYTES:
        raise SettingsError(f"{path.name}: larger than {MAX_FILE_BYTES} bytes")
    try:
        # _NoDuplicates is a SafeLoader: it makes plain values only.
        loaded = yaml.load(content, Loader=_NoDuplicates)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise SettingsError(f"{path.name}: line {line}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise SettingsError(f"{path.name}: not YAML in UTF-8") from None
    if not isinstance(loaded, dict):
        raise SettingsError(f"{path.name}: expected the keys version and datasets")
    return loaded


def _dataset(table: str, section: _Section) -> Dataset:
    take = section.take
    mode = take("mode", _choices(LoadMode), LoadMode, LoadMode.APPEND)
    upsert_key: tuple[str, ...] = take("key", "a list of column names", _names, ())
    if (mode is LoadMode.UPSERT) != bool(upsert_key):
        section.problems.add(f"{section.where}.key", "mode upsert and a key go together")
        mode, upsert_key = LoadMode.APPEND, ()
    dataset = Dataset(
        table=table,
        delimiter=take("delimiter", "one ASCII character, or tab, semicolon, pipe", _delimiter, None),
        quote=take("quote", 'one ASCII character, or "" for none', _mark, None),
        escape=take("escape", 'one ASCII character, or "" for none', _mark, None),
        encoding=take("encoding", "the name of an encoding, such as cp1252", _encoding, None),
        has_header=take("header", "true or false", _bool, None),
        skip_lines=take("skip_lines", "a whole number from 0", _count, None),
        null_tokens=take("null_tokens", "a list of quoted texts", _texts, ()),
        columns=_columns(section),
        contract=take("contract", _choices(Contract), Contract, Contract.EVOLVE),
        mode=mode,
        upsert_key=upsert_key,
        layout=RowLayout(
            take("partition_by", "a list of columns, or of year(), month(), day() of them", _fields, ()),
            take("sort_by", "a list of column names", _names, ()),
        ),
        reject_limit=_reject_limit(section),
    )
    section.refuse_unknown()
    return dataset


def _columns(section: _Section) -> dict[str, DeclaredColumn]:
    columns = section.section("columns")
    found: dict[str, DeclaredColumn] = {}
    for name in columns.content if columns else ():
        column = columns.section(name) if columns and isinstance(name, str) else None
        if column is None:
            section.problems.add(f"{section.where}.columns.{name}", "expected a name with keys and values")
        else:
            found[name] = _column(column)
    return found


def _column(section: _Section) -> DeclaredColumn:
    take = section.take
    column = DeclaredColumn(
        type=take("type", "a type such as varchar, bigint, decimal(10,2), date, timestamp", _type, None),
        format=take("format", "a date format such as DD.MM.YYYY or %d.%m.%Y", _date_format, ""),
        thousands_separator=take("thousands_separator", "one of , . ' or a space", _thousands, ""),
        decimal_separator=take("decimal_separator", "a comma or a point", _decimal_mark, ""),
        strip_symbols=take("strip_symbols", "a text of symbols such as $ or %", _symbols, ""),
        null_tokens=take("null_tokens", "a list of quoted texts", _texts, ()),
        phi=take("phi", _choices(PhiClass), PhiClass, None),
        tag=take("tag", "a lower-case word", _tag, ""),
    )
    section.refuse_unknown()
    _check_column(column, section)
    return column


def _check_column(column: DeclaredColumn, section: _Section) -> None:
    kind = column.type.kind if column.type else None
    if column.format and kind not in _DATED:
        section.problems.add(f"{section.where}.format", "goes with type date or timestamp")
    is_written = column.thousands_separator or column.decimal_separator or column.strip_symbols
    if is_written and kind not in _EXACT_NUMBERS:
        section.problems.add(f"{section.where}.type", "separators and symbols go with a number type")
    if column.thousands_separator and column.thousands_separator == (column.decimal_separator or "."):
        section.problems.add(f"{section.where}.thousands_separator", "differs from the decimal separator")


def _reject_limit(section: _Section) -> RejectLimit:
    limit = section.section("reject_limit")
    default = RejectLimit()
    if limit is None:
        return default
    share = limit.take("share", "a number from 0 to 1", _share, default.share)
    rows = limit.take("rows", "a whole number from 0", _count, default.rows)
    limit.refuse_unknown()
    return RejectLimit(share, rows)


def _choices(values: type[StrEnum]) -> str:
    return "one of " + ", ".join(str(value) for value in values)


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError


def _version(value: Any) -> int:
    _require(value == VERSION and not isinstance(value, bool))
    return VERSION


def _text(value: Any) -> str:
    # YAML reads NO, 1.0 and 2024-01-01 as other things than text, so those have to be quoted.
    _require(isinstance(value, str))
    return str(value)


def _delimiter(value: Any) -> str:
    character = DELIMITERS.get(_text(value), value)
    _require(len(character.encode()) == 1 and character not in "\r\n")
    return str(character)


def _mark(value: Any) -> str:
    _require(len(_text(value).encode()) <= 1 and value not in ("\r", "\n"))
    return str(value)


def _encoding(value: Any) -> str:
    try:
        "".encode(_text(value))
    except (LookupError, UnicodeError):
        raise ValueError from None
    return str(value)


def _bool(value: Any) -> bool:
    _require(isinstance(value, bool))
    return bool(value)


def _count(value: Any) -> int:
    _require(isinstance(value, int) and not isinstance(value, bool) and value >= 0)
    return int(value)


def _share(value: Any) -> float:
    _require(isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1)
    return float(value)


def _texts(value: Any) -> tuple[str, ...]:
    _require(isinstance(value, list))
    return tuple(_text(item) for item in value)


def _names(value: Any) -> tuple[str, ...]:
    names = _texts(value)
    _require(bool(names) and all(names) and len(set(names)) == len(names))
    return names


def _fields(value: Any) -> tuple[PartitionField, ...]:
    return tuple(parse_partition_field(name) for name in _names(value))


def _type(value: Any) -> ColumnType:
    return parse_type(_text(value))


def _date_format(value: Any) -> str:
    return parse_date_format(_text(value))


def _thousands(value: Any) -> str:
    _require(_text(value) in {",", ".", "'", "’", " ", "\u00a0", "\u202f"})  # noqa: RUF001
    return str(value)


def _decimal_mark(value: Any) -> str:
    _require(_text(value) in {",", "."})
    return str(value)


def _symbols(value: Any) -> str:
    _require(0 < len(_text(value)) <= 10 and not any(mark.isalnum() or mark in "+-.," for mark in value))
    return str(value)


def _tag(value: Any) -> str:
    _require(_text(value).replace("_", "").isalnum() and value == value.lower())
    return str(value)
