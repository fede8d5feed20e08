"""What every object store promises: whole or absent, one version to a reader, keys as they are."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.adapters.aws.s3_object_store import S3ObjectStore
from medical_data_pipeline.adapters.local.file_object_store import FileObjectStore
from medical_data_pipeline.errors import (
    ChecksumMismatch,
    InvalidObjectRef,
    ObjectNotFound,
    PreconditionFailed,
)
from medical_data_pipeline.model.objects import MAX_KEY_BYTES, ObjectRef
from medical_data_pipeline.ports import Checksums, ObjectStore
from tests.aws_emulator import emulated_aws
from tests.fakes import MemoryObjectStore

BUCKET = "contract"
SEGMENT = "d" * 127 + "/"


@pytest.fixture
def store_factories(tmp_path: Path) -> Iterator[dict[str, Callable[[], ObjectStore]]]:
    with ExitStack() as opened:

        def s3() -> ObjectStore:
            opened.enter_context(emulated_aws(BUCKET))
            return S3ObjectStore(aws_client("s3"), tmp_path)

        yield {
            "memory": MemoryObjectStore,
            "file": lambda: FileObjectStore(tmp_path / "store", BUCKET),
            "s3": s3,
        }


@pytest.fixture(params=["memory", "file", "s3"])
def store(
    request: pytest.FixtureRequest, store_factories: dict[str, Callable[[], ObjectStore]]
) -> ObjectStore:
    return store_factories[request.param]()


def ref(key: str) -> ObjectRef:
    return ObjectRef(BUCKET, key)


def put(store: ObjectStore, key: str, *chunks: bytes) -> None:
    store.put(ref(key), iter(chunks))


def read(store: ObjectStore, key: str) -> bytes:
    with store.open(ref(key)) as content:
        return content.read()


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [head.ref.key for head in store.list(BUCKET, prefix)]


def test_what_was_put_is_read_and_its_head_is_told_twice_alike(store: ObjectStore) -> None:
    told = store.put(ref("input/a.csv"), iter([b"id\n", b"", b"1\n"]))

    assert read(store, "input/a.csv") == b"id\n1\n"
    assert (told.ref, told.size_bytes) == (ref("input/a.csv"), 5)
    assert told.sha256 == hashlib.sha256(b"id\n1\n").hexdigest()
    assert told.modified_at.utcoffset() == timedelta(0)
    assert store.head(ref("input/a.csv")) == told


def test_an_object_may_be_empty(store: ObjectStore) -> None:
    put(store, "a")

    assert (read(store, "a"), store.head(ref("a")).size_bytes, keys(store)) == (b"", 0, ["a"])


def test_a_second_put_replaces_the_first(store: ObjectStore) -> None:
    put(store, "a", b"old and longer")
    put(store, "a", b"new")

    assert read(store, "a") == b"new"
    assert store.head(ref("a")).sha256 == hashlib.sha256(b"new").hexdigest()
    assert keys(store) == ["a"]


def test_an_object_is_read_from_anywhere(store: ObjectStore) -> None:
    put(store, "a", bytes(range(256)) * 1000)

    with store.open(ref("a")) as content:
        assert content.seek(0, 2) == 256_000
        content.seek(255_999)
        assert content.read(10) == b"\xff"
        content.seek(3)
        assert content.read(2) == b"\x03\x04"


def test_a_reader_keeps_its_version_when_the_object_is_replaced(store: ObjectStore) -> None:
    put(store, "a", b"old" * 100_000)

    with store.open(ref("a")) as content:
        begun = content.read(3)
        put(store, "a", b"new" * 100_000)
        rest = content.read()

    assert begun + rest == b"old" * 100_000
    assert read(store, "a") == b"new" * 100_000


@pytest.mark.parametrize("size_bytes", [3, 300_000])
def test_of_a_version_that_is_asked_for_come_its_bytes_or_none(store: ObjectStore, size_bytes: int) -> None:
    old, new = b"o" * size_bytes, b"n" * size_bytes
    put(store, "a", old)
    former = store.head(ref("a")).version
    with store.open(ref("a"), former) as content:
        assert content.read() == old

    put(store, "a", new)

    with pytest.raises(PreconditionFailed), store.open(ref("a"), former):
        pass
    with store.open(ref("a"), store.head(ref("a")).version) as content:
        assert content.read() == new
    with pytest.raises(ObjectNotFound), store.open(ref("b"), former):
        pass


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_bytes_that_are_not_what_their_sender_says_change_nothing(store: ObjectStore, algorithm: str) -> None:
    put(store, "a", b"old")
    expected = Checksums(**{algorithm: hashlib.new(algorithm, b"what was meant").digest()})

    for key in ("a", "b"):
        with pytest.raises(ChecksumMismatch):
            store.put(ref(key), iter([b"what ", b"came"]), expected)

    assert (read(store, "a"), keys(store)) == (b"old", ["a"])


def test_bytes_that_are_what_their_sender_says_are_stored(store: ObjectStore) -> None:
    content = b"id\n1\n"

    both = Checksums(md5=hashlib.md5(content).digest(), sha256=hashlib.sha256(content).digest())
    store.put(ref("a"), iter([content]), both)

    assert read(store, "a") == content


def test_a_sender_that_breaks_off_changes_nothing_and_its_error_comes_through(store: ObjectStore) -> None:
    put(store, "a", b"old")

    def broken_off() -> Iterator[bytes]:
        yield b"half of"
        raise ConnectionResetError

    for key in ("a", "b"):
        with pytest.raises(ConnectionResetError):
            store.put(ref(key), broken_off())

    assert (read(store, "a"), keys(store)) == (b"old", ["a"])


def test_nothing_of_an_unfinished_write_is_to_be_seen(store: ObjectStore) -> None:
    put(store, "a/old", b"old")
    seen: list[object] = []

    def looking() -> Iterator[bytes]:
        yield b"half of"
        seen.extend([keys(store), read(store, "a/old")])
        with pytest.raises(ObjectNotFound):
            store.head(ref("a/new"))
        yield b" it"

    store.put(ref("a/old"), looking())
    store.put(ref("a/new"), looking())

    assert seen == [["a/old"], b"old", ["a/old"], b"half of it"]
    assert keys(store) == ["a/new", "a/old"]


def test_writers_of_one_key_leave_the_whole_content_of_one_of_them(store: ObjectStore) -> None:
    contents = [bytes([number]) * 200_000 for number in range(8)]

    def write(content: bytes) -> None:
        store.put(ref("t/a"), (content[at : at + 10_000] for at in range(0, len(content), 10_000)))

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = read(store, "t/a")
    assert found in contents
    assert store.head(ref("t/a")).sha256 == hashlib.sha256(found).hexdigest()
    assert keys(store) == ["t/a"]


def test_what_is_not_there_is_not_found_and_may_be_deleted(store: ObjectStore) -> None:
    put(store, "a/b", b"x")

    for missing in ("nothing", "a", "a/b/c"):
        with pytest.raises(ObjectNotFound):
            store.head(ref(missing))
        with pytest.raises(ObjectNotFound), store.open(ref(missing)):
            pass
        store.delete(ref(missing))

    assert keys(store) == ["a/b"]


def test_a_deleted_object_is_gone_and_its_neighbours_stay(store: ObjectStore) -> None:
    for key in ("t/a", "t/b", "t/sub/a"):
        put(store, key, b"x")

    store.delete(ref("t/a"))
    store.delete(ref("t/sub/a"))

    assert keys(store) == ["t/b"]
    with pytest.raises(ObjectNotFound):
        store.head(ref("t/a"))
    put(store, "t/a", b"again")
    assert read(store, "t/a") == b"again"


def test_objects_are_listed_by_prefix_in_the_order_of_their_keys(store: ObjectStore) -> None:
    unordered = [
        "input/b",
        "input/a/2",
        "input/a-1",
        "input/a/10",
        "input/ä",
        "input/aa",
        "other/a",
        "inputs",
    ]
    for key in unordered:
        put(store, key, key.encode())

    listed = list(store.list(BUCKET, "input/"))

    assert [head.ref.key for head in listed] == [
        *("input/a-1", "input/a/10", "input/a/2", "input/aa", "input/b", "input/ä"),
    ]
    assert keys(store, "input/a") == ["input/a-1", "input/a/10", "input/a/2", "input/aa"]
    assert keys(store, "input/nothing") == []
    assert keys(store) == sorted(unordered, key=str.encode)
    for head in listed:
        assert head.size_bytes == len(head.ref.key.encode())
        assert head.sha256 in ("", store.head(head.ref).sha256)


@pytest.mark.parametrize(
    "key",
    [
        "input/with space.csv",
        "input/plus+sign.csv",
        "input/a%2Fb%20c.csv",
        "input/caf\u00e9.csv",
        "input/cafe\u0301.csv",
        "input/\U0001f3e5 Übersicht.CSV.GZ",
        "input/'quote\"; DROP TABLE x;--.csv",
        "input/back\\slash.csv",
        "input/new\nline.csv",
        "input/.hidden",
        "input/~",
        "input/" + SEGMENT * 7 + "x" * (MAX_KEY_BYTES - 6 - 7 * 128),
    ],
)
def test_a_key_is_held_as_it_is(store: ObjectStore, key: str) -> None:
    put(store, "input/other", b"other")

    put(store, key, b"content")

    assert (read(store, key), store.head(ref(key)).ref.key) == (b"content", key)
    assert sorted(keys(store, "input/")) == sorted([key, "input/other"])
    store.delete(ref(key))
    assert keys(store) == ["input/other"]


def test_keys_that_look_alike_are_different_objects(store: ObjectStore) -> None:
    alike = ["t/caf\u00e9", "t/cafe\u0301", "t/CAFÉ", "t/a b", "t/a+b", "t/a%20b"]
    for number, key in enumerate(alike):
        put(store, key, b"%d" % number)

    assert [read(store, key) for key in alike] == [b"%d" % number for number in range(len(alike))]
    assert len(keys(store)) == len(alike)


@pytest.mark.parametrize(
    "key",
    [
        *("../a", "t/../a", "t/../../a", "..", ".", "t/.", "/a", "/etc/a", "t//a", "t/", "t/a/", "./a"),
        *("t/nul\0.csv", "t/\udcff.csv", "t/" + "x" * 300),
    ],
)
def test_a_strange_key_is_held_as_it_is_or_refused_and_leads_nowhere_else(
    store: ObjectStore, key: str
) -> None:
    put(store, "t/kept", b"kept")

    try:
        put(store, key, b"content")
    except InvalidObjectRef:
        assert keys(store) == ["t/kept"]
        for call in (store.head, store.open, store.delete):
            with pytest.raises(InvalidObjectRef):
                call(ref(key))
    else:
        assert read(store, key) == b"content"
        assert sorted(keys(store)) == sorted([key, "t/kept"])
    assert read(store, "t/kept") == b"kept"


def test_a_key_below_another_objects_key_is_held_or_refused(store: ObjectStore) -> None:
    put(store, "t/a", b"upper")

    try:
        put(store, "t/a/b", b"lower")
    except InvalidObjectRef:
        assert keys(store) == ["t/a"]
    else:
        assert keys(store) == ["t/a", "t/a/b"]
    assert read(store, "t/a") == b"upper"


def test_another_bucket_is_another_place(store: ObjectStore) -> None:
    put(store, "t/a", b"here")

    assert list(store.list("elsewhere", "")) == []
    with pytest.raises((ObjectNotFound, InvalidObjectRef)):
        store.head(ObjectRef("elsewhere", "t/a"))
