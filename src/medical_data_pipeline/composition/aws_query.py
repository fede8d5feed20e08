"""The query function put together: the HTTP contract over Athena, the ledger and the bucket."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from fastapi import FastAPI

from medical_data_pipeline.adapters.aws.athena_query_engine import AthenaQueryEngine, AthenaSettings
from medical_data_pipeline.adapters.aws.athena_types import AthenaColumn
from medical_data_pipeline.adapters.aws.aws_clients import aws_client_of_role
from medical_data_pipeline.adapters.aws.dynamodb_ledger import DynamoDbLedger
from medical_data_pipeline.adapters.aws.dynamodb_queries import DynamoDbQueries
from medical_data_pipeline.adapters.aws.events import REPLAY, Task
from medical_data_pipeline.adapters.aws.glue_tables import GlueTables
from medical_data_pipeline.adapters.aws.s3_download import pieces
from medical_data_pipeline.adapters.aws.s3_links import S3ResultLinks, S3UploadSigner
from medical_data_pipeline.adapters.aws.s3_object_store import S3ObjectStore
from medical_data_pipeline.adapters.aws.sqs_tasks import SqsTasks
from medical_data_pipeline.composition.aws_batches import Surroundings
from medical_data_pipeline.composition.aws_result_columns import result_columns
from medical_data_pipeline.composition.aws_settings import QuerySettings
from medical_data_pipeline.composition.health import Health, checked
from medical_data_pipeline.conversion.intake import require_one_content
from medical_data_pipeline.http_api.app import create_app
from medical_data_pipeline.http_api.services import HttpLimits, Services
from medical_data_pipeline.model.load import Load
from medical_data_pipeline.model.query import Actor, ResultFormat
from medical_data_pipeline.ports import Ledger, LoadFilter, TableReader
from medical_data_pipeline.query.policies import FullAccess
from medical_data_pipeline.query.service import QueryService
from medical_data_pipeline.query.written_tables import WrittenTables

# The gateway waits 29 seconds, of which planning, starting and reading take a few. A function's answer has at
# most 6 MB, in which every quote of a page takes two bytes.
LIMITS = HttpLimits(max_page_bytes=2_500_000, max_row_bytes=2_500_000, simple_wait_s=20.0, max_wait_s=20.0)


class NoTokens:
    """Nobody comes with a token of ours: the gateway knows who sends a request."""

    def actor_for(self, token: str) -> Actor | None:
        return None


def query_app(settings: QuerySettings, around: Surroundings) -> FastAPI:
    s3, dynamodb = around.client("s3"), around.client("dynamodb")
    tables = WrittenTables(GlueTables(around.client("glue"), s3, settings.glue_database))
    ledger = DynamoDbLedger(dynamodb, settings.ledger_table)
    started = DynamoDbQueries(
        dynamodb, settings.queries_table, around.clock, timedelta(days=settings.query_result_days)
    )
    engine = AthenaQueryEngine(
        around.client("athena"),
        started,
        AthenaSettings(settings.workgroup, settings.glue_database),
        result_columns,
        partial(pieces, s3),
        _result_file,
    )
    policy, key = FullAccess(), started.signing_key()
    queries = QueryService(
        tables, engine, policy, around.clock, settings.glue_database, lambda: secrets.token_hex(16), key
    )
    conversions = SqsTasks(around.client("sqs"), settings.conversion_queue_url)

    return create_app(
        Services(
            tokens=NoTokens(),
            queries=queries,
            catalog=tables,
            policy=policy,
            ledger=ledger,
            store=S3ObjectStore(s3, around.scratch),
            health=lambda: _health(ledger, tables),
            replay=partial(_replay, ledger, conversions),
            identify=identified,
            uploads=S3UploadSigner(
                around.client("sts"),
                partial(aws_client_of_role, "s3"),
                settings.upload_role_arn,
                settings.bucket,
                around.clock,
            ),
            links=S3ResultLinks(s3, settings.bucket, settings.result_prefix),
            limits=LIMITS,
            page_token_key=key,
        )
    )


def identified(scope: Mapping[str, Any]) -> Actor | None:
    """Who the gateway says the caller is: the subject of a token it checked, or the principal that signed."""
    context = scope.get("aws.event", {}).get("requestContext", {})
    authorizer = context.get("authorizer") or {}
    claims = authorizer.get("claims") or authorizer.get("jwt", {}).get("claims") or {}
    iam = authorizer.get("iam") or context.get("identity") or {}
    name = claims.get("sub") or iam.get("userArn")
    return Actor(str(name), "reader") if name else None


def _replay(ledger: Ledger, conversions: SqsTasks, load_id: str) -> Load:
    load = ledger.find(load_id)
    latest = ledger.latest(load.source) or load
    require_one_content(load.version, latest.version)
    conversions.send(Task(REPLAY, load_id))
    return load


def _result_file(
    columns: Sequence[AthenaColumn], content: Iterable[bytes], wanted: ResultFormat
) -> Iterator[bytes]:
    # Few queries want a file, and every cold start would wait for Arrow.
    from medical_data_pipeline.adapters.aws.athena_arrow import result_file  # noqa: PLC0415

    return result_file(columns, content, wanted)


def _health(ledger: Ledger, tables: TableReader) -> Health:
    return Health(
        {
            "ledger": checked(lambda: ledger.list(LoadFilter(limit=1))),
            "catalog": checked(tables.list),
        }
    )
