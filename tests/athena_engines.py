"""The Athena engine over the double of its API."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import boto3

from medical_data_pipeline.adapters.aws.athena_arrow import result_file
from medical_data_pipeline.adapters.aws.athena_query_engine import AthenaQueryEngine, AthenaSettings
from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.adapters.aws.dynamodb_queries import DynamoDbQueries
from medical_data_pipeline.adapters.aws.s3_download import pieces
from medical_data_pipeline.composition.aws_result_columns import result_columns
from tests.athena_double import AthenaDouble, Connect, in_bucket, served
from tests.aws_emulator import DATABASE, QUERIES_TABLE


@contextmanager
def athena_engine(connect: Connect, bucket: str) -> Iterator[AthenaQueryEngine]:
    """An engine without tables, in an emulated account with the bucket."""
    with served(AthenaDouble(connect, in_bucket(lambda: aws_client("s3"), bucket))) as address:
        queries = DynamoDbQueries(
            aws_client("dynamodb"), QUERIES_TABLE, lambda: datetime.now(UTC), timedelta(days=1)
        )
        client = boto3.client("athena", endpoint_url=address)
        yield AthenaQueryEngine(
            client,
            queries,
            AthenaSettings("query", DATABASE),
            result_columns,
            partial(pieces, aws_client("s3")),
            result_file,
        )
