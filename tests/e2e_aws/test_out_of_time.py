"""A function that runs out of time again and again: nothing half-done is seen, and nothing is lost."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e_aws.deployed import Deployed
from tests.e2e_aws.functions import wait_until
from tests.e2e_aws.installation import CONVERSION
from tests.e2e_aws.slow_connection import Pace, slow_connection

pytestmark = pytest.mark.timeout(600)

TIMEOUT_S, AGAIN_AFTER_S = 20, 24
# A megabyte, or what is left of it as Parquet, then takes longer than that.
SLOW = {"reading": Pace(back=24_000), "writing": Pace(there=12_000)}
ROWS = 20_000


def measurements(seed: int, rows: int) -> bytes:
    """A megabyte for twenty thousand rows, of text that hardly packs."""
    draw = random.Random(seed)
    lines = (f"{number},{draw.getrandbits(160):040x}\n" for number in range(rows))
    return ("id,note\n" + "".join(lines)).encode()


@contextmanager
def out_of_time(deployed: Deployed, pace: Pace) -> Iterator[None]:
    """The conversion function has a few seconds, and S3 takes longer to answer it."""
    functions, function = deployed.emulator.client("lambda"), deployed.functions.each[CONVERSION]
    before = functions.get_function_configuration(FunctionName=CONVERSION)["Timeout"]
    functions.update_function_configuration(FunctionName=CONVERSION, Timeout=TIMEOUT_S)
    with slow_connection(deployed.emulator.port, pace) as address:
        function.changes["AWS_ENDPOINT_URL_S3"] = address
        try:
            yield
        finally:
            del function.changes["AWS_ENDPOINT_URL_S3"]
            functions.update_function_configuration(FunctionName=CONVERSION, Timeout=before)


@pytest.mark.parametrize("doing", SLOW)
def test_a_load_for_which_the_time_never_does_is_laid_aside_changes_nothing_and_loads_once_it_does(
    deployed: Deployed, doing: str
) -> None:
    function, dead_letters = deployed.functions.each[CONVERSION], deployed.queue("conversion", "dead_letters")
    table = f"out_of_time_{doing}"
    key, sums = f"input/{table}/a.csv", f"SELECT count(*), max(id), min(note), max(note) FROM {table}"
    deployed.put(measurements(1, 20), key)
    deployed.wait_for_load(key)
    rows, location = deployed.analyst.rows(sums), deployed.metadata_location(table)
    assert rows[0][:2] == [20, 19] and deployed.waiting(dead_letters) == 0
    begun, said = len(function.events), function.log.stat().st_size

    with deployed.nothing_due(), deployed.quick_retries(AGAIN_AFTER_S), out_of_time(deployed, SLOW[doing]):
        deployed.put(measurements(2, ROWS), key)
        wait_until(lambda: deployed.waiting(dead_letters) == 1, "it was not laid aside", 180)

    records = [record for event in function.events[begun:] for record in event["Records"]]
    assert [int(each["attributes"]["ApproximateReceiveCount"]) for each in records] == [1, 2, 3, 4, 5]
    assert [answer["errorType"] for _, answer in function.answers[begun:]] == ["TimeoutError"] * 5
    assert function.log.read_bytes()[said:].count(b'"out-of-time"') == 5
    failed = deployed.wait_for_load(key, "failed", number=2)
    assert (failed["reason"], failed["detail"]) == ("INTERNAL", "the function's time did not do")
    assert deployed.analyst.rows(sums) == rows
    assert deployed.metadata_location(table) == location
    assert is_watched(deployed, dead_letters)

    deployed.redrive("conversion")

    # Tried anew it is another load, as after a replay by hand.
    loaded = deployed.wait_for_load(key, number=3)
    assert loaded["load_id"] != failed["load_id"]
    assert loaded["rows"] == {"read": ROWS, "loaded": ROWS, "quarantined": 0}
    notes = sorted(line.partition(",")[2] for line in measurements(2, ROWS).decode().splitlines()[1:])
    assert deployed.analyst.rows(sums) == [[ROWS, ROWS - 1, notes[0], notes[-1]]]
    assert deployed.waiting(dead_letters) == 0


def is_watched(deployed: Deployed, url: str) -> bool:
    """Whether an alarm is due as soon as the queue has a message."""
    name = url.rpartition("/")[2]
    alarms = deployed.emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return any(
        alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        and alarm["Dimensions"] == [{"Name": "QueueName", "Value": name}]
        and alarm["Threshold"] == 0
        and alarm["ComparisonOperator"] == "GreaterThanThreshold"
        for alarm in alarms
    )
