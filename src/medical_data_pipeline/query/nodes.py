"""The nodes a checked tree may have. What is not listed is refused, also inside a CTE or a sub-query."""

from sqlglot import exp

from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.query.functions import FUNCTIONS

MAX_NODES = 20_000
MAX_DEPTH = 300

# A node class, and which of its arguments may be set.
_PARTS: dict[type[exp.Expr], str] = {
    exp.Select: "with_ expressions from_ joins where group having windows distinct order limit offset sample",
    exp.Union: "with_ this expression distinct order limit offset",
    exp.Intersect: "with_ this expression distinct order limit offset",
    exp.Except: "with_ this expression distinct order limit offset",
    exp.Subquery: "this alias with_ order limit offset joins sample",
    exp.Values: "expressions alias order limit offset",
    exp.With: "expressions recursive",
    exp.CTE: "this alias",
    exp.Table: "this db catalog alias joins version sample",
    exp.TableSample: "method percent",
    exp.TableAlias: "this columns",
    exp.Join: "this side kind on using",
    exp.Lateral: "this alias view outer",
    exp.Unnest: "expressions alias offset",
    exp.Version: "this kind expression",
    exp.Group: "expressions all",
    exp.Distinct: "expressions",
    exp.Star: "",
    exp.Limit: "expression",
    exp.Fetch: "direction count limit_options",
    exp.LimitOptions: "rows with_ties",
    exp.Bracket: "this expressions",
    exp.Window: "this partition_by order spec alias over",
    exp.WindowSpec: "kind start start_side end end_side",
    exp.Order: "this expressions",
    exp.Cast: "this to",
    exp.TryCast: "this to safe",
    # What is not named here would be left out without a word.
    exp.Is: "this expression negate",
    exp.Like: "this expression negate",
    exp.Between: "this low high",
    exp.In: "this expressions query",
    exp.Case: "this ifs default",
    exp.Trim: "this expression position",
    exp.Substring: "this start length",
    exp.StrPosition: "this substr",
    exp.Normalize: "this form",
    exp.Ordered: "this desc nulls_first",
    exp.Column: "this table db catalog",
}
_PLAIN = (
    *(exp.From, exp.Where, exp.Having, exp.Offset, exp.GroupingSets, exp.Cube, exp.Rollup),
    *(
        exp.Identifier,
        exp.Alias,
        exp.Aliases,
        exp.Paren,
        exp.Tuple,
        exp.Struct,
        exp.Array,
        exp.Map,
    ),
    *(exp.Literal, exp.Introducer, exp.Boolean, exp.Null, exp.HexString, exp.UnicodeString, exp.Placeholder),
    *(exp.Interval, exp.IntervalSpan, exp.Var, exp.DataType, exp.DataTypeParam, exp.ColumnDef, exp.Dot),
    *(
        exp.And,
        exp.Or,
        exp.Not,
        exp.EQ,
        exp.NEQ,
        exp.LT,
        exp.LTE,
        exp.GT,
        exp.GTE,
        exp.NullSafeEQ,
        exp.NullSafeNEQ,
    ),
    *(exp.Escape, exp.Exists, exp.Any, exp.If),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.AtTimeZone),
    *(exp.Anonymous, exp.Lambda, exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls),
    *(exp.Extract,),
    *(exp.CurrentDate, exp.CurrentTimestamp, exp.Localtimestamp, exp.Localtime, exp.CurrentTime),
)
ALLOWED: dict[type[exp.Expr], frozenset[str] | None] = {
    **dict.fromkeys(_PLAIN, None),
    **{kind: frozenset(parts.split()) for kind, parts in _PARTS.items()},
}
_WRITING = (
    exp.DML,
    exp.DDL,
    exp.Drop,
    exp.Alter,
    exp.Command,
    exp.Copy,
    exp.Set,
    exp.Pragma,
    exp.Attach,
    exp.Detach,
)


def require_allowed(tree: exp.Expr) -> None:
    """Raises: QueryRejected: a node or function that is not allowed, or too many or too deep ones."""
    count = 0
    queue: list[tuple[exp.Expr, int]] = [(tree, 1)]
    while queue:
        node, depth = queue.pop()
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise QueryRejected("SQL_SYNTAX", "the statement is too large or nested too deeply")
        _require_node(node)
        # A chain of one operator is flat to the reader, and read without recursion.
        queue += [
            (child, depth + (0 if type(child) is type(node) and child is node.this else 1))
            for child in node.iter_expressions()
        ]


def _require_node(node: exp.Expr) -> None:
    kind = type(node)
    if kind not in ALLOWED:
        if isinstance(node, _WRITING) and not isinstance(node, exp.Query):
            raise QueryRejected("SQL_NOT_READONLY", "only statements that read are allowed")
        raise QueryRejected("SQL_UNSUPPORTED", f"{kind.__name__} is not supported")
    parts = ALLOWED[kind]
    if parts is not None:
        for name, value in node.args.items():
            if value not in (None, False, []) and name not in parts:
                raise QueryRejected("SQL_SYNTAX", f"{name} of {kind.__name__} is not of Athena's syntax")
    _require_form(node)


def _require_form(node: exp.Expr) -> None:
    """What the kinds of a node's arguments alone do not tell."""
    if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null):
        raise QueryRejected("SQL_SYNTAX", "IS stands before NULL or DISTINCT FROM")
    names = [cte.alias.lower() for cte in node.expressions] if isinstance(node, exp.With) else []
    if len(set(names)) < len(names):
        raise QueryRejected("SQL_TYPE", "a WITH names a query twice")
    if isinstance(node, exp.Group) and not node.expressions:
        raise QueryRejected("SQL_SYNTAX", "GROUP BY names what it groups by")
    if isinstance(node, exp.Select | exp.Subquery) and isinstance(node.args.get("limit"), exp.Limit):
        _require_limit(node.args["limit"].expression)
    if isinstance(node, exp.TableSample) and node.args.get("method") is None:
        raise QueryRejected("SQL_SYNTAX", "TABLESAMPLE is BERNOULLI or SYSTEM")
    if isinstance(node, exp.Select) and not node.expressions:
        raise QueryRejected("SQL_SYNTAX", "a SELECT needs a column")
    if isinstance(node, exp.Anonymous):
        _require_function(node)


def _require_limit(node: exp.Expr) -> None:
    is_number = isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit()
    is_all = isinstance(node, exp.Var) and node.name.upper() == "ALL"
    if not (is_number or is_all or isinstance(node, exp.Placeholder)):
        raise QueryRejected("SQL_SYNTAX", "LIMIT takes a whole number, ALL or a parameter")


def _require_function(node: exp.Anonymous) -> None:
    name = node.name.lower()
    if isinstance(node.parent, exp.Table):
        raise QueryRejected("SQL_FORBIDDEN_OBJECT", "a table function is not allowed")
    if name not in FUNCTIONS:
        # The name is shown only where it can be one; a quoted text could be anything.
        shown = name if name.isidentifier() and len(name) <= 64 else "of this name"
        raise QueryRejected("SQL_UNKNOWN_OBJECT", f"function {shown} is not supported")
