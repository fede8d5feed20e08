"""The catalog function put together: manifests that were written, to rows that readers see; and upkeep."""

from collections.abc import Mapping, Sequence
from typing import Any

from medical_data_pipeline.adapters.aws.dynamodb_ledger import DynamoDbLedger
from medical_data_pipeline.adapters.aws.events import (
    CONVERT,
    MAINTAIN,
    Message,
    Task,
    Unknown,
    Work,
    parse_messages,
    parse_work,
)
from medical_data_pipeline.adapters.aws.glue_iceberg_catalog import GlueIcebergCatalog
from medical_data_pipeline.adapters.aws.s3_object_store import S3ObjectStore
from medical_data_pipeline.adapters.aws.sqs_tasks import SqsTasks
from medical_data_pipeline.adapters.aws.sweep_mark import SweepMark
from medical_data_pipeline.adapters.iceberg.maintenance import IcebergMaintenance
from medical_data_pipeline.catalog.load_commit import LoadCommit
from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.composition.aws_batches import (
    Surroundings,
    TimeLeft,
    Turn,
    batch_answer,
    done_one_by_one,
)
from medical_data_pipeline.composition.aws_commits import Commits
from medical_data_pipeline.composition.aws_settings import CatalogSettings
from medical_data_pipeline.composition.aws_upkeep import AwsUpkeep
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.errors import InputError, LoadNotFound, ObjectNotFound
from medical_data_pipeline.model.keys import MANIFEST
from medical_data_pipeline.model.load import Load, LoadState, Manifest
from medical_data_pipeline.model.manifest_json import parse_manifest
from medical_data_pipeline.model.objects import ObjectCreated, ObjectRef


class CatalogFunction:
    """Takes the messages of the catalog queue, all manifests of a batch in one commit a table."""

    def __init__(self, settings: CatalogSettings, around: Surroundings) -> None:
        s3, glue = around.client("s3"), around.client("glue")
        bucket, scratch = settings.bucket, around.scratch
        catalog = GlueIcebergCatalog(glue, s3, settings.glue_database, bucket, scratch)
        self._store = S3ObjectStore(s3, scratch)
        dynamodb = around.client("dynamodb")
        self._ledger = DynamoDbLedger(dynamodb, settings.ledger_table)
        self._report = around.report
        stage = LoadCommit(
            CatalogService(catalog), self._ledger, self._manifest_of, around.clock, around.reached
        )
        conversions = SqsTasks(around.client("sqs"), settings.conversion_queue_url)
        self._commits = Commits(
            stage,
            self._ledger,
            lambda load: conversions.send(Task(CONVERT, load.load_id)),
            around.report,
        )
        self._upkeep = AwsUpkeep(
            catalog,
            IcebergMaintenance(catalog),
            SweepMark(dynamodb, settings.ledger_table),
            self._ledger,
            around.clock,
            around.report,
        )

    def handle(self, event: Mapping[str, Any], time_left: TimeLeft) -> Mapping[str, Any]:
        """The answer to a batch: which of its messages have to come again."""
        messages = parse_messages(event)
        due = [message for message in messages if Task(MAINTAIN) in parse_work(message.body)]
        failed = self._committed([message for message in messages if message not in due], time_left)
        # Last, since no commit shall wait for it, nor for another function if the time runs out over it.
        failed += done_one_by_one(
            due, time_left, lambda turn: self._upkeep.once(turn.time_left), self._report
        )
        return batch_answer(failed)

    def _committed(self, messages: Sequence[Message], time_left: TimeLeft) -> list[Message]:
        """The messages whose loads could not be committed."""
        found: dict[str, list[Manifest]] = {}

        def read(turn: Turn) -> None:
            works = parse_work(turn.message.body)
            manifests = [manifest for work in works for manifest in self._read(work)]
            found[turn.message.message_id] = manifests

        failed = done_one_by_one(messages, time_left, read, self._report)
        again = self._commits.settle([manifest for manifests in found.values() for manifest in manifests])
        return failed + [each for each in messages if _holds(each, found, again)]

    def _read(self, work: Work) -> Sequence[Manifest]:
        """The manifests that a message speaks of."""
        match work:
            case ObjectCreated(ref=ref):
                return self._manifests_at(ref)
            case Task(name="commit"):
                return self._manifest_that_waits(self._ledger.find(work.load_id))
            case Task(name=kind) | Unknown(kind=kind):
                self._ignore(kind)
        return ()

    def _manifest_that_waits(self, load: Load) -> Sequence[Manifest]:
        """The manifest of a load to be committed; one whose manifest was lost is put back instead."""
        if load.state is not LoadState.CONVERTED:
            return ()
        try:
            return [self._manifest_of(load)]
        except InputError as error:
            self._commits.put_back(load, error)
            return ()

    def _manifests_at(self, ref: ObjectRef) -> Sequence[Manifest]:
        """The manifest, if it is one of ours: anybody may put a file below `record_folders/`."""
        try:
            with self._store.open(ref) as content:
                manifest = parse_manifest(content.read())
            load = self._ledger.find(manifest.load_id)
        except (InputError, LoadNotFound):
            self._ignore("not a manifest of a load")
            return ()
        if ref.key != load.key_of(MANIFEST):
            self._ignore("a manifest in another load's place")
            return ()
        return [manifest]

    def _manifest_of(self, load: Load) -> Manifest:
        """Raises: ObjectNotFound, InvalidRequest: it is gone, another load's, or none that can be read."""
        with self._store.open(ObjectRef(load.source.bucket, load.key_of(MANIFEST))) as content:
            manifest = parse_manifest(content.read())
        if manifest.load_id != load.load_id:
            raise ObjectNotFound("the manifest of a load is gone")
        return manifest

    def _ignore(self, what: str) -> None:
        self._report(Happening("event-ignored", "", "", what))


def _holds(message: Message, found: Mapping[str, Sequence[Manifest]], loads: frozenset[str]) -> bool:
    return any(manifest.load_id in loads for manifest in found.get(message.message_id, ()))
