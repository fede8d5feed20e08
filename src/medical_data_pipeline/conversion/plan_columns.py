"""What becomes of each column of a file: declared type, the table's type, or what the facts prove."""

from collections.abc import Sequence
from dataclasses import dataclass

from medical_data_pipeline.conversion.decide_type import MAX_DECIMAL_DIGITS, TypeDecision, decide_type
from medical_data_pipeline.conversion.names import column_names
from medical_data_pipeline.conversion.semantics import Recognition, recognise
from medical_data_pipeline.errors import SchemaConflict
from medical_data_pipeline.model.conversion import CellFormat, ColumnPlan, Profile
from medical_data_pipeline.model.dataset import Contract, Dataset, DeclaredColumn
from medical_data_pipeline.model.facts import ColumnFacts, merged
from medical_data_pipeline.model.forms import NULL_TOKENS, FormKind
from medical_data_pipeline.model.table import (
    LINEAGE_NAMES,
    TEXT,
    Column,
    ColumnType,
    Kind,
    Meaning,
    Table,
    decimal,
)

_OTHER_MARK = {".": ",", ",": "."}
# Declared formats that the engine reads for whole columns at once, by the order of their parts.
_FAST_PATTERNS = {
    "%Y-%m-%d": "ymd",
    "%Y/%m/%d": "ymd",
    "%m/%d/%Y": "mdy",
    "%d/%m/%Y": "dmy",
    "%d.%m.%Y": "dmy",
    "%d-%m-%Y": "dmy",
    "%m-%d-%Y": "mdy",
}

_FOREIGN = (
    "the file has no column of the table: is it in the right folder? "
    "With contract: strict or freeze such a file is refused"
)


@dataclass(frozen=True)
class PlannedColumn:
    """A column's plan and the catalog column it fills, and what the receipt says of it."""

    plan: ColumnPlan
    column: Column
    reason: str
    normal_form: str
    warning: str = ""


@dataclass(frozen=True)
class ColumnsPlan:
    """All columns of a file against its table; `left_out` are the file's own that the contract keeps out."""

    columns: tuple[PlannedColumn, ...]
    new: tuple[str, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileColumns:
    """The columns a file has: the catalog's names, under which its fields are read, and its headers."""

    names: tuple[str, ...]
    headers: tuple[str, ...]


def file_columns(header: Sequence[str], width: int) -> FileColumns:
    headers = tuple(header) if header else ("",) * width
    return FileColumns(column_names(headers), tuple(text.strip() for text in headers))


def declared_for(dataset: Dataset, name: str, header: str) -> DeclaredColumn:
    return dataset.columns.get(name) or dataset.columns.get(header) or DeclaredColumn()


def declared_null_tokens(dataset: Dataset, columns: FileColumns) -> dict[str, tuple[str, ...]]:
    pairs = zip(columns.names, columns.headers, strict=True)
    tokens = {
        name: dataset.null_tokens + declared_for(dataset, name, header).null_tokens for name, header in pairs
    }
    return {name: words for name, words in tokens.items() if words}


def plan_columns(
    columns: FileColumns, profile: Profile, dataset: Dataset, table: Table | None, delimiter: str
) -> ColumnsPlan:
    """Raises: SchemaConflict, if the dataset's contract does not take a file of these columns."""
    known = (
        {column.name: column for column in table.columns if column.name not in LINEAGE_NAMES} if table else {}
    )
    new = tuple(name for name in columns.names if name not in known) if table else ()
    missing = tuple(name for name in known if name not in columns.names)
    is_foreign = bool(known) and len(missing) == len(known)
    _require_contract(dataset.contract, new, missing, is_foreign)
    left_out = new if dataset.contract is Contract.FREEZE else ()
    planned = tuple(
        _plan_column(
            _evidence(name, header, profile, dataset, delimiter),
            dataset,
            known.get(name),
        )
        for name, header in zip(columns.names, columns.headers, strict=True)
        if name not in left_out
    )
    warnings = (_FOREIGN if is_foreign else "", *(each.warning for each in planned))
    return ColumnsPlan(planned, () if left_out else new, missing, left_out, tuple(filter(None, warnings)))


def _require_contract(
    contract: Contract, new: Sequence[str], missing: Sequence[str], is_foreign: bool
) -> None:
    if contract is Contract.FREEZE and is_foreign:
        raise SchemaConflict("the dataset's contract is freeze, and the file has no column of the table")
    if contract is not Contract.STRICT or not (new or missing):
        return
    parts = [f"unknown columns: {', '.join(new)}"] if new else []
    parts += [f"missing columns: {', '.join(missing)}"] if missing else []
    raise SchemaConflict("the dataset's contract is strict, and the file has " + "; ".join(parts))


@dataclass(frozen=True)
class _Evidence:
    """What is known of one column. `odd_facts` are of short rows, which do not decide but have to fit."""

    name: str
    header: str
    facts: ColumnFacts
    odd_facts: ColumnFacts
    sample: tuple[str, ...]
    delimiter: str


def _evidence(name: str, header: str, profile: Profile, dataset: Dataset, delimiter: str) -> _Evidence:
    """Short rows decide only where they are the rule, or all there is; a footer makes no column text."""
    facts, short = profile.facts[name], profile.short_facts.get(name, ColumnFacts())
    is_rule = not facts.cells or dataset.reject_limit.is_exceeded(profile.short_rows, profile.rows)
    if is_rule:
        facts, short = merged((facts, short)), ColumnFacts()
    return _Evidence(name, header, facts, short, profile.samples.get(name, ()), delimiter)


def _plan_column(seen: _Evidence, dataset: Dataset, known: Column | None) -> PlannedColumn:
    declared = declared_for(dataset, seen.name, seen.header)
    recognised = _recognised(seen, dataset, known)
    found = decide_type(seen.facts, seen.delimiter)
    if declared.type is not None and (known is None or known.type == declared.type):
        decision, is_forced = _as_declared(declared, found), True
    elif known is not None:
        decision, is_forced = _as_table(known.type, found, seen.facts, _fits_odd_rows(found, seen))
    else:
        decision, is_forced = _as_found(found, recognised), not _fits_odd_rows(found, seen)
    tokens = dataset.null_tokens + declared.null_tokens + _tokens(decision.type, is_forced, seen.facts)
    plan = ColumnPlan(
        seen.name, seen.name, decision.type, decision.format, tuple(dict.fromkeys(tokens)), is_forced
    )
    meaning = _meaning(recognised.meaning, declared)
    column = Column(seen.name, decision.type, seen.header, meaning)
    warning = _overruled(known, declared, dataset.table)
    return PlannedColumn(plan, column, decision.reason, decision.normal_form, warning)


def _overruled(known: Column | None, declared: DeclaredColumn, table: str) -> str:
    if known is None or declared.type in (None, known.type):
        return ""
    return (
        f"column {known.name} is {known.type} in the table and declared {declared.type}: "
        f"the declared type and format count from mdp rebuild --table {table} on"
    )


def _recognised(seen: _Evidence, dataset: Dataset, known: Column | None) -> Recognition:
    """What the table's column is known as stays; only what nobody recognised is looked at again."""
    if known is not None and known.meaning.reason:
        return Recognition(known.meaning)
    return recognise(seen.header, seen.name, seen.sample, dataset.table)


def _fits_odd_rows(found: TypeDecision, seen: _Evidence) -> bool:
    if not seen.odd_facts.cells:
        return True
    with_odd = decide_type(merged((seen.facts, seen.odd_facts)), seen.delimiter)
    return (with_odd.type, with_odd.format) == (found.type, found.format)


def _tokens(kind: ColumnType, is_forced: bool, facts: ColumnFacts) -> tuple[str, ...]:
    if kind.kind is Kind.TEXT:
        return ()
    # Facts end at the first text; a forced column has to know the words that may come after it.
    return tuple(sorted(NULL_TOKENS)) if is_forced else tuple(sorted(facts.tokens))


def _meaning(found: Meaning, declared: DeclaredColumn) -> Meaning:
    if declared.phi is None and not declared.tag:
        return found
    return Meaning(declared.tag or found.tag, declared.phi or found.phi, "declared")


def _as_found(found: TypeDecision, recognised: Recognition) -> TypeDecision:
    if recognised.keep_text and found.type != TEXT:
        return TypeDecision(TEXT, recognised.keep_text_reason)
    return found


def _as_declared(declared: DeclaredColumn, found: TypeDecision) -> TypeDecision:
    kind = declared.type or TEXT
    order = _FAST_PATTERNS.get(declared.format, "")
    layout = CellFormat(
        date_order=order or found.format.date_order,
        pattern="" if order else declared.format,
        decimal_mark=_decimal_mark(declared, found),
        thousands_separator=declared.thousands_separator,
        strip_symbols=declared.strip_symbols,
        is_padded=kind.kind is not Kind.TEXT,
        has_flag_words=kind.kind is Kind.BOOLEAN,
    )
    return TypeDecision(kind, "declared", layout, found.normal_form if kind == found.type else "")


def _decimal_mark(declared: DeclaredColumn, found: TypeDecision) -> str:
    """What groups thousands marks no decimals, whatever the cells look like."""
    if declared.decimal_separator:
        return declared.decimal_separator
    mark = found.format.decimal_mark
    return mark if mark != declared.thousands_separator else _OTHER_MARK[mark]


def _as_table(
    kind: ColumnType, found: TypeDecision, facts: ColumnFacts, is_proven: bool
) -> tuple[TypeDecision, bool]:
    """The table's type, widened where that is safe; forced unless the facts prove it for every cell."""
    if kind == found.type or not facts.cells:
        reason = f"the table's type; {found.reason}"
        return TypeDecision(kind, reason, found.format, found.normal_form), not is_proven
    if kind.kind is Kind.TEXT:
        return TypeDecision(TEXT, "the table's type"), False
    if kind.kind is Kind.DECIMAL:
        wider = _wider(kind, found.type, facts)
        reason = "the table's type" if wider == kind else "the table's type with room for more digits"
        return TypeDecision(wider, reason, found.format, found.normal_form), True
    return TypeDecision(kind, "the table's type", found.format, found.normal_form), True


def _wider(kind: ColumnType, found: ColumnType, facts: ColumnFacts) -> ColumnType:
    """A decimal of the table's scale whose whole part is long enough; Iceberg never changes a scale."""
    if found.kind not in (Kind.DECIMAL, Kind.BIGINT) or found.scale > kind.scale:
        return kind
    numbers = (FormKind.INTEGER, FormKind.DECIMAL)
    digits = max((form.digits for form in facts.forms if form.kind in numbers), default=0)
    precision = max(kind.precision, min(MAX_DECIMAL_DIGITS, digits + kind.scale))
    return decimal(precision, kind.scale)
