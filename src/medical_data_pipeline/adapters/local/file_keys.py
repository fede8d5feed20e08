"""Which file an object's key stands for: no key may leave the root or name what is not an object."""

import os
from collections.abc import Iterator
from pathlib import Path

from medical_data_pipeline.errors import InvalidObjectRef

MAX_NAME_BYTES = 255


def file_of(root: Path, key: str) -> Path:
    """Raises: InvalidObjectRef, for a key that no file of this store can have."""
    names = key.split("/")
    if not all(_is_file_name(name) for name in names) or is_reserved(names[0]):
        raise InvalidObjectRef("this store cannot hold such a key")
    return root.joinpath(*names)


def is_reserved(top_name: str) -> bool:
    """Hidden names at the top are the store's own: partial writes, databases, locks."""
    return top_name.startswith(".")


def _is_file_name(name: str) -> bool:
    if name in ("", ".", "..") or "\0" in name:
        return False
    try:
        return len(name.encode("utf-8")) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        return False


def keys_below(root: Path, prefix: str) -> Iterator[str]:
    """Every key that starts with `prefix`, in the order of its UTF-8 bytes, as S3 lists them."""
    folder = prefix.rpartition("/")[0]
    top = root.joinpath(*folder.split("/")) if folder else root
    if any(name in ("", ".", "..") for name in folder.split("/") if folder) or "\0" in prefix:
        return
    start = folder + "/" if folder else ""
    yield from (key for key in _walk(top, start) if key.startswith(prefix))


def _walk(folder: Path, start: str) -> Iterator[str]:
    try:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False), entry) for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return
    # "a-b" comes before "a/b" but after the file "a": a folder sorts by its name with the slash.
    entries.sort(key=lambda found: os.fsencode(found[0] + "/" if found[1] else found[0]))
    for name, is_folder, entry in entries:
        if (not start and is_reserved(name)) or not _is_file_name(name):
            continue
        if is_folder:
            yield from _walk(folder / name, f"{start}{name}/")
        elif entry.is_file(follow_symlinks=False):
            yield start + name
