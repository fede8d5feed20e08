"""Trino's types: their names, the DuckDB types that carry them, and how they are written in SQL."""

from dataclasses import dataclass, replace

from sqlglot import exp

from medical_data_pipeline.errors import QueryRejected

UNBOUNDED = 2_147_483_647
MAX_TIME_PRECISION = 6


@dataclass(frozen=True)
class SqlType:
    """One Trino type. `numbers` are its length, precision or digits, `items` its element types.

    `names` are a row's field names ("" for a field without one). `zone` is the zone that every value of a
    timestamp with time zone has: DuckDB stores the instant only, so it is known when translating or never.
    """

    name: str
    numbers: tuple[int, ...] = ()
    items: tuple["SqlType", ...] = ()
    names: tuple[str, ...] = ()
    zone: str = ""

    @property
    def precision(self) -> int:
        return self.numbers[0]

    @property
    def scale(self) -> int:
        return self.numbers[1]

    def __str__(self) -> str:
        """The type as Athena names it: `varchar(3)`, `decimal(10,2)`, `row(a bigint)`."""
        match self.name:
            case "array" | "map":
                return f"{self.name}({', '.join(map(str, self.items))})"
            case "row":
                fields = (f"{n} {t}" if n else str(t) for n, t in zip(self.names, self.items, strict=True))
                return f"row({', '.join(fields)})"
            case "timestamp with time zone":
                return f"timestamp({self.precision}) with time zone"
            case "varchar" if self.numbers in ((), (UNBOUNDED,)):
                return "varchar"
            case _:
                return self.name + (f"({','.join(map(str, self.numbers))})" if self.numbers else "")


UNKNOWN = SqlType("unknown")
BOOLEAN = SqlType("boolean")
TINYINT = SqlType("tinyint")
SMALLINT = SqlType("smallint")
INTEGER = SqlType("integer")
BIGINT = SqlType("bigint")
REAL = SqlType("real")
DOUBLE = SqlType("double")
VARCHAR = SqlType("varchar", (UNBOUNDED,))
VARBINARY = SqlType("varbinary")
JSON = SqlType("json")
DATE = SqlType("date")
DAY_TIME = SqlType("interval day to second")
YEAR_MONTH = SqlType("interval year to month")
UUID = SqlType("uuid")

INTEGERS = ("tinyint", "smallint", "integer", "bigint")
FLOATS = ("real", "double")
INTERVALS = ("interval day to second", "interval year to month")

_DUCKDB = {
    "unknown": "INTEGER",
    "real": "FLOAT",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    # As its text, which is ordered as its bytes are.
    "uuid": "VARCHAR",
    "varbinary": "BLOB",
    "timestamp": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ",
    "time": "TIME",
    # Counted in milliseconds and in months, as Trino does: exact, and comparable.
    "interval day to second": "BIGINT",
    "interval year to month": "INTEGER",
}


def decimal(precision: int, scale: int) -> SqlType:
    return SqlType("decimal", (precision, scale))


def varchar(length: int) -> SqlType:
    return SqlType("varchar", (min(length, UNBOUNDED),))


def char(length: int) -> SqlType:
    return SqlType("char", (length,))


def time(precision: int) -> SqlType:
    return SqlType("time", (_time_precision(precision),))


def timestamp(precision: int) -> SqlType:
    return SqlType("timestamp", (_time_precision(precision),))


def timestamp_tz(precision: int, zone: str = "UTC") -> SqlType:
    return SqlType("timestamp with time zone", (_time_precision(precision),), zone=zone)


def array(item: SqlType) -> SqlType:
    return SqlType("array", items=(item,))


def map_of(key: SqlType, value: SqlType) -> SqlType:
    return SqlType("map", items=(key, value))


def row(items: tuple[SqlType, ...], names: tuple[str, ...] = ()) -> SqlType:
    return SqlType("row", items=items, names=names or ("",) * len(items))


def athena_name(sql_type: SqlType) -> str:
    """The type as Athena names a result's column: as in SQL, but a text without its length."""
    if sql_type.items:
        items = tuple(
            replace(item, numbers=()) if item.name == "varchar" else item for item in sql_type.items
        )
        return str(replace(sql_type, items=items))
    return "varchar" if sql_type.name == "varchar" else str(sql_type)


def _time_precision(precision: int) -> int:
    if precision > MAX_TIME_PRECISION:
        raise QueryRejected("SQL_UNSUPPORTED", "more than 6 digits of a second are not supported")
    return precision


def duckdb_type(sql_type: SqlType) -> str:
    """The DuckDB type that carries the values. A row's fields are f0, f1, …: casts go by position."""
    match sql_type.name:
        case "decimal":
            return f"DECIMAL({sql_type.precision},{sql_type.scale})"
        case "array":
            return duckdb_type(sql_type.items[0]) + "[]"
        case "map":
            key, value = map(duckdb_type, sql_type.items)
            return f"MAP({key}, {value})"
        case "row":
            return f"STRUCT({', '.join(f'f{i} {duckdb_type(t)}' for i, t in enumerate(sql_type.items))})"
        case name:
            return _DUCKDB.get(name, name.upper())


def with_zone(sql_type: SqlType, zone: str) -> SqlType:
    return replace(sql_type, zone=zone)


def from_node(node: exp.Expr) -> SqlType:
    """The type that a CAST names.

    Raises:
        QueryRejected: no type of Trino's, or one that is not supported here.
    """
    if not isinstance(node, exp.DataType):
        raise QueryRejected("SQL_UNSUPPORTED", "this type is not supported")
    if isinstance(node.this, exp.Interval):
        unit = node.this.args.get("unit")
        return (
            YEAR_MONTH
            if isinstance(unit, exp.IntervalSpan) and unit.this.name.upper() == "YEAR"
            else DAY_TIME
        )
    kind: str = node.this.value
    if kind == "STRUCT":
        return _row_from_node(node)
    if kind in ("ARRAY", "MAP"):
        items = tuple(from_node(item) for item in node.expressions)
        if len(items) != (1 if kind == "ARRAY" else 2):
            raise QueryRejected("SQL_SYNTAX", f"the type {kind.lower()} has other parameters")
        return SqlType(kind.lower(), items=items)
    numbers = tuple(int(item.name) for item in node.expressions)
    simple = _SIMPLE.get(kind)
    if simple is not None and not numbers:
        return simple
    return _with_numbers(kind, numbers)


def _with_numbers(kind: str, numbers: tuple[int, ...]) -> SqlType:
    match kind, numbers:
        case "VARCHAR", (length,):
            return varchar(length)
        case (("CHAR" | "NCHAR"), ()):
            return char(1)
        case (("CHAR" | "NCHAR"), (length,)):
            return char(length)
        case "DECIMAL", ():
            return decimal(38, 0)
        case "DECIMAL", (precision, *rest):
            return _checked_decimal(precision, rest[0] if rest else 0)
        case (("TIMESTAMP" | "TIMESTAMPNTZ"), _):
            return timestamp(numbers[0] if numbers else 3)
        case (("TIMESTAMPTZ" | "TIMESTAMPLTZ"), _):
            return timestamp_tz(numbers[0] if numbers else 3)
        case "TIME", _:
            return time(numbers[0] if numbers else 3)
    raise QueryRejected("SQL_UNSUPPORTED", "a type in this statement is not supported")


def _checked_decimal(precision: int, scale: int) -> SqlType:
    if not (1 <= precision <= 38 and 0 <= scale <= precision):
        raise QueryRejected("SQL_TYPE", "a decimal has 1 to 38 digits, and no more of them after the point")
    return decimal(precision, scale)


def _row_from_node(node: exp.DataType) -> SqlType:
    items, names = [], []
    for field in node.expressions:
        if isinstance(field, exp.ColumnDef):
            items.append(from_node(field.args["kind"]))
            names.append(field.name.lower())
        else:
            items.append(from_node(field))
            names.append("")
    return row(tuple(items), tuple(names))


_SIMPLE = {
    "BOOLEAN": BOOLEAN,
    "TINYINT": TINYINT,
    "SMALLINT": SMALLINT,
    "INT": INTEGER,
    "BIGINT": BIGINT,
    "FLOAT": REAL,
    "DOUBLE": DOUBLE,
    "VARCHAR": VARCHAR,
    "VARBINARY": VARBINARY,
    "JSON": JSON,
    "DATE": DATE,
    "UUID": UUID,
}
