"""Column and table names that Glue and Athena accept: unique lower snake_case ASCII."""

import hashlib
import re
from collections.abc import Sequence

from anyascii import anyascii

from medical_data_pipeline.model.quarantine import QUARANTINE_SUFFIX
from medical_data_pipeline.model.table import LINEAGE_NAMES

MAX_NAME = 255
# Of its quarantine's name too, and of the folder named after that.
_MAX_TABLE_NAME = MAX_NAME - len(QUARANTINE_SUFFIX)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")


def plain_name(text: str, longest: int = MAX_NAME) -> str:
    """`text` in lower snake_case ASCII, or "" when nothing of it can be kept."""
    ascii_text = text if text.isascii() else anyascii(text)
    name = re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", ascii_text).lower()).strip("_")
    if name and name[0].isdigit():
        name = "n" + name
    if len(name) > longest:
        # The tail tells long survey questions apart; a digest of the whole keeps them apart for good.
        name = name[: longest - 9] + "_" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return name


def column_names(headers: Sequence[str]) -> tuple[str, ...]:
    """One unique name a header, in order. The same headers always give the same names."""
    wanted = [plain_name(header) or f"column_{index}" for index, header in enumerate(headers, start=1)]
    # A name that stands there as such keeps it; only repetitions are numbered, never into a taken name.
    reserved = set(wanted) | LINEAGE_NAMES
    taken: set[str] = set()
    names = []
    for name in wanted:
        unique = name
        number = 2
        while unique in taken or (unique != name and unique in reserved):
            unique = f"{name[: MAX_NAME - 8]}_{number}"
            number += 1
        taken.add(unique)
        names.append(unique)
    return tuple(names)


def table_name(text: str) -> str:
    """A table's name from a folder's or a file's; `table` when nothing can be kept."""
    return plain_name(text, _MAX_TABLE_NAME).replace("__", "_") or "table"
