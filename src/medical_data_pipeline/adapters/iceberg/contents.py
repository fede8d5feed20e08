"""Which loads a table's data files hold: told by their paths, by a list beside them, or by their own rows."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from medical_data_pipeline.adapters.iceberg.warehouse_files import WarehouseFiles
from medical_data_pipeline.errors import ObjectNotFound

_LOAD_FOLDER = re.compile(r"/record_folders/[^/]+/(?P<load>[0-9a-f]{32})/")
LIST_SUFFIX = ".loads.json"
_LOAD_COLUMN = "_load_id"
_MAX_KNOWN = 100_000


@dataclass(frozen=True)
class FileContents:
    """The loads whose rows a data file holds, with their sequencers where a list beside it says them."""

    loads: Mapping[str, str]


class LoadLists:
    """The contents of data files, which never change and so are read once."""

    def __init__(self, files: WarehouseFiles) -> None:
        self._files = files
        self._known: dict[str, FileContents] = {}

    def of(self, locations: Iterable[str]) -> dict[str, FileContents]:
        return {location: self.contents(location) for location in locations}

    def contents(self, location: str) -> FileContents:
        known = self._known.get(location)
        if known is None:
            known = self._found(location)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[location] = known
        return known

    def write(self, location: str, loads: Mapping[str, str]) -> None:
        """Say beside a file of several loads which it holds; durable before the file is part of a table."""
        content = json.dumps(dict(loads)).encode("ascii")
        self._files.write(location + LIST_SUFFIX, content)

    def _found(self, location: str) -> FileContents:
        load = load_alone(location)
        if load is not None:
            return FileContents({load: ""})
        try:
            with self._files.open(location + LIST_SUFFIX) as listed:
                return FileContents(json.loads(listed.read()))
        except ObjectNotFound:
            # Another program made it, as Athena's OPTIMIZE does: its rows say where they came from.
            return FileContents(dict.fromkeys(_loads_in(self._files, location), ""))


def load_alone(location: str) -> str | None:
    """The load that has this file to itself, as its path says; None when it does not say so."""
    match = _LOAD_FOLDER.search(location)
    return match["load"] if match else None


def _loads_in(files: WarehouseFiles, location: str) -> list[str]:
    found: set[str] = set()
    with files.open(location) as file:
        parquet = pq.ParquetFile(file)
        if _LOAD_COLUMN not in parquet.schema_arrow.names:
            return []
        for batch in parquet.iter_batches(columns=[_LOAD_COLUMN]):
            loads = pc.unique(batch.column(0)).cast(pa.string())
            found.update(load for load in loads.to_pylist() if load is not None)
    return sorted(found)
