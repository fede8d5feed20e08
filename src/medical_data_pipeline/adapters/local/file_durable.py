"""Making files and folders last: what a power cut must not undo."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """A name is durable only once the folder that holds it is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path) -> None:
    """Make `folder` and its parents, private to the owner, each durable in its own parent."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(20, "a file has the name of the folder") from None
    sync_folder(folder.parent)


def sync_file(file: Path) -> None:
    """Make a file's bytes survive a power cut."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def takes_files(folder: Path) -> bool:
    """Whether a file can be made and removed: a disk that failed is often still read as if it had not."""
    probe = folder / ".probe"
    try:
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True
