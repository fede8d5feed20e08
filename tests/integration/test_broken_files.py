"""Damaged and drifting files through the whole pipeline: each row is loaded or set aside, or all refused."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from medical_data_pipeline.errors import FileRefused
from medical_data_pipeline.model.load import LoadState
from medical_data_pipeline.model.quarantine import quarantine_table
from tests.conversions import Converter
from tests.integration.pipelines import Running, Start

CASES = Path(__file__).parent.parent / "data" / "csv"
DAMAGED = re.compile(
    r"(gzip|bzip2|xz|zip|zstd|utf16|utf32|bom|ragged|mixed_eol|nul_|bad_utf8|random_bytes|pdf|xlsx|empty_file|"
    r"header_only|headers_|header_twice|quote_unclosed|quote_opened|pipe_file_with|too_many_bad|latin1|cr_lf_lf)"
)


def expected_of(case: Path) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    return expected


def counts_of(run: Running, table: str) -> Counter[str]:
    return Counter(row["_load_id"] for row in run.rows(table))


def test_a_damaged_file_is_loaded_or_refused_as_a_whole_and_every_row_is_accounted_for(start: Start) -> None:
    run = start()
    expected = {case.name: expected_of(case) for case in sorted(CASES.iterdir()) if DAMAGED.match(case.name)}
    contents = {name: (CASES / name / each["file"]).read_bytes() for name, each in expected.items()}
    received = {
        name: run.pipeline.intake.put(f"{name}/f.csv", iter([content])).load
        for name, content in contents.items()
    }
    assert run.pipeline.wait_settled(240)
    loads = {name: run.pipeline.ledger.find(load.load_id) for name, load in received.items()}

    assert len(loads) > 50
    assert {name: load.reason for name, load in loads.items()} == {
        name: each.get("refused", "") for name, each in expected.items()
    }
    for name, load in loads.items():
        loaded, set_aside = counts_of(run, load.table), counts_of(run, quarantine_table(load.table))
        assert load.state is (LoadState.REFUSED if load.reason else LoadState.COMMITTED), name
        # What the receipt of a refused file counts stands in no table.
        rows = (0, 0) if load.reason else (load.rows.loaded, load.rows.quarantined)
        assert (loaded.total(), set_aside.total()) == rows, name
        assert load.rows.read == load.rows.loaded + load.rows.quarantined, name


def test_files_that_drift_keep_every_value_or_have_the_row_set_aside(start: Start) -> None:
    run = start()
    for name, text in (
        ("first", "id,seen,v\n1,2024-01-31,10\n"),
        ("reordered", "v,id,seen\n20,2,2024-02-29\n"),
        ("shorter", "id,seen\n3,2024-03-31\n"),
        ("wider", "id,seen,v,note\n4,2024-04-30,40,new\n"),
        ("text for a number", "id,seen,v\n5,2024-05-31,fifty\n6,2024-06-30,60\n"),
        ("other dates", "id,seen,v\n7,31/07/2024,70\n8,2024-08-31,80\n"),
        ("zeros in front", "id,seen,v\n9,2024-09-30,090\n10,2024-10-31,100\n"),
    ):
        run.wait_final(run.put(f"t/{name}.csv", text))

    rows = sorted((row["id"], str(row["seen"]), row["v"], row.get("note")) for row in run.rows("t"))
    set_aside = sorted(row["raw_text"] for row in run.rows(quarantine_table("t")))
    assert rows == [
        (1, "2024-01-31", 10, None),
        (2, "2024-02-29", 20, None),
        (3, "2024-03-31", None, None),
        (4, "2024-04-30", 40, "new"),
        (6, "2024-06-30", 60, None),
        (8, "2024-08-31", 80, None),
        (10, "2024-10-31", 100, None),
    ]
    assert set_aside == ["5,2024-05-31,fifty", "7,31/07/2024,70", "9,2024-09-30,090"]


def test_a_file_of_a_hundred_thousand_columns_is_refused(convert: Converter) -> None:
    header = ",".join(f"c{number}" for number in range(100_000))

    with pytest.raises(FileRefused) as refusal:
        convert(f"{header}\n{header}\n".encode())

    assert refusal.value.reason == "BAD_HEADER"
