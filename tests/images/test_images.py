"""The images but for their base: built from their Dockerfiles, and run as Lambda runs them."""

import random
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from tests.aws_bench import BUCKET, object_event, request_event, sqs_batch
from tests.images.conftest import FUNCTIONS, ROOT
from tests.images.containers import MEMORY_MB, Store
from tests.served_aws import served_aws

pytestmark = pytest.mark.timeout(1800)

# Lambda takes at most 10 GB; what counts is how long a cold start has to fetch.
MOST_MB = {"query": 190, "glue_catalog": 250, "conversion": 255}
ROWS = 30_000


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    with served_aws(BUCKET) as environ:
        yield environ


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_image_runs_as_nobody_and_adds_little_to_its_base(
    store: Store, images: dict[str, str], function: str
) -> None:
    config = store.config(images[function])
    with store.mounted(images[function]) as files:
        packages = [each.lstat() for each in (files / "var/task").rglob("*")]

    assert (config["User"], config["Cmd"]) == ("10001:10001", ["lambda_function.handler"])
    assert 50 < sum(each.st_size for each in packages) / 1e6 < MOST_MB[function]
    assert {each.st_uid for each in packages} == {0}
    assert not any(each.st_mode & 0o022 for each in packages if not stat.S_ISLNK(each.st_mode))


def test_a_build_from_the_wrong_folder_says_which_is_the_right_one(store: Store) -> None:
    folder = ROOT / "functions" / "query"

    built = store.build(folder / "Dockerfile", folder, "localhost/wrong:test")

    assert built.returncode != 0
    assert "docker build -f functions/query/Dockerfile ." in built.stderr


def test_a_file_goes_through_the_images_within_512_mb_and_with_nothing_writable_but_tmp(
    store: Store, images: dict[str, str], environ: dict[str, str], tmp_path: Path
) -> None:
    lines = [f"{number},Zyxwvut{number},{number / 100:.2f}\n" for number in range(ROWS)]
    event = put("input/labs/a.csv", "id,name,value\n" + "".join(lines))

    with (tmp_path / "log").open("wb") as log:
        with store.running(images["conversion"], environ, log) as (conversion, _):
            converted = conversion.invoke(sqs_batch(event))
        with store.running(images["glue_catalog"], environ, log) as (catalog, _):
            committed = catalog.invoke(sqs_batch(object_event(manifest(), 1, "e", "01")))
        with store.running(images["query"], environ, log) as (query, _):
            told = [query.invoke(request_event(path)) for path in ("/tables/labs", "/loads")]

    said = (tmp_path / "log").read_text()
    assert (converted, committed) == ((True, {"batchItemFailures": []}),) * 2, said
    assert [(is_answered, answer["statusCode"]) for is_answered, answer in told] == [(True, 200)] * 2, said
    assert '"state":"committed"' in told[1][1]["body"] and f'"loaded":{ROWS}' in told[1][1]["body"]
    assert "Zyxwvut" not in said


def test_a_file_of_500_mb_is_converted_within_512_mb(
    store: Store,
    images: dict[str, str],
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key, file = "input/observations/large.csv", tmp_path / "large.csv"
    rows = write_observations(file, 500_000_000)
    with file.open("rb") as content:
        etag = aws_client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)["ETag"].strip('"')
    event = object_event(key, file.stat().st_size, etag, "01")

    with (
        (tmp_path / "log").open("wb") as log,
        store.running(images["conversion"], environ, log) as (conversion, container),
    ):
        converted = conversion.invoke(sqs_batch(event), timeout_s=900)
        peak_mb = store.peak_mb(container)
    with capsys.disabled():
        print(f"\n500 MB, {rows} rows: at most {peak_mb:.0f} MB of memory")

    assert converted == (True, {"batchItemFailures": []}), (tmp_path / "log").read_text()[-2000:]
    assert f'"rows_loaded":{rows}' in (tmp_path / "log").read_text()
    assert peak_mb < MEMORY_MB * 1.048576


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_can_change_nothing_of_its_image(
    store: Store, images: dict[str, str], function: str
) -> None:
    script = (
        'id -u; for place in /var/task /etc /; do touch "$place/x" && exit 1; done 2>/dev/null; touch /tmp/x'
    )
    command = store.command(images[function], {}, "--entrypoint", "/bin/sh")

    ran = subprocess.run([*command, "-c", script], env=store.environ, capture_output=True, text=True)

    assert (ran.returncode, ran.stdout) == (0, "10001\n"), ran.stderr


def write_observations(file: Path, size_bytes: int) -> int:
    """Measurements of many patients, seeded; the number of rows."""
    draw, codes = random.Random(20), ("8867-4", "2339-0", "718-7")
    tails = [
        f",P{draw.randrange(400_000):07},{draw.choice(codes)},{draw.uniform(1, 300):.2f},"
        f"mg/dL,2024-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02} 0{draw.randrange(10)}:15:00,"
        f"{'' if draw.random() < 0.5 else 'seen by ' + hex(draw.getrandbits(64))}\n"
        for _ in range(200_000)
    ]
    rows = 0
    with file.open("w", encoding="utf-8") as written:
        written.write("id,patient,code,value,unit,taken_at,note\n")
        while written.tell() < size_bytes:
            written.write("".join(f"{rows + number}{tail}" for number, tail in enumerate(tails)))
            rows += len(tails)
    return rows


def put(key: str, content: str) -> dict[str, Any]:
    answer = aws_client("s3").put_object(Bucket=BUCKET, Key=key, Body=content.encode())
    return object_event(key, len(content), answer["ETag"].strip('"'), "01")


def manifest() -> str:
    listed = aws_client("s3").list_objects_v2(Bucket=BUCKET, Prefix="record_folders/")["Contents"]
    return next(str(each["Key"]) for each in listed if each["Key"].endswith("manifest.json"))
