"""What a month on AWS costs, from the prices and the load written here. Change both to your own.

The prices are list prices of eu-central-1 in US dollars without free tiers, discounts and taxes, as known in
2025; look them up on AWS's price pages before you rely on them.

    python scripts/costs.py                      # the table of docs/aws.md
    python scripts/costs.py --files 90000        # any line of the load can be given
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, fields

HOURS = 730
MB_IN_GB, MB_IN_TB = 1_000, 1_000_000


@dataclass(frozen=True)
class Load:
    """A month of use."""

    files: int = 3_000
    file_mb: float = 10
    conversion_s: float = 8
    memory_mb: int = 512
    parquet_share: float = 0.2
    months_kept: int = 12
    looks_an_hour: float = 4
    queries: int = 20_000
    query_mb: float = 200
    query_s: float = 3
    large_files: int = 4
    large_file_dpu_hours: float = 0.5
    alarms: int = 16
    metrics: int = 8


@dataclass(frozen=True)
class Prices:
    """US dollars for one of the unit in the name."""

    s3_gb_month: float = 0.0245
    s3_put: float = 0.0054 / 1_000
    s3_get: float = 0.00043 / 1_000
    s3_list: float = 0.0054 / 1_000
    lambda_gb_s: float = 0.0000166667
    lambda_request: float = 0.20 / 1_000_000
    sqs_request: float = 0.40 / 1_000_000
    eventbridge_event: float = 1.00 / 1_000_000
    dynamodb_write: float = 0.7625 / 1_000_000
    dynamodb_read: float = 0.1525 / 1_000_000
    api_request: float = 3.70 / 1_000_000
    athena_tb: float = 5.00
    glue_dpu_hour: float = 0.44
    kms_key: float = 1.00
    kms_request: float = 0.03 / 10_000
    logs_gb: float = 0.63
    alarm: float = 0.10
    metric: float = 0.30
    ecr_gb_month: float = 0.10


LOG_KB_A_CALL = 4
QUEUE_REQUESTS_A_MESSAGE = 3
POLLS_A_MONTH = 2 * 5 * HOURS * 180
IMAGES_GB = 1.5
DAYS = HOURS / 24
LISTED_A_CALL, ASKED_A_CALL = 1_000, 100
CALL_S = 0.05
# The reconciler (composition/aws_raw_scan.py) asks about the files of so many days, and once a day about all.
DAYS_ASKED_FOR = 4


def looks(load: Load) -> float:
    """How often the reconciler looks through `input/`."""
    return HOURS * load.looks_an_hour


def lists(load: Load) -> float:
    return looks(load) * math.ceil(load.files * load.months_kept / LISTED_A_CALL)


def asked(load: Load) -> float:
    """How many items of the ledger it reads for that."""
    days_kept = load.months_kept * DAYS
    days = looks(load) * min(DAYS_ASKED_FOR, days_kept) + DAYS * days_kept
    return load.files / DAYS * days


def storage(load: Load, price: Prices) -> float:
    kept_gb = load.files * load.file_mb * (1 + load.parquet_share) * load.months_kept / MB_IN_GB
    requests = load.files * 6 * price.s3_put + load.queries * 30 * price.s3_get
    return kept_gb * price.s3_gb_month + requests + lists(load) * price.s3_list


def functions(load: Load, price: Prices) -> float:
    looking_s = (lists(load) + asked(load) / ASKED_A_CALL) * CALL_S
    seconds = load.files * (load.conversion_s + 2) + load.queries * load.query_s + looking_s
    calls = load.files * 2 + load.queries + looks(load)
    return seconds * load.memory_mb / 1024 * price.lambda_gb_s + calls * price.lambda_request


def events_and_queues(load: Load, price: Prices) -> float:
    messages = load.files * 2
    requests = messages * QUEUE_REQUESTS_A_MESSAGE + POLLS_A_MONTH
    return messages * price.eventbridge_event + requests * price.sqs_request


def ledger(load: Load, price: Prices) -> float:
    reads = load.files * 6 + load.queries * 3
    # What need not be up to date is half a read.
    reads_of_looks = asked(load) / 2 + looks(load) * 2
    writes = load.files * 12 + looks(load)
    return writes * price.dynamodb_write + (reads + reads_of_looks) * price.dynamodb_read


def queries(load: Load, price: Prices) -> float:
    # Athena counts at least 10 MB a query.
    return load.queries * (max(load.query_mb, 10) / MB_IN_TB * price.athena_tb + price.api_request)


def large_files(load: Load, price: Prices) -> float:
    return load.large_files * load.large_file_dpu_hours * price.glue_dpu_hour


def watching(load: Load, price: Prices) -> float:
    log_gb = (load.files * 2 + load.queries) * LOG_KB_A_CALL / 1_000_000
    return load.alarms * price.alarm + load.metrics * price.metric + log_gb * price.logs_gb


def fixed(load: Load, price: Prices) -> float:
    return price.kms_key + load.files * 4 * price.kms_request + IMAGES_GB * price.ecr_gb_month


LINES: dict[str, Callable[[Load, Prices], float]] = {
    "Athena and API Gateway": queries,
    "S3": storage,
    "Lambda": functions,
    "CloudWatch": watching,
    "KMS and ECR": fixed,
    "Glue (large files)": large_files,
    "SQS and EventBridge": events_and_queues,
    "DynamoDB": ledger,
}


def table(load: Load, price: Prices) -> str:
    amounts = {name: line(load, price) for name, line in LINES.items()}
    rows = [f"| {name} | {amount:.2f} |" for name, amount in amounts.items()]
    return "\n".join(
        ["| | USD a month |", "|---|---|", *rows, f"| **together** | **{sum(amounts.values()):.2f}** |"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="What a month on AWS costs.")
    for line in fields(Load):
        parser.add_argument(f"--{line.name.replace('_', '-')}", type=type(line.default), default=line.default)
    print(table(Load(**vars(parser.parse_args())), Prices()))  # noqa: T201 - its output is the point


if __name__ == "__main__":
    main()
