"""Where things lie in the bucket: raw files, converted files, and which table a raw file is for."""

from medical_data_pipeline.errors import InvalidObjectRef

RAW_PREFIX = "input/"
CURATED_PREFIX = "record_folders/"
MANIFEST = "manifest.json"
RECEIPT = "receipt.json"


def load_prefix(table: str, load_id: str) -> str:
    """The prefix of everything a load's conversion makes; never under `RAW_PREFIX`, so nothing loops."""
    return f"{CURATED_PREFIX}{table}/{load_id}/"


def manifest_key(table: str, load_id: str) -> str:
    return load_prefix(table, load_id) + MANIFEST


def receipt_key(table: str, load_id: str) -> str:
    return load_prefix(table, load_id) + RECEIPT


def raw_folder(key: str) -> str:
    """The folder under `input/` that names a raw object's table, or "" for a file directly under it.

    Raises:
        InvalidObjectRef: the key is not under `input/`, or names no file.
    """
    if not key.startswith(RAW_PREFIX) or key.endswith("/") or key == RAW_PREFIX:
        raise InvalidObjectRef("a raw file's key is input/<file> or input/<table>/<file>")
    folder, _, rest = key.removeprefix(RAW_PREFIX).partition("/")
    return folder if rest else ""
