"""Functions killed in the middle of their work: the message comes again, and every row is there once."""

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from _pytest.mark import ParameterSet
from botocore.config import Config
from moto import mock_aws

from medical_data_pipeline.model.load import LoadState, RowCounts
from tests.aws_bench import BUCKET, AwsBench, sqs_batch
from tests.aws_emulator import glue_that_checks_versions
from tests.aws_kills import AFTER, BEFORE, KillingCalls, Moment
from tests.lambda_runtime import running
from tests.served_aws import served_aws

KEY = "input/labs/a.csv"
OLD, NEW = "id,name\n1,Ann\n2,Bob\n", "id,name\n1,Anna\n3,too,many\n4,Dan\n"
CONVERSION = {
    "entered in the ledger": Moment(AFTER, "DynamoDB.TransactWriteItems"),
    "Parquet there, no manifest": Moment(AFTER, "PUT */part-*.parquet"),
    "manifest there, not in the ledger": Moment(AFTER, "PUT */manifest.json"),
    "all done but the answer": Moment(AFTER, "DynamoDB.UpdateItem"),
}
# The rows set aside go first: their table is made, and has its commit before that of the others.
CATALOG = {
    "a table made, no rows in it": Moment(AFTER, "Glue.CreateTable"),
    "before the first commit": Moment(BEFORE, "Glue.UpdateTable"),
    "between the commits": Moment(AFTER, "Glue.UpdateTable"),
    "before the last commit": Moment(BEFORE, "Glue.UpdateTable", 2),
    "committed, not in the ledger": Moment(AFTER, "Glue.UpdateTable", 2),
    "all done but the answer": Moment(AFTER, "DynamoDB.UpdateItem"),
}
# Of each kind the moments at which most is under way; `make faults` takes all of them.
IS_FULL = os.environ.get("MDP_FAULTS") == "full"
USUAL = ("manifest there, not in the ledger", "between the commits", "committed, not in the ledger")


def tried(moments: Mapping[str, Moment]) -> list[ParameterSet]:
    return [pytest.param(moments[name], id=name) for name in moments if IS_FULL or name in USUAL]


@dataclass
class Account:
    """An emulated account, its functions in this process, and one at a time in another that is killed."""

    bench: AwsBench
    environ: Mapping[str, str]
    calls: KillingCalls
    folder: Path

    def kill(self, function: str, moment: Moment, *events: Mapping[str, Any]) -> None:
        """Give a message to a function that dies at the moment."""
        handler = f"tests.scratch_handlers.{function}"
        with (self.folder / "log").open("wb") as log, running(handler, self.environ, log) as runtime:
            assert runtime.process is not None
            self.calls.await_moment(moment, runtime.process)
            with pytest.raises(RuntimeError, match="has ended"):
                runtime.invoke(sqs_batch(*events))
            assert runtime.process.returncode == -signal.SIGKILL
        assert self.calls.victim is None, self.calls.made


def client_of_this_process(service: str) -> Any:
    """The account is in this process too: not to ask it by HTTP takes a third of the time."""
    return boto3.client(service, config=Config(ignore_configured_endpoint_urls=True))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    calls = KillingCalls()
    with mock_aws(), glue_that_checks_versions(), served_aws(BUCKET, calls.before) as environ:
        queue, clients = environ["CATALOG_QUEUE_URL"], cache(client_of_this_process)
        queues = {"conversion": queue, "catalog": queue}
        bench = AwsBench(tmp_path, queues, clients=clients, own=clients)
        bench.load(KEY, OLD)
        yield Account(bench, environ | {"SCRATCH": str(tmp_path)}, calls, tmp_path)


def known_keys(bench: AwsBench) -> set[str]:
    """Every file that the states of the tables have."""
    found = set[str]()
    for name in ("labs", "labs__quarantine"):
        table = bench.catalog.load(name)
        found |= {table.metadata_location, *(each.metadata_file for each in table.metadata.metadata_log)}
        for snapshot in table.metadata.snapshots:
            found.add(snapshot.manifest_list)
            for manifest in snapshot.manifests(table.io):
                found.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(table.io)
                found |= {entry.data_file.file_path for entry in entries}
    return {bench.catalog.warehouse.key(location) for location in found}


def require_every_row_once(bench: AwsBench) -> None:
    assert bench.rows("labs", "id", "name", "_source_row") == [(1, "Anna", 1), (4, "Dan", 3)]
    assert bench.rows("labs__quarantine", "_source_row", "reason") == [(2, "too_many_fields")]
    newest = bench.ledger.latest(bench.loads(KEY)[0].source)
    assert newest is not None
    assert (newest.state, newest.rows) == (LoadState.COMMITTED, RowCounts(read=3, loaded=2, quarantined=1))


def require_nothing_left_over(bench: AwsBench) -> None:
    """After a sweep, as soon as one may take what was left."""
    bench.clock = lambda: datetime.now(UTC) + timedelta(days=2)
    assert bench.commit({"task": "maintain"}) == []

    converted = {key for key in bench.keys("record_folders/") if key.endswith(".parquet")}
    assert converted | set(bench.keys("tables/")) == known_keys(bench)
    require_every_row_once(bench)


@pytest.mark.faults
@pytest.mark.parametrize("moment", tried(CONVERSION))
def test_a_conversion_that_was_killed_is_brought_to_its_end_by_the_same_message(
    account: Account, moment: Moment
) -> None:
    bench = account.bench
    event = bench.put(KEY, NEW)
    account.kill("conversion", moment, event)
    # What is there of it by now has been announced.
    assert bench.commit(*bench.manifest_events()) == []

    assert bench.convert(event, receives=2) == []
    assert bench.commit(*bench.manifest_events()) == []

    require_every_row_once(bench)
    require_nothing_left_over(bench)


@pytest.mark.faults
@pytest.mark.parametrize("moment", tried(CATALOG))
def test_a_commit_that_was_killed_is_brought_to_its_end_by_the_same_message(
    account: Account, moment: Moment
) -> None:
    bench = account.bench
    assert bench.convert(bench.put(KEY, NEW)) == []
    events = bench.manifest_events()
    account.kill("catalog", moment, *events)

    assert bench.commit(*events) == []

    require_every_row_once(bench)
    require_nothing_left_over(bench)
