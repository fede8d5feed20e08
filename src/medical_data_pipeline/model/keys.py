"""Where things lie in the bucket: raw files, converted files, and which table a raw file is for."""

from collections.abc import Iterable
from hashlib import sha256

from medical_data_pipeline.errors import InvalidObjectRef

RAW_PREFIX = "input/"
CURATED_PREFIX = "record_folders/"
MANIFEST = "manifest.json"
RECEIPT = "receipt.json"


HIDDEN = "no name in a key begins with a dot: such files are not loaded"


def load_prefix(table: str, load_id: str) -> str:
    """The prefix of everything a load's conversion makes; never under `RAW_PREFIX`, so nothing loops."""
    return f"{CURATED_PREFIX}{table}/{load_id}/"


def place_of(key: str) -> str:
    """The prefix of the place that a converted file lies in."""
    return "/".join(key.split("/")[:3]) + "/"


def together_prefixes(table: str) -> str:
    """What all prefixes of loads converted together begin with."""
    return f"{CURATED_PREFIX}{table}/together-"


def together_prefix(table: str, attempts: Iterable[str]) -> str:
    """The prefix of what the conversion of several loads makes, named after the attempts to convert them.

    No load has such an id, so a file below it tells by its rows alone whose they are.
    """
    name = sha256("\n".join(sorted(attempts)).encode()).hexdigest()[:32]
    return f"{together_prefixes(table)}{name}/"


def manifest_key(table: str, load_id: str) -> str:
    return load_prefix(table, load_id) + MANIFEST


def receipt_key(table: str, load_id: str) -> str:
    return load_prefix(table, load_id) + RECEIPT


def raw_folder(key: str) -> str:
    """The folder under `input/` that names a raw object's table, or "" for a file directly under it.

    Raises:
        InvalidObjectRef: the key is not under `input/`, names no file, or one that is hidden.
    """
    if not key.startswith(RAW_PREFIX) or key.endswith("/") or key == RAW_PREFIX:
        raise InvalidObjectRef("a raw file's key is input/<file> or input/<table>/<file>")
    if is_hidden(key):
        raise InvalidObjectRef(HIDDEN)
    folder, _, rest = key.removeprefix(RAW_PREFIX).partition("/")
    return folder if rest else ""


def is_hidden(key: str) -> bool:
    """Whether a name in it begins with a dot: a file that is being copied often has such a name."""
    return key.startswith(".") or "/." in key
