"""The functions on an emulated AWS, driven by hand: events are made here, as EventBridge would send them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from medical_data_pipeline.adapters.aws.dynamodb_ledger import DynamoDbLedger
from medical_data_pipeline.adapters.aws.glue_iceberg_catalog import GlueIcebergCatalog
from medical_data_pipeline.composition.aws_batches import Surroundings
from medical_data_pipeline.composition.aws_catalog import CatalogFunction
from medical_data_pipeline.composition.aws_conversion import ConversionFunction
from medical_data_pipeline.composition.aws_settings import CatalogSettings, ConversionSettings
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.composition.milestones import nothing
from medical_data_pipeline.conversion.intake import Milestone
from medical_data_pipeline.errors import TableNotFound
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.ports import Clock, LoadFilter
from tests.aws_emulator import DATABASE, LEDGER_TABLE, emulated_aws, shared_client

BUCKET = "medical-data"


@dataclass
class AwsBench:
    """One account. `sequence` stands for the sequencers that S3 gives and moto does not.

    `clients` are the functions', `own` those by which a test looks at what became of it.
    """

    scratch: Path
    queues: Mapping[str, str]
    sequence: int = 0
    told: list[Happening] = field(default_factory=list)
    clients: Any = shared_client
    own: Any = shared_client
    clock: Clock = lambda: datetime.now(UTC)
    reached: Milestone = nothing
    datasets_key: str = ""

    @property
    def ledger(self) -> DynamoDbLedger:
        return DynamoDbLedger(self.own("dynamodb"), LEDGER_TABLE)

    @property
    def catalog(self) -> GlueIcebergCatalog:
        return GlueIcebergCatalog(self.own("glue"), self.own("s3"), DATABASE, BUCKET, self.scratch)

    def conversion(self, **changes: Any) -> ConversionFunction:
        settings = {
            "bucket": BUCKET,
            "ledger_table": LEDGER_TABLE,
            "glue_database": DATABASE,
            "default_table": "medical_records",
            "conversion_queue_url": self.queues["conversion"],
            "catalog_queue_url": self.queues["catalog"],
            "datasets_key": self.datasets_key,
        }
        return ConversionFunction(ConversionSettings(**settings | changes), self.around())

    def catalog_function(self) -> CatalogFunction:
        settings = CatalogSettings(BUCKET, LEDGER_TABLE, DATABASE, self.queues["conversion"])
        return CatalogFunction(settings, self.around())

    def around(self) -> Surroundings:
        return Surroundings(self.clients, self.scratch, self.clock, self.told.append, self.reached)

    def put(self, key: str, content: str | bytes, **sent: str) -> dict[str, Any]:
        """Store an object, with what is `sent` beside it; the EventBridge event of it."""
        data = content.encode() if isinstance(content, str) else content
        answer = self.own("s3").put_object(Bucket=BUCKET, Key=key, Body=data, **sent)
        self.sequence += 1
        return object_event(key, len(data), answer["ETag"].strip('"'), f"{self.sequence:016X}")

    def convert(self, *events: Mapping[str, Any], receives: int = 1) -> list[str]:
        """The ids of the messages that have to come again."""
        return failures(self.conversion().handle(sqs_batch(*events, receives=receives), time_left))

    def commit(self, *events: Mapping[str, Any]) -> list[str]:
        return failures(self.catalog_function().handle(sqs_batch(*events), time_left))

    def manifest_events(self) -> list[dict[str, Any]]:
        """An event of every manifest there is."""
        listed = self.own("s3").list_objects_v2(Bucket=BUCKET, Prefix="record_folders/").get("Contents", ())
        return [
            object_event(each["Key"], each["Size"], each["ETag"].strip('"'), "01")
            for each in listed
            if each["Key"].endswith("manifest.json")
        ]

    def load(self, key: str, content: str | bytes) -> None:
        assert self.convert(self.put(key, content)) == []
        assert self.commit(*self.manifest_events()) == []

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """What a reader of the table's newest snapshot sees, by its files."""
        catalog = self.catalog
        try:
            locations = catalog.files(table, catalog.load(table))
        except TableNotFound:
            return []
        found = []
        for location in locations:
            with catalog.warehouse.open(location) as file:
                read = pq.read_table(BytesIO(file.read()))
            found += [tuple(row.get(name) for name in columns) for row in read.to_pylist()]
        return sorted(found, key=str)

    def loads(self, key: str | None = None) -> Sequence[Load]:
        every = self.ledger.list(LoadFilter(limit=1000))
        return [load for load in every if key in (None, load.source.key)]

    def states(self) -> dict[str, LoadState]:
        """The state of the newest load of each file."""
        sources = {load.source for load in self.loads()}
        newest = {source.key: self.ledger.latest(source) for source in sources}
        return {key: load.state for key, load in newest.items() if load is not None}

    def queued(self, stage: str) -> list[dict[str, Any]]:
        """The messages that wait in a queue, taken out of it."""
        sqs = self.own("sqs")
        found = []
        while messages := sqs.receive_message(
            QueueUrl=self.queues[stage], MaxNumberOfMessages=10, VisibilityTimeout=600
        ).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return found

    def keys(self, prefix: str) -> list[str]:
        listed = self.own("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
        return [each["Key"] for each in listed]

    def exists(self, key: str) -> bool:
        return key in self.keys(key)


@contextmanager
def aws_bench(scratch: Path) -> Iterator[AwsBench]:
    with emulated_aws(BUCKET):
        sqs = shared_client("sqs")
        queues = {stage: sqs.create_queue(QueueName=stage)["QueueUrl"] for stage in ("conversion", "catalog")}
        yield AwsBench(scratch, queues)


def object_event(key: str, size: int, etag: str, sequencer: str) -> dict[str, Any]:
    entry = {"key": key, "size": size, "etag": etag, "sequencer": sequencer}
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": BUCKET}, "object": entry},
    }


def request_event(path: str) -> dict[str, Any]:
    """A GET as the gateway passes it on."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": "GET",
        "headers": {"Host": "api"},
        "multiValueHeaders": {"Host": ["api"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {
            "stage": "production",
            "identity": {"userArn": "arn:aws:iam::123456789012:user/ann"},
        },
        "body": None,
        "isBase64Encoded": False,
    }


def sqs_batch(*bodies: Mapping[str, Any], receives: int = 1) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": str(number),
                "eventSource": "aws:sqs",
                "body": json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(receives)},
            }
            for number, body in enumerate(bodies)
        ]
    }


def failures(answer: Mapping[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def time_left() -> float:
    return 300.0


def raw(key: str) -> ObjectRef:
    return ObjectRef(BUCKET, key)
