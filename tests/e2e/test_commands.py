"""What the client commands say and how they end, against a real server."""

import json
import os
from pathlib import Path

import pytest

from medical_data_pipeline.entrypoints.cli.ingest import Upload, sent
from medical_data_pipeline.entrypoints.cli.load_list import loads_of
from tests.e2e.commands import mdp
from tests.e2e.servers import Server


@pytest.fixture(scope="module")
def filled(running: Server) -> Server:
    assert running.put("small/a.csv", b"id;ok;note\n1;true;x\n2;false;\n")
    assert running.put("refusals/report.csv", b"%PDF-1.7 and so on")
    assert running.put("long/a.csv", b"n\n" + b"".join(b"%d\n" % number for number in range(2500)))
    running.wait_settled()
    return running


def test_ingest_sends_nothing_when_two_files_would_be_one(filled: Server, tmp_path: Path) -> None:
    for month in ("jan", "feb"):
        (tmp_path / month).mkdir()
        (tmp_path / month / "labs.csv").write_text("id\n1\n", encoding="utf-8")

    done = mdp(filled, "ingest", "jan/labs.csv", "feb/labs.csv", "--table", "same", cwd=tmp_path)

    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "jan/labs.csv and feb/labs.csv would both be same/labs.csv" in done.stderr
    assert not any(load["table"] == "same" for load in filled.loads())


def test_ingest_of_a_folder_loads_files_of_one_name_side_by_side(filled: Server, tmp_path: Path) -> None:
    (tmp_path / "fold" / "sub").mkdir(parents=True)
    (tmp_path / "fold" / "labs.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "fold" / "sub" / "labs.csv").write_text("id\n2\n", encoding="utf-8")

    done = mdp(filled, "ingest", "fold", "--table", "fold", cwd=tmp_path)

    assert (done.returncode, filled.ask("SELECT id FROM fold ORDER BY id")) == (0, [[1], [2]]), done.stderr


def test_ingest_of_a_folder_without_a_table_says_which_tables_the_files_went_into(
    filled: Server, tmp_path: Path
) -> None:
    (tmp_path / "fold" / "meds").mkdir(parents=True)
    (tmp_path / "fold" / "labs.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "fold" / "meds" / "m.csv").write_text("id\n2\n", encoding="utf-8")

    told = mdp(filled, "ingest", "fold", cwd=tmp_path)
    named = mdp(filled, "ingest", "fold", "--table", "named", cwd=tmp_path)
    one_file = mdp(filled, "ingest", "fold/labs.csv", cwd=tmp_path)

    assert (told.returncode, "mdp: no --table: into medical_records, meds\n" in told.stderr) == (0, True)
    assert "no --table" not in named.stderr + one_file.stderr


def test_ingest_of_what_was_there_says_so(filled: Server, tmp_path: Path) -> None:
    for name, number in (("old.csv", 1), ("new.csv", 2)):
        (tmp_path / name).write_text(f"id\n{number}\n", encoding="utf-8")

    first = mdp(filled, "ingest", "old.csv", "--table", "twice", cwd=tmp_path)
    second = mdp(filled, "ingest", "old.csv", "new.csv", "--table", "twice", cwd=tmp_path)

    assert first.stdout.splitlines()[1].split()[:4] == ["old.csv", "twice", "committed", "1"]
    assert second.returncode == 0
    assert [line.split()[2:5] for line in second.stdout.splitlines()[1:]] == [
        ["already", "loaded", "1"],
        ["committed", "1", "1"],
    ]


def test_ingest_shows_the_notes_of_the_receipts(filled: Server, tmp_path: Path) -> None:
    (tmp_path / "whole.csv").write_text("id,name\n1,Ann\n", encoding="utf-8")
    (tmp_path / "short.csv").write_text("id,name\n1,Ann\n2\n3\n", encoding="utf-8")

    done = mdp(filled, "ingest", "short.csv", "whole.csv", "--table", "short", cwd=tmp_path)

    notes = [line for line in done.stderr.splitlines() if "note:" in line]
    assert (done.returncode, notes) == (
        0,
        ["mdp: short.csv: note: 2 rows had fewer fields than the header; the missing ones are null"],
    )


def test_ingest_goes_on_after_files_that_are_refused_and_names_them(filled: Server, tmp_path: Path) -> None:
    for name, content in (("a.csv", ""), ("b.csv", "%PDF-1.7 and so on"), ("c.csv", "id\n1\n")):
        (tmp_path / name).write_text(content, encoding="utf-8")

    done = mdp(filled, "ingest", str(tmp_path), "--table", "mixed")

    assert done.returncode == 1
    assert f"mdp: {tmp_path / 'a.csv'}: EMPTY_FILE: the file has no bytes\n" in done.stderr
    assert f"mdp: {tmp_path / 'b.csv'}: BINARY_FILE: this is a PDF, not a CSV file\n" in done.stderr
    assert "mdp: 2 of 3 files not loaded\n" in done.stderr
    assert [line.split()[0:3] for line in done.stdout.splitlines()[2:]] == [
        ["b.csv", "mixed", "refused"],
        ["c.csv", "mixed", "committed"],
    ]
    assert filled.ask("SELECT count(*) FROM mixed") == [[1]]


def test_ingest_names_a_file_that_grows_or_is_no_file_and_goes_on(filled: Server, tmp_path: Path) -> None:
    growing, pipe = tmp_path / "growing.csv", tmp_path / "pipe.csv"
    growing.write_text("id\n1\n", encoding="utf-8")
    os.mkfifo(pipe)

    def grow(_: int) -> None:
        with growing.open("a", encoding="utf-8") as file:
            file.write("2\n")

    with filled.new_client() as client:
        grown = sent(client, Upload(growing, "growing.csv", "grown/growing.csv"), grow)
        piped = sent(client, Upload(pipe, "pipe.csv", "grown/pipe.csv"), lambda size: None)

    assert grown.trouble() == "CHANGED: it changed while it was sent; send it again when it is whole"
    assert piped.trouble() == "UNREADABLE: not a file, or no longer there"
    assert (grown.load, piped.load) == (None, None)


def test_loads_go_on_over_as_many_pages_as_are_asked_for(filled: Server) -> None:
    for name in "abcd":
        assert filled.put(f"paged/{name}.csv", b"id\n1\n")
    filled.wait_settled()
    with filled.new_client() as client:
        limits: list[str] = []
        client.event_hooks["request"] = [lambda request: limits.append(request.url.params["limit"])]
        first = loads_of(client, "paged", limit=3, page_loads=2)
        known = loads_of(client, "paged", page_loads=1)

    beyond = mdp(filled, "loads", "--table", "paged", "--limit", "2000", "--json")

    assert limits == ["2", "1", "1", "1", "1", "1"]
    assert [load["key"] for load in known] == [f"input/paged/{name}.csv" for name in "dcba"]
    assert (first, json.loads(beyond.stdout)) == (known[:3], known)


@pytest.mark.parametrize("arguments", [["loads", "--table", "nosuch"], ["replay", "nosuch"]])
def test_a_mistyped_table_is_an_error(filled: Server, arguments: list[str]) -> None:
    done = mdp(filled, *arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "mdp: NOT_FOUND: there is no table nosuch\n"


def test_a_table_without_such_loads_is_no_error(filled: Server) -> None:
    none_refused = mdp(filled, "loads", "--table", "small", "--state", "refused", "--json")
    all_refused = mdp(filled, "loads", "--table", "refusals", "--state", "committed", "--json")
    none_to_replay = mdp(filled, "replay", "small")

    assert [(done.returncode, done.stdout) for done in (none_refused, all_refused, none_to_replay)] == [
        (0, "[]\n"),
        (0, "[]\n"),
        (0, "0 loads will be loaded again\n"),
    ]


def test_a_table_is_found_in_whatever_case_it_is_written(filled: Server) -> None:
    described = mdp(filled, "describe", "Small")
    listed = mdp(filled, "loads", "--table", "SMALL")
    set_aside = mdp(filled, "quarantine", "Small")

    assert [done.returncode for done in (described, listed, set_aside)] == [0, 0, 0]
    assert described.stdout == mdp(filled, "describe", "small").stdout
    assert "small/a.csv" in listed.stdout


def test_loads_name_the_file_and_say_why_it_was_refused(filled: Server) -> None:
    done = mdp(filled, "loads", "--table", "refusals")

    assert "refusals/report.csv" in done.stdout
    assert "BINARY_FILE: this is a PDF, not a CSV file" in done.stdout


def test_a_load_whose_rows_were_replaced_or_replayed_stays_committed_with_its_counts(filled: Server) -> None:
    assert filled.put("changed/a.csv", b"id\n1\n2\n")
    filled.wait_settled()
    assert filled.put("changed/a.csv", b"id\n3\n")
    filled.wait_settled()

    replayed = mdp(filled, "replay", next(load["load_id"] for load in filled.loads()))
    filled.wait_settled()

    loads = [load for load in filled.loads() if load["table"] == "changed"]
    assert replayed.stdout == "1 load will be loaded again\n"
    assert [(load["state"], load["rows"]["loaded"]) for load in loads] == [
        ("committed", 1),
        ("committed", 1),
        ("committed", 2),
    ]
    assert filled.ask("SELECT id FROM changed") == [[3]]


def test_the_receipt_of_a_refused_load_is_its_reason(filled: Server) -> None:
    (load,) = (load["load_id"] for load in filled.loads() if load["table"] == "refusals")

    done = mdp(filled, "receipt", load)
    unknown = mdp(filled, "receipt", "0" * 32)

    assert (done.returncode, done.stdout) == (
        0,
        "refusals: refused (BINARY_FILE: this is a PDF, not a CSV file); there is no receipt\n",
    )
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (1, 1)


def test_the_receipt_says_how_the_file_was_read(filled: Server) -> None:
    (load,) = (load["load_id"] for load in filled.loads() if load["table"] == "small")

    assert "read as: utf-8, delimiter semicolon, with a header\n" in mdp(filled, "receipt", load).stdout


def test_a_table_without_rows_set_aside_has_none_and_is_not_unknown(filled: Server) -> None:
    clean = mdp(filled, "quarantine", "small")
    as_json = mdp(filled, "quarantine", "small", "--json")
    unknown = mdp(filled, "quarantine", "nosuch")

    assert (clean.returncode, clean.stdout) == (0, "no rows were set aside\n")
    assert (as_json.returncode, as_json.stdout) == (0, "[]\n")
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (1, 1)


def test_a_printed_table_ends_after_a_thousand_rows_and_says_so(filled: Server) -> None:
    printed = mdp(filled, "query", "SELECT n FROM long ORDER BY n")
    whole = mdp(filled, "query", "SELECT n FROM long", "--format", "csv")

    assert printed.stdout.split() == ["n", *map(str, range(1000))]
    assert printed.stderr == "mdp: 1,500 more rows: --format csv, json, arrow or parquet gives all\n"
    assert len(whole.stdout.split()) == 2501


def test_a_printed_table_tells_null_from_empty_and_shows_cells_as_they_are(filled: Server) -> None:
    sql = "SELECT true AS b, CAST(NULL AS varchar) AS n, '' AS e, '[/x]:smile:' AS m, chr(27) || '[2J' AS c"

    done = mdp(filled, "query", sql)

    assert done.stdout.splitlines()[1].split() == ["true", "NULL", "[/x]:smile:", "\\x1b[2J"], done.stderr


def test_a_server_without_its_scheme_is_told_what_is_missing(filled: Server) -> None:
    done = mdp(filled, "tables", "--server", f"localhost:{filled.port}")

    assert (done.returncode, done.stderr) == (
        4,
        f"mdp: --server or MDP_SERVER is a URL: http:// is missing before localhost:{filled.port}\n",
    )


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with_token = Server(tmp_path / "data", nursery=None)  # type: ignore[arg-type] - never started

    done = mdp(with_token, "tables")

    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1)
    assert f"http://127.0.0.1:{with_token.port} does not answer" in done.stderr
    with_token.client.close()
