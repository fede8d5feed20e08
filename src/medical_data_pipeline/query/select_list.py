"""The names of a query's columns as Athena gives them, and stars that must not show hidden columns."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from medical_data_pipeline.errors import QueryRejected

# None where only the types of the query tell the columns, as with `a_row.*`.
Names = tuple[str, ...] | None
CommonTables = Mapping[str, Names]


@dataclass(frozen=True)
class _Item:
    """A FROM item: its alias, the columns that a star shows, and whether it has others besides."""

    alias: str
    names: Names
    hides: bool = False


@dataclass(frozen=True)
class SelectList:
    """Reads the select lists of one statement.

    `visible` are the columns that a star shows of each replaced table, by the id of its sub-query;
    `hides` is whether one of these tables has others besides.
    """

    visible: Mapping[int, tuple[str, ...]]
    hides: bool = False

    def finished(self, tree: exp.Expr) -> tuple[str, ...]:
        """The result's column names, or () where only an engine can tell them.

        Stars over tables with hidden columns are written out in place.

        Raises:
            QueryRejected: a star that might show a hidden column.
        """
        names = self._query(tree, {})
        return tuple(name or f"_col{i}" for i, name in enumerate(names or ()))

    def _query(self, node: exp.Expr, tables: CommonTables) -> Names:
        clause = node.args.get("with_")
        if clause is not None:
            known = dict(tables)
            for cte in clause.expressions:
                given = _columns(cte)
                if given and clause.args.get("recursive"):
                    known[cte.alias.lower()] = given
                names = self._query(cte.this, known)
                known[cte.alias.lower()] = given or names
            tables = known
        for inner in _inner_queries(node):
            self._query(inner, tables)
        match node:
            case exp.SetOperation():
                names = self._query(node.this, tables)
                self._query(node.expression, tables)
                return names
            case exp.Subquery():
                return self._query(node.this, tables)
            case exp.Values():
                return _unnamed(node)
            case exp.Select():
                return self._select(node, tables)
        raise QueryRejected("SQL_UNSUPPORTED", "this kind of query is not supported")

    def _select(self, node: exp.Select, tables: CommonTables) -> Names:
        items, using = self._from(node, tables)
        names: list[str] = []
        written: list[exp.Expr] = []
        is_known = True
        for item in node.expressions:
            given = self._shown(item, items, using, written)
            is_known = is_known and given is not None
            names += given or ()
        node.set("expressions", written)
        return tuple(names) if is_known else None

    def _shown(self, item: exp.Expr, items: list[_Item], using: list[str], written: list[exp.Expr]) -> Names:
        """The names of one select item, which is put to `written` as it is to be run."""
        chosen, merged = items, using
        if isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            alias = item.table.lower() if len(item.parts) == 2 else None
            chosen, merged = [i for i in items if i.alias == alias], []
        elif not isinstance(item, exp.Star):
            written.append(item)
            return _item_names(item)
        names = _star(chosen, merged)
        if names is None and self.hides:
            raise QueryRejected("SQL_UNSUPPORTED", "the columns of this * cannot be told; name them")
        written += _written(chosen, merged, item)
        return names

    def _from(self, node: exp.Select, tables: CommonTables) -> tuple[list[_Item], list[str]]:
        start = node.args.get("from_")
        if start is None:
            return [], []
        return self._joined(start.this, node.args.get("joins") or [], tables)

    def _joined(
        self, first: exp.Expr, joins: list[exp.Expr], tables: CommonTables
    ) -> tuple[list[_Item], list[str]]:
        items: list[_Item] = []
        using: list[str] = []
        for part in (first, *(first.args.get("joins") or []), *joins):
            if isinstance(part, exp.Join):
                using += [
                    u.name
                    for u in part.args.get("using") or []
                    if u.name.lower() not in map(str.lower, using)
                ]
                part = part.this
            is_nested = isinstance(part, exp.Subquery) and (
                isinstance(part.this, exp.Table)
                or (isinstance(part.this, exp.Subquery) and part.this.args.get("joins"))
            )
            if is_nested:
                inner, inner_using = self._joined(part.this, part.args.get("joins") or [], tables)
                items += inner
                using += inner_using
            else:
                items.append(self._item(part, tables))
        return items, using

    def _item(self, node: exp.Expr, tables: CommonTables) -> _Item:
        alias = node.args.get("alias")
        name, columns = (alias.name.lower() if alias is not None else ""), _columns(node)
        names: Names
        match node:
            case exp.Subquery() if id(node) in self.visible:
                shown = self.visible[id(node)]
                hides = len(shown) != len(node.this.expressions)
                if columns and (hides or len(columns) != len(shown)):
                    raise QueryRejected("SQL_TYPE", f"the alias {name} names another number of columns")
                return _Item(name, columns or shown, hides)
            case exp.Subquery():
                names = self._query(node.this, tables)
            case exp.Lateral() if isinstance(node.this, exp.Subquery):
                names = self._query(node.this.this, tables)
            case exp.Table():
                names, name = tables.get(node.name.lower()), name or node.name.lower()
            case exp.Values():
                names = _unnamed(node)
            case exp.Unnest():
                offset = node.args.get("offset")
                columns += (offset.name,) if columns and isinstance(offset, exp.Identifier) else ()
                names = None
            case _:
                names = None
        return _Item(name, columns or names)


def _columns(node: exp.Expr) -> tuple[str, ...]:
    alias = node.args.get("alias")
    return tuple(column.name for column in alias.args.get("columns") or []) if alias is not None else ()


def _unnamed(node: exp.Values) -> Names:
    """The columns of VALUES, where they can be told: only its type says how many a row has."""
    first = node.expressions[0]
    cells = first.expressions if isinstance(first, exp.Tuple) else [first]
    if len(cells) == 1 and isinstance(cells[0], exp.Struct):
        cells = cells[0].expressions
    elif len(cells) == 1 and not isinstance(cells[0], exp.Literal | exp.Introducer | exp.Null | exp.Neg):
        return None
    return ("",) * len(cells)


def _inner_queries(node: exp.Expr) -> list[exp.Expr]:
    """Queries inside the expressions of a SELECT: their stars are written out too."""
    if not isinstance(node, exp.Select):
        return []
    parts = [*node.expressions, *(node.args.get(name) for name in ("where", "group", "having", "order"))]
    parts += [join.args.get("on") for join in node.args.get("joins") or []]
    found: list[exp.Expr] = []
    queue = [part for part in parts if isinstance(part, exp.Expr)]
    while queue:
        part = queue.pop()
        if isinstance(part, exp.Query | exp.Values):
            found.append(part)
        else:
            queue += list(part.iter_expressions())
    return found


def _star(items: list[_Item], using: list[str]) -> Names:
    names = list(using)
    merged = {name.lower() for name in using}
    for item in items:
        if item.names is None:
            return None
        names += [name for name in item.names if not name or name.lower() not in merged]
    return tuple(names) if items else None


def _written(items: list[_Item], using: list[str], star: exp.Expr) -> list[exp.Expr]:
    if not any(item.hides for item in items):
        return [star]
    if using or any(not item.alias or not all(item.names or ("",)) for item in items):
        raise QueryRejected(
            "SQL_UNSUPPORTED", "where a hidden column is named, name the other columns too instead of *"
        )
    return [
        exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(item.alias, quoted=True))
        for item in items
        for name in item.names or ()
    ]


def _item_names(item: exp.Expr) -> Names:
    if isinstance(item, exp.Alias):
        return (item.alias,)
    if isinstance(item, exp.Aliases):
        return tuple(alias.name for alias in item.expressions)
    if isinstance(item, exp.Column):
        return (item.name,)
    if isinstance(item, exp.Dot):
        return _field_names(item.this) if isinstance(item.expression, exp.Star) else (item.expression.name,)
    return ("",)


def _field_names(node: exp.Expr) -> Names:
    """The fields of a row, where it is written out."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Struct | exp.Tuple):
        return ("",) * len(node.expressions)
    if isinstance(node, exp.Cast) and node.to.this is exp.DataType.Type.STRUCT:
        return tuple(field.name if isinstance(field, exp.ColumnDef) else "" for field in node.to.expressions)
    return None
