"""Objects as files below one folder: whole or absent, and durable when `put` returns."""

import errno
import fcntl
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from medical_data_pipeline.adapters.local.file_digests import FileDigests
from medical_data_pipeline.adapters.local.file_durable import make_folders, sync_folder
from medical_data_pipeline.adapters.local.file_errors import translated_os_errors
from medical_data_pipeline.adapters.local.file_keys import file_of, keys_below
from medical_data_pipeline.adapters.local.file_writers import is_being_written
from medical_data_pipeline.errors import (
    BackendUnavailable,
    ChecksumMismatch,
    InvalidObjectRef,
    ObjectNotFound,
    PreconditionFailed,
)
from medical_data_pipeline.model.objects import ObjectHead, ObjectRef
from medical_data_pipeline.ports import NO_CHECKSUMS, Checksums, ObjectStore

PARTIAL_FOLDER = ".partial"
ATTEMPTS = 5  # a delete may take away the folder that a put has just made


@dataclass(frozen=True)
class FileObjectStore(ObjectStore):
    """Every object of `bucket` is a file below `root`; hidden names directly below `root` are no objects."""

    root: Path
    bucket: str = "local"
    _digests: FileDigests = field(default_factory=FileDigests, repr=False, compare=False)

    def __post_init__(self) -> None:
        make_folders(self._partial_folder)
        self.sweep_partial_writes()

    def put(self, ref: ObjectRef, chunks: Iterator[bytes], expected: Checksums = NO_CHECKSUMS) -> ObjectHead:
        target = self._file(ref)
        with _opened_partial(self._partial_folder) as (partial, file):
            sha256, md5, size = _copied(chunks, file)
            _require_checksums(expected, sha256, md5)
            with translated_os_errors():
                file.flush()
                self._digests.remember(file.fileno(), sha256.hex())
                os.fsync(file.fileno())
                status = os.fstat(file.fileno())
                _move_into_place(partial, target, self.root)
        return ObjectHead(ref, size, sha256.hex(), _modified_at(status))

    def open(self, ref: ObjectRef, version: str = "") -> AbstractContextManager[BinaryIO]:
        target = self._file(ref)
        with translated_os_errors():
            # A link would lead out of the root; only a hand can have put it there.
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise ObjectNotFound("no object has this key")
            file = os.fdopen(descriptor, "rb")
        return self._of_version(file, version) if version else file

    def head(self, ref: ObjectRef) -> ObjectHead:
        with self.open(ref) as file, translated_os_errors():
            status = os.fstat(file.fileno())
            return ObjectHead(ref, status.st_size, self._digests.compute(file), _modified_at(status))

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectHead]:
        if bucket != self.bucket:
            return
        for key in keys_below(self.root, prefix):
            path = self.root / key
            with suppress(FileNotFoundError):
                status = path.stat(follow_symlinks=False)
                sha256 = self._digests.recall(str(path), status)
                # What is known by its digest was whole when it was hashed.
                if not sha256 and is_being_written(path, status):
                    continue
                yield ObjectHead(ObjectRef(bucket, key), status.st_size, sha256, _modified_at(status))

    def delete(self, ref: ObjectRef) -> None:
        target = self._file(ref)
        # A folder is no object, so there is nothing to remove.
        with suppress(ObjectNotFound), translated_os_errors(), suppress(IsADirectoryError):
            target.unlink()
            _remove_empty_folders(target.parent, self.root)

    def sweep_partial_writes(self) -> int:
        """Remove what writers left that died; a write that is under way holds a lock on its file."""
        return sum(_removed_if_abandoned(file) for file in self._partial_folder.iterdir())

    def _of_version(self, file: BinaryIO, version: str) -> AbstractContextManager[BinaryIO]:
        """The file at its beginning, closed where it is of another version."""
        with ExitStack() as closing:
            closing.callback(file.close)
            with translated_os_errors():
                found = self._digests.compute(file)
                file.seek(0)
                status = os.fstat(file.fileno())
            # What was written to while it was hashed has no digest that could be recalled.
            if {found, self._digests.recall(file.fileno(), status)} != {version}:
                raise PreconditionFailed("the object has other content by now")
            closing.pop_all()
        return _unwritten(file, status)

    @property
    def _partial_folder(self) -> Path:
        return self.root / PARTIAL_FOLDER

    def _file(self, ref: ObjectRef) -> Path:
        if ref.bucket != self.bucket:
            raise InvalidObjectRef(f"this store holds the bucket {self.bucket} only")
        return file_of(self.root, ref.key)


@contextmanager
def _unwritten(file: BinaryIO, before: os.stat_result) -> Iterator[BinaryIO]:
    """Raises: BackendUnavailable at its end, whatever came of it, if the file was written to since `before`.

    Programs of others write into a file that is there, as `cp` does, and do not put another in its place.
    """
    with file:
        try:
            yield file
        except Exception:
            _require_unwritten(file, before)
            raise
        _require_unwritten(file, before)


def _require_unwritten(file: BinaryIO, before: os.stat_result) -> None:
    with translated_os_errors():
        now = os.fstat(file.fileno())
    is_other = (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns)
    # The date of the content may be set back after it was written, as `cp -p` does, but not the inode's.
    # That is also another one once the file has lost its name; nobody can write to it by that any more.
    if is_other or (now.st_nlink and now.st_ctime_ns != before.st_ctime_ns):
        raise BackendUnavailable("the object was written to while it was read")


@contextmanager
def _opened_partial(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    partial = folder / uuid.uuid4().hex
    with translated_os_errors():
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield partial, file
    finally:
        # On a disk that takes nothing any more this fails too: the next start sweeps it.
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _copied(chunks: Iterator[bytes], file: BinaryIO) -> tuple[bytes, bytes, int]:
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    for chunk in chunks:
        sha256.update(chunk)
        md5.update(chunk)
        size += len(chunk)
        with translated_os_errors():
            _write_all(file, chunk)
    return sha256.digest(), md5.digest(), size


def _write_all(file: BinaryIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _require_checksums(expected: Checksums, sha256: bytes, md5: bytes) -> None:
    if expected.sha256 not in (None, sha256) or expected.md5 not in (None, md5):
        raise ChecksumMismatch("the bytes received differ from the checksum sent with them")


def _move_into_place(partial: Path, target: Path, root: Path) -> None:
    for attempt in range(ATTEMPTS):
        try:
            make_folders(target.parent)
            partial.rename(target)
            sync_folder(target.parent)
        except (NotADirectoryError, IsADirectoryError):
            raise InvalidObjectRef("another object's key is a folder of this key, or below it") from None
        except FileNotFoundError:
            if attempt == ATTEMPTS - 1 or not partial.exists() or not root.is_dir():
                raise OSError(errno.EIO, "the folder went away while it was written to") from None
        else:
            return


def _remove_empty_folders(folder: Path, root: Path) -> None:
    # The first level stays: it holds the zones, which people expect to see.
    while folder != root and folder.parent != root:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _removed_if_abandoned(partial: Path) -> bool:
    try:
        descriptor = os.open(partial, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        partial.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _modified_at(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(status.st_mtime, UTC)
