"""What arrives under `input/`: made durable, entered in the ledger, and only then acknowledged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from medical_data_pipeline.conversion.names import table_name
from medical_data_pipeline.errors import InvalidObjectRef, ObjectNotFound, PreconditionFailed, SettingsError
from medical_data_pipeline.model.dataset import Dataset, LoadMode
from medical_data_pipeline.model.keys import RAW_PREFIX, raw_folder
from medical_data_pipeline.model.load import OBJECT_REMOVED, Load, LoadState
from medical_data_pipeline.model.objects import (
    ObjectCreated,
    ObjectHead,
    ObjectRef,
    content_version,
    load_id,
    newest_of,
    replay_version,
)
from medical_data_pipeline.ports import NO_CHECKSUMS, Checksums, Clock, Ledger, LoadFilter, ObjectStore

# A load in one of these needs no second one of the same content.
_STANDS = frozenset({LoadState.RECEIVED, LoadState.CONVERTED, LoadState.COMMITTED})
# Among so many loads of a table the ones are looked for that had come before a file without an event.
_LOOKED_BACK = 1000
# No store dates an object more exactly.
_ONE_SECOND = timedelta(seconds=1)

Milestone = Callable[[str], None]
"""Told of every step that has become durable; a fault test ends the process there, others do nothing."""

KeyLock = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Upload:
    """An acknowledged upload; `is_new` is false when the same content was there already."""

    load: Load
    is_new: bool


@dataclass(frozen=True)
class Preconditions:
    """What must hold for an upload to happen: ETags are SHA-256 in hex; `if_none_match` only as "*"."""

    if_match: str | None = None
    if_none_match: str | None = None


UNCONDITIONAL = Preconditions()


@dataclass(frozen=True)
class DatasetBook:
    """Which dataset a raw file belongs to, and what is declared of it.

    Raises:
        SettingsError: something is declared under a name that no table can have, so it would never count.
    """

    default_table: str
    declared: Mapping[str, Dataset] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.declared:
            if table_name(name) != name:
                raise SettingsError(f"datasets.{name}: the table of such a folder is {table_name(name)}")

    def for_key(self, key: str) -> Dataset:
        """Raises: InvalidObjectRef, if the key is not that of a raw file."""
        folder = raw_folder(key)
        name = table_name(folder) if folder else self.default_table
        return self.for_table(name)

    def for_table(self, name: str) -> Dataset:
        return self.declared.get(name) or Dataset(table=name)


@dataclass(frozen=True)
class IntakeService:
    """Takes raw files in. `on_received` tells whoever converts that there is work; it may be called twice."""

    store: ObjectStore
    ledger: Ledger
    datasets: DatasetBook
    clock: Clock
    lock: KeyLock
    bucket: str
    on_received: Callable[[Load], None]
    reached: Milestone

    def put(
        self,
        key: str,
        chunks: Iterator[bytes],
        expected: Checksums = NO_CHECKSUMS,
        preconditions: Preconditions = UNCONDITIONAL,
    ) -> Upload:
        """Store an upload under `input/` + `key`; on return it is durable and will be loaded.

        Raises:
            InvalidObjectRef: the key cannot be used.
            ChecksumMismatch, StorageFull, BackendUnavailable: see `ObjectStore.put`.
            PreconditionFailed: what `preconditions` asks does not hold; nothing was changed.
        """
        ref = ObjectRef(self.bucket, RAW_PREFIX + key)
        table = self.datasets.for_key(ref.key).table
        # The order of the ledger must be the order in which contents replaced each other. The lock is taken
        # when all bytes are there: a sender that stalls must not stop others, nor the reconciler.
        with ExitStack() as held:
            head = self.store.put(ref, self._then_locked(ref, chunks, preconditions, held), expected)
            self.reached("upload-stored")
            upload = self._receive(head, table)
        self.reached("upload-received")
        return upload

    def arrived(self, created: ObjectCreated) -> Load | None:
        """Enter what an event of the store tells of; None when it is of no raw file.

        The event may come twice, late, or after the object has changed or gone again.
        """
        try:
            table = self.datasets.for_key(created.ref.key).table
        except InvalidObjectRef:
            return None
        head = ObjectHead(created.ref, created.size_bytes, "", self.clock(), created.etag)
        with suppress(ObjectNotFound):
            present = self.store.head(created.ref)
            head = present if present.etag == created.etag else head
        return self._received(head, table, head.version, created.sequencer)

    def announce(self, head: ObjectHead) -> Upload | None:
        """The load of an object that was found under `input/`, entered if its content is not known; None when
        it is no raw file.
        """
        with self.lock(head.ref.key):
            found = self._found(head, self.ledger.latest(head.ref))
            if found is None or not found.is_new:
                return found
            load = found.load
            sequencer = self._place_among_others(head.ref, load.table, head.modified_at + _ONE_SECOND)
            return Upload(self._entered(replace(load, sequencer=sequencer)), is_new=True)

    def announce_all(self, heads: Sequence[ObjectHead]) -> int:
        """`announce` for each that is still there, made durable together; how many were entered."""
        with ExitStack() as held:
            for key in sorted({head.ref.key for head in heads}):
                held.enter_context(self.lock(key))
            latest = self.ledger.latest_of([head.ref for head in heads])
            found = (self._found(head, latest.get(head.ref)) for head in heads)
            new = [each.load for each in found if each and each.is_new]
            loads = self.ledger.receive_many([load for load in new if self._is_there(load)])
            for load in loads:
                self._tell(load)
        return len(loads)

    def _found(self, head: ObjectHead, latest: Load | None) -> Upload | None:
        """The load of an object, `latest` if it has its content, or a new one; None for no raw file."""
        try:
            table = self.datasets.for_key(head.ref.key).table
        except InvalidObjectRef:
            return None
        is_known = latest is not None and content_version(latest.version) == head.version
        if latest is not None and is_known and not _was_not_there(latest):
            return Upload(latest, is_new=False)
        return Upload(self._load(head, table, head.version), is_new=True)

    def _is_there(self, load: Load) -> bool:
        """Whether its content is what the key holds: entered after an upload since, it would be the newer."""
        try:
            return self.store.head(load.source).version == load.version
        except ObjectNotFound:
            return False

    def replay(self, load: Load) -> Load:
        """Load the content of `load` again, by the rules as they are now; its rows take the old ones' place.

        Among other files of its table it stands as if it came now.

        Raises:
            ObjectNotFound: the raw file is gone.
            PreconditionFailed: the raw file has other content by now.
        """
        return self._loaded_again(load, self.clock())

    def retry(self, load: Load) -> Load:
        """`replay` of a load that failed, which stands among other files of its table where it stood."""
        return self._loaded_again(load, None)

    def _loaded_again(self, load: Load, came_at: datetime | None) -> Load:
        with self.lock(load.source.key):
            head = self.store.head(load.source)
            latest = self.ledger.latest(load.source) or load
            require_one_content(load.version, latest.version, head.version)
            # The next one of its source is just above the one that it had.
            sequencer = self._place_among_others(head.ref, load.table, came_at) if came_at else ""
            return self._received(head, load.table, replay_version(latest.version), sequencer)

    def _place_among_others(self, source: ObjectRef, table: str, came_at: datetime) -> str:
        """A sequencer where files of one table are newer or older than each other; "" to be given the next.

        No event tells it, so it is above those of all loads that had been received when the file came.
        """
        if self.datasets.for_table(table).mode is LoadMode.APPEND:
            return ""
        others = self.ledger.list(LoadFilter(table, limit=_LOOKED_BACK))
        before = newest_of(other.sequencer for other in others if other.received_at <= came_at)
        return self.ledger.next_sequencer(source, before, came_at)

    def _then_locked(
        self, ref: ObjectRef, chunks: Iterator[bytes], preconditions: Preconditions, held: ExitStack
    ) -> Iterator[bytes]:
        """The chunks; at their end, before the store makes them an object, the key is locked."""
        yield from chunks
        held.enter_context(self.lock(ref.key))
        self._require(ref, preconditions)

    def _require(self, ref: ObjectRef, preconditions: Preconditions) -> None:
        if preconditions == UNCONDITIONAL:
            return
        try:
            present: str | None = self.store.head(ref).version
        except ObjectNotFound:
            present = None
        if preconditions.if_none_match is not None and present is not None:
            raise PreconditionFailed("there is an object with this key")
        if preconditions.if_match is not None and present != preconditions.if_match.strip('"'):
            raise PreconditionFailed("the object with this key is another version")

    def _receive(self, head: ObjectHead, table: str) -> Upload:
        latest = self.ledger.latest(head.ref)
        if latest is not None and content_version(latest.version) == head.version and latest.state in _STANDS:
            return Upload(latest, is_new=False)
        load = self._received(head, table, head.version)
        return Upload(load, is_new=latest is None or latest.load_id != load.load_id)

    def _received(self, head: ObjectHead, table: str, version: str, sequencer: str = "") -> Load:
        return self._entered(self._load(head, table, version, sequencer))

    def _entered(self, load: Load) -> Load:
        recorded = self.ledger.receive(load)
        self._tell(recorded)
        return recorded

    def _tell(self, load: Load) -> None:
        if load.state is LoadState.RECEIVED:
            self.on_received(load)

    def _load(self, head: ObjectHead, table: str, version: str, sequencer: str = "") -> Load:
        """Without a sequencer of the store, the ledger gives one."""
        now = self.clock()
        return Load(
            load_id=load_id(head.ref, version),
            table=table,
            source=head.ref,
            version=version,
            sequencer=sequencer,
            size_bytes=head.size_bytes,
            state=LoadState.RECEIVED,
            received_at=now,
            updated_at=now,
        )


def require_one_content(*versions: str) -> None:
    """Raises: PreconditionFailed: a load cannot be replayed whose file has other content by now."""
    if len({content_version(version) for version in versions}) > 1:
        raise PreconditionFailed("the raw file has been replaced since this load")


def _was_not_there(latest: Load) -> bool:
    """Whether the file was gone, or of other content, when the newest load of it was to be converted."""
    return latest.reason == OBJECT_REMOVED or latest.state is LoadState.SUPERSEDED
