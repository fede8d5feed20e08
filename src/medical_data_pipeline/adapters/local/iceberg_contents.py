"""Which loads a table's data files hold: told by their paths, and for merged files by a list beside them."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from medical_data_pipeline.adapters.local.file_durable import sync_folder

LOAD_FOLDER = re.compile(r"/record_folders/[^/]+/(?P<load>[0-9a-f]{32})/")
LIST_SUFFIX = ".loads.json"


@dataclass(frozen=True)
class FileContents:
    """The loads whose rows a data file holds, with their sequencers where it was merged from several."""

    loads: Mapping[str, str]


@lru_cache(maxsize=100_000)
def contents_of(path: str) -> FileContents:
    """The contents of a data file; one that is not ours holds no load we know of."""
    match = LOAD_FOLDER.search(path)
    if match:
        return FileContents({match["load"]: ""})
    listed = Path(path + LIST_SUFFIX)
    if not listed.exists():
        return FileContents({})
    return FileContents(json.loads(listed.read_text(encoding="ascii")))


def write_contents(path: Path, loads: Mapping[str, str]) -> None:
    """Say beside a merged file which loads it holds; durable before the file is part of a table."""
    listed = path.with_name(path.name + LIST_SUFFIX)
    partial = listed.with_suffix(".partial")
    with partial.open("w", encoding="ascii") as file:
        json.dump(dict(loads), file)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(listed)
    sync_folder(listed.parent)
