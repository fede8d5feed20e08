"""Every table of a query, replaced by a sub-query of the columns its actor may see."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlglot import exp

from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.query import EngineTable
from medical_data_pipeline.model.table import Column, Snapshot, Table
from medical_data_pipeline.ports import TableAccess
from medical_data_pipeline.query.time_travel import snapshot_of

CATALOG = "awsdatacatalog"
INFORMATION_SCHEMA = "information_schema"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,254}")


@dataclass(frozen=True)
class Permitted:
    """A table as its actor sees it: `visible` columns, and `hidden` ones that must be named."""

    table: Table
    visible: tuple[Column, ...]
    hidden: tuple[Column, ...]


Find = Callable[[str], Permitted | None]


def permitted(table: Table, access: TableAccess | None) -> Permitted | None:
    if access is None:
        return None
    seen = [column for column in table.columns if column.name in access.columns]
    return Permitted(
        table,
        tuple(column for column in seen if column.name not in access.hidden_columns),
        tuple(column for column in seen if column.name in access.hidden_columns),
    )


def _columns_at(table: Table, snapshot: Snapshot | None) -> tuple[Column, ...]:
    return table.columns if snapshot is None or snapshot.columns is None else snapshot.columns


@dataclass
class TableRewriter:
    """Rewrites one statement. `found` gathers the tables it reads, by their references."""

    database: str
    find: Find
    information: Callable[[str], exp.Expr]
    now: datetime
    taken_names: frozenset[str] = frozenset()
    named_columns: frozenset[str] = frozenset()
    found: dict[str, EngineTable] = field(default_factory=dict)
    # The columns of each replaced table, for the names of a star.
    columns: dict[int, tuple[str, ...]] = field(default_factory=dict)
    hides: bool = False

    def rewrite(self, tree: exp.Expr) -> None:
        """Replace the tables of `tree` in place.

        Raises:
            QueryRejected: a table that does not exist for the actor, or an object that is no table.
        """
        self.taken_names = frozenset(cte.alias.lower() for cte in tree.find_all(exp.CTE))
        self.named_columns = frozenset(node.name.lower() for node in tree.find_all(exp.Identifier))
        for name in self.named_columns:
            if name.startswith("$"):
                raise QueryRejected("SQL_FORBIDDEN_OBJECT", "hidden columns such as $path are not available")
        for column in list(tree.find_all(exp.Column)):
            # `database.table.column` is the same as `table.column`.
            if column.db.lower() == self.database and column.catalog.lower() in ("", CATALOG):
                column.set("db", None)
                column.set("catalog", None)
        self._visit(tree, frozenset())

    def _visit(self, node: exp.Expr, ctes: frozenset[str]) -> None:
        clause = node.args.get("with_")
        if clause is not None:
            for cte in clause.expressions:
                name = cte.alias.lower()
                self._visit(cte.this, ctes | {name} if clause.args.get("recursive") else ctes)
                ctes = ctes | {name}
        for child in list(node.iter_expressions()):
            if child is clause:
                continue
            self._visit(child, ctes)
        if isinstance(node, exp.Table):
            self._replace(node, ctes)

    def _replace(self, node: exp.Table, ctes: frozenset[str]) -> None:
        name = self._name(node)
        is_bare = not node.args.get("db")
        if is_bare and name in ctes:
            if node.args.get("version"):
                raise QueryRejected("SQL_UNSUPPORTED", "time travel of a common table is not supported")
            return
        if node.db.lower() == INFORMATION_SCHEMA:
            self._put(node, self.information(name), name)
            return
        seen = self.find(name) if node.db.lower() in ("", self.database) else None
        if seen is None:
            raise QueryRejected("SQL_UNKNOWN_OBJECT", f"table {name} does not exist")
        version = node.args.get("version")
        snapshot = snapshot_of(version, seen.table, self.now) if version is not None else None
        # A state has the columns it had then; who may see them is decided by their names now.
        had = {column.name: column for column in _columns_at(seen.table, snapshot)}
        visible = tuple(column.name for column in seen.visible if column.name in had)
        wanted = {*visible, *(c.name for c in seen.hidden if c.name in self.named_columns)}
        columns = [name for name in had if name in wanted]
        if not columns:
            raise QueryRejected("SQL_UNKNOWN_OBJECT", f"table {name} does not exist")
        source = exp.Table(this=exp.to_identifier(self._reference(seen.table, snapshot), quoted=True))
        select = exp.Select(
            expressions=[exp.column(exp.to_identifier(column, quoted=True)) for column in columns],
            from_=exp.From(this=source),
        )
        made = self._put(node, select, name)
        self.columns[id(made)] = visible
        self.hides = self.hides or len(columns) != len(visible)

    def _put(self, node: exp.Table, select: exp.Expr, name: str) -> exp.Subquery:
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name, quoted=True))
        made = exp.Subquery(
            this=select, alias=alias, joins=node.args.get("joins"), sample=node.args.get("sample")
        )
        node.replace(made)
        return made

    def _reference(self, table: Table, snapshot: Snapshot | None) -> str:
        """An identifier that no CTE has, the same for the same state of a table."""
        wanted = snapshot.snapshot_id if snapshot else None
        for known, entry in self.found.items():
            if entry.location == table.metadata_location and entry.snapshot_id == wanted:
                return known
        reference, number = table.name, 1
        while reference in self.taken_names or reference in self.found:
            number += 1
            reference = f"{table.name}_{number}"
        newest = table.snapshots[-1].snapshot_id if table.snapshots else None
        columns = _columns_at(table, snapshot)
        self.found[reference] = EngineTable(
            reference, columns, table.metadata_location, wanted, table.name, newest
        )
        return reference

    def _name(self, node: exp.Table) -> str:
        """Raises: QueryRejected: a path, a function, a metadata table, another database."""
        if not isinstance(node.this, exp.Identifier):
            raise QueryRejected("SQL_FORBIDDEN_OBJECT", "a table function is not allowed")
        name, database, catalog = (part.lower() for part in (node.name, node.db, node.catalog))
        if not _NAME.fullmatch(name):
            raise QueryRejected("SQL_FORBIDDEN_OBJECT", "files, paths and metadata tables cannot be queried")
        if catalog not in ("", CATALOG) or database not in ("", self.database, INFORMATION_SCHEMA):
            raise QueryRejected("SQL_UNKNOWN_OBJECT", f"table {name} does not exist")
        return name
