"""The conversion function put together: raw files that arrived, to converted files and a manifest."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from medical_data_pipeline.adapters.arrow.conversion_engine import ArrowConversionEngine
from medical_data_pipeline.adapters.aws.aws_raw_zone import AwsRawZone
from medical_data_pipeline.adapters.aws.dynamodb_ledger import DynamoDbLedger
from medical_data_pipeline.adapters.aws.events import (
    COMMIT,
    CONVERT,
    Task,
    Unknown,
    Work,
    parse_messages,
    parse_work,
)
from medical_data_pipeline.adapters.aws.glue_job import GlueJob
from medical_data_pipeline.adapters.aws.glue_tables import GlueTables
from medical_data_pipeline.adapters.aws.s3_converted_files import S3ConvertedFiles
from medical_data_pipeline.adapters.aws.s3_object_store import S3ObjectStore
from medical_data_pipeline.adapters.aws.sqs_tasks import SqsTasks
from medical_data_pipeline.composition.aws_batches import (
    OutOfTime,
    Surroundings,
    TimeLeft,
    Turn,
    batch_answer,
    done_one_by_one,
)
from medical_data_pipeline.composition.aws_datasets import declared_datasets
from medical_data_pipeline.composition.aws_hand_over import HandOver
from medical_data_pipeline.composition.aws_load_turns import LoadTurns
from medical_data_pipeline.composition.aws_raw_scan import RawScan
from medical_data_pipeline.composition.aws_reconciler import AwsReconciler
from medical_data_pipeline.composition.aws_settings import ConversionSettings
from medical_data_pipeline.composition.happenings import Happening, told
from medical_data_pipeline.composition.key_locks import KeyLocks
from medical_data_pipeline.conversion.intake import DatasetBook, IntakeService
from medical_data_pipeline.conversion.load_conversion import LoadConversion
from medical_data_pipeline.conversion.service import ConversionService
from medical_data_pipeline.errors import InputError, ObjectNotFound, PreconditionFailed
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.model.objects import ObjectCreated
from medical_data_pipeline.ports import Ledger, ObjectStore


class ConversionFunction:
    """Takes the messages of the conversion queue."""

    def __init__(self, settings: ConversionSettings, around: Surroundings) -> None:
        s3, sqs, glue = around.client("s3"), around.client("sqs"), around.client("glue")
        store = S3ObjectStore(s3, around.scratch)
        declared = declared_datasets(store, settings.bucket, settings.datasets_key, around.scratch)
        book = DatasetBook(settings.default_table, declared)
        dynamodb = around.client("dynamodb")
        ledger = DynamoDbLedger(dynamodb, settings.ledger_table)
        conversion = LoadConversion(
            ConversionService(ArrowConversionEngine()),
            store,
            S3ConvertedFiles(s3, settings.bucket, around.scratch),
            GlueTables(glue, s3, settings.glue_database),
            ledger,
            book,
            around.clock,
            around.reached,
        )
        self._ledger: Ledger = ledger
        self._conversion = conversion
        self._report = around.report
        self._clock = around.clock
        self._turns = LoadTurns(conversion, ledger, around.clock, around.report)
        job = GlueJob(glue, settings.spark_job_name) if settings.spark_job_name else None
        self._hand_over = HandOver(job, settings.large_file_bytes, ledger, around.clock, around.report)
        conversions = SqsTasks(sqs, settings.conversion_queue_url)
        commits = SqsTasks(sqs, settings.catalog_queue_url)

        def announce(load: Load) -> None:
            conversions.send(Task(CONVERT, load.load_id))

        def intake(on_received: Callable[[Load], None]) -> IntakeService:
            return _intake(store, ledger, book, settings.bucket, around, on_received)

        self._announce = announce
        self._intake = intake(lambda load: None)
        self._reconciler = AwsReconciler(
            RawScan(
                AwsRawZone(s3, dynamodb, settings.bucket, settings.ledger_table),
                store,
                intake(announce),
                around.clock,
                timedelta(minutes=settings.reconcile_after_minutes),
                around.report,
            ),
            ledger,
            announce,
            lambda load: commits.send(Task(COMMIT, load.load_id)),
            around.clock,
            self._hand_over.takes,
        )

    def handle(self, event: Mapping[str, Any], time_left: TimeLeft) -> Mapping[str, Any]:
        """The answer to a batch: which of its messages have to come again."""
        failed = done_one_by_one(parse_messages(event), time_left, self._take, self._report)
        return batch_answer(failed)

    def _take(self, turn: Turn) -> None:
        for work in parse_work(turn.message.body):
            self._do(work, turn)

    def _do(self, work: Work, turn: Turn) -> None:
        match work:
            case ObjectCreated():
                load = self._intake.arrived(work)
                if load is None:
                    self._ignore("not a raw file")
                else:
                    self._convert(load, turn)
            case Task(name="convert"):
                self._convert(self._ledger.find(work.load_id), turn)
            case Task(name="replay"):
                self._load_again(self._intake.replay, self._ledger.find(work.load_id), turn)
            case Task(name="reconcile"):
                found = self._reconciler.scan(turn.time_left)
                self._report(Happening("reconciled", "", "", f"{found} announced"))
            case Task(name=kind) | Unknown(kind=kind):
                self._ignore(kind)

    def _convert(self, load: Load, turn: Turn) -> None:
        if load.state is LoadState.FAILED:
            # It had ended, so somebody took its message out of the dead letters to have it tried once more.
            self._load_again(self._intake.retry, load, turn)
            return
        if load.state is LoadState.CONVERTED:
            load = self._renewed(load)
        while load.state is LoadState.RECEIVED:
            if self._hand_over.takes(load):
                self._hand_over.begin(load)
                return
            # Received still, it arrived again while its former arrival was converted.
            try:
                load = self._turns.convert(load, turn)
            except OutOfTime:
                # This message's tries are for what was begun, and its next one is far off.
                self._announce(load)
                return

    def _load_again(self, entered: Callable[[Load], Load], load: Load, turn: Turn) -> None:
        try:
            again = entered(load)
        except ObjectNotFound:
            self._report(Happening("replay-impossible", load.load_id, load.table, "the raw file is gone"))
        except PreconditionFailed as error:
            self._report(Happening("replay-impossible", load.load_id, load.table, told(error)))
        else:
            self._convert(again, turn)

    def _renewed(self, load: Load) -> Load:
        """A load whose content arrived again; one whose manifest was lost is RECEIVED once more."""
        try:
            self._conversion.renew(load)
        except InputError as error:
            self._ledger.advance(
                load.load_id,
                LoadState.RECEIVED,
                detail=told(error),
                now=self._clock(),
                sequencer=load.sequencer,
            )
        return self._ledger.find(load.load_id)

    def _ignore(self, what: str) -> None:
        self._report(Happening("event-ignored", "", "", what))


def _intake(  # noqa: PLR0913 - all that an intake is made of
    store: ObjectStore,
    ledger: Ledger,
    book: DatasetBook,
    bucket: str,
    around: Surroundings,
    on_received: Callable[[Load], None],
) -> IntakeService:
    # Nothing is locked between functions: the ledger takes arrivals in whatever order they come.
    return IntakeService(store, ledger, book, around.clock, KeyLocks(), bucket, on_received, around.reached)
