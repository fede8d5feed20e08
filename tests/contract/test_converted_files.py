"""What every way of converted files into the curated zone promises: published whole, or gone."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.adapters.aws.s3_converted_files import S3ConvertedFiles
from medical_data_pipeline.adapters.aws.s3_object_store import S3ObjectStore
from medical_data_pipeline.adapters.local.file_converted import FileConvertedFiles
from medical_data_pipeline.adapters.local.file_object_store import FileObjectStore
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.ports import ConvertedFiles, ObjectStore
from tests.aws_emulator import emulated_aws
from tests.fakes import MemoryConvertedFiles, MemoryObjectStore

BUCKET, PREFIX = "local", "record_folders/t/0123/"
NAMES = ("part-0.parquet", "_quarantine/part-0.parquet")


class Curated(NamedTuple):
    """The files' way, and the store in which they become objects."""

    files: ConvertedFiles
    store: ObjectStore

    def objects(self) -> dict[str, bytes]:
        return {
            head.ref.key.removeprefix(PREFIX): self._read(head.ref) for head in self.store.list(BUCKET, "")
        }

    def _read(self, ref: ObjectRef) -> bytes:
        with self.store.open(ref) as content:
            return content.read()


@pytest.fixture
def curated_factories(tmp_path: Path) -> Iterator[dict[str, Callable[[], Curated]]]:
    opened = ExitStack()

    def memory() -> Curated:
        store = MemoryObjectStore()
        return Curated(MemoryConvertedFiles(store, BUCKET), store)

    def file() -> Curated:
        return Curated(FileConvertedFiles(tmp_path), FileObjectStore(tmp_path, BUCKET))

    def s3() -> Curated:
        opened.enter_context(emulated_aws(BUCKET))
        client = aws_client("s3")
        return Curated(S3ConvertedFiles(client, BUCKET, tmp_path), S3ObjectStore(client, tmp_path))

    with opened:
        yield {"memory": memory, "file": file, "s3": s3}


@pytest.fixture(params=["memory", "file", "s3"])
def curated(request: pytest.FixtureRequest, curated_factories: dict[str, Callable[[], Curated]]) -> Curated:
    return curated_factories[request.param]()


def write(folder: Path, content: bytes, *names: str) -> None:
    """As an engine does: whole under a hidden name, then under its own."""
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        hidden = path.with_name("." + path.name)
        hidden.write_bytes(content)
        hidden.rename(path)


def publish(curated: Curated, content: bytes, *names: str) -> None:
    with curated.files.folder(PREFIX) as folder:
        write(folder, content, *names)
        curated.files.publish(folder, PREFIX, names)


def test_published_files_are_objects_under_the_prefix(curated: Curated) -> None:
    publish(curated, b"rows", *NAMES)

    assert curated.objects() == dict.fromkeys(NAMES, b"rows")


def test_what_is_published_again_takes_the_place_of_the_former(curated: Curated) -> None:
    publish(curated, b"former", *NAMES)

    publish(curated, b"latter", NAMES[0])

    assert curated.objects() == {NAMES[0]: b"latter", NAMES[1]: b"former"}


def test_files_of_other_attempts_stay(curated: Curated) -> None:
    publish(curated, b"first", "part-a-0.parquet")

    publish(curated, b"second", "part-b-0.parquet")

    assert curated.objects() == {"part-a-0.parquet": b"first", "part-b-0.parquet": b"second"}


def test_nothing_may_be_published(curated: Curated) -> None:
    with curated.files.folder(PREFIX) as folder:
        curated.files.publish(folder, PREFIX, [])

    assert curated.objects() == {}


@pytest.mark.parametrize("error", [None, RuntimeError])
def test_what_is_left_unpublished_goes(curated: Curated, error: type[Exception] | None) -> None:
    publish(curated, b"kept", "part-a-0.parquet")

    def leave() -> None:
        with curated.files.folder(PREFIX) as folder:
            write(folder, b"left", "part-b-0.parquet", "_quarantine/part-b-0.parquet")
            (folder / ".part-b-1.parquet").write_bytes(b"half")
            (folder / ".scratch").mkdir()
            (folder / ".scratch" / "keys").write_bytes(b"half")
            if error is not None:
                raise error

    if error is None:
        leave()
    else:
        with pytest.raises(error):
            leave()

    assert curated.objects() == {"part-a-0.parquet": b"kept"}
    with curated.files.folder(PREFIX) as folder:
        assert not list(folder.rglob("*b-*"))


def test_a_part_of_what_was_written_may_be_published(curated: Curated) -> None:
    with curated.files.folder(PREFIX) as folder:
        write(folder, b"rows", *NAMES)
        curated.files.publish(folder, PREFIX, NAMES[:1])

    assert curated.objects() == {NAMES[0]: b"rows"}


def test_a_file_that_is_not_there_cannot_be_published(curated: Curated) -> None:
    with curated.files.folder(PREFIX) as folder:
        write(folder, b"rows", NAMES[0])
        with pytest.raises(BackendUnavailable):
            curated.files.publish(folder, PREFIX, NAMES)


def test_publishing_again_after_it_succeeded_changes_nothing(curated: Curated) -> None:
    with curated.files.folder(PREFIX) as folder:
        write(folder, b"rows", *NAMES)
        curated.files.publish(folder, PREFIX, NAMES)
        curated.files.publish(folder, PREFIX, NAMES)

    assert curated.objects() == dict.fromkeys(NAMES, b"rows")


def test_folders_of_two_loads_are_apart(curated: Curated) -> None:
    other = "record_folders/t/4567/"

    with curated.files.folder(PREFIX) as folder, curated.files.folder(other) as beside:
        write(folder, b"one", NAMES[0])
        write(beside, b"two", NAMES[0])
        curated.files.publish(beside, other, NAMES[:1])
        curated.files.publish(folder, PREFIX, NAMES[:1])

    assert curated.objects() == {NAMES[0]: b"one", other + NAMES[0]: b"two"}
