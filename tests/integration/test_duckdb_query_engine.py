"""What queries cannot do to the server, to its data and to each other."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.local.duckdb_query_engine import DuckDbEngineSettings
from medical_data_pipeline.errors import BackendUnavailable, LimitExceeded, QueryNotFound, SettingsError
from medical_data_pipeline.model.query import QueryState, ResultFormat
from tests.integration.duckdb_engines import ENDLESS, outcome, raw_engine, rows, submit

DEAF = "select levenshtein(repeat('a', 40000), repeat('b', 40000))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def engine(folder):
    # Far beyond what any of these queries takes, so that each ends for its own reason on a slow machine too.
    engine = raw_engine(folder, query_timeout_s=240.0)
    yield engine
    engine.close()


def own_resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    "bomb",
    [
        "select length(repeat('x', 1000000000))",
        "select length(array_to_string(range(100000000), ','))",
        "select list(range) from range(500000000)",
        "select repeat('x', 50000000) from range(100)",
        "select map(range(50000000), range(50000000))",
        "select a.range from range(200000) a order by hash(a.range), repeat('x', 10000)",
        "select repeat('x', 5000000)",
        "select repeat('x', 1000) from range(1000000)",
    ],
)
def test_a_query_that_wants_too_much_fails_and_the_server_does_not_grow(engine, bomb):
    before = own_resident_bytes()

    status = outcome(engine, bomb)

    assert (status.state, status.reason) == (QueryState.FAILED, "QUERY_RESOURCE_LIMIT")
    assert own_resident_bytes() - before < 32 << 20
    assert rows(engine, "select 42") == [(42,)]


def test_a_query_past_its_deadline_ends_while_others_answer(tmp_path):
    engine = raw_engine(tmp_path, query_timeout_s=0.5)
    started = time.monotonic()

    endless = submit(engine, ENDLESS)

    assert rows(engine, "select 42") == [(42,)]
    assert engine.status(endless, wait_s=10).reason == "QUERY_TIMEOUT"
    assert time.monotonic() - started < 3
    engine.close()


def test_a_kernel_that_hears_no_interrupt_is_killed_at_its_deadline(tmp_path):
    engine = raw_engine(tmp_path, workers=1, query_timeout_s=0.3)
    (pid,) = engine.worker_pids()

    status = outcome(engine, DEAF)

    assert status.reason == "QUERY_TIMEOUT"
    assert status.finished_at - status.submitted_at < timedelta(seconds=2.5)
    assert not is_running(pid)
    assert rows(engine, "select 42") == [(42,)]
    engine.close()


def test_a_cancelled_query_ends_within_two_seconds_and_keeps_its_worker(engine):
    pids = engine.worker_pids()
    for sql in (ENDLESS, "select range from range(100000000000) where hash(range) % 1000000 = 7"):
        query_id = submit(engine, sql)
        engine.status(query_id, wait_s=0.5)

        engine.cancel(query_id)

        assert engine.status(query_id, wait_s=2).state is QueryState.CANCELLED
    assert engine.worker_pids() == pids


def test_a_cancelled_kernel_that_hears_no_interrupt_is_killed(engine):
    before = set(engine.worker_pids())
    query_id = submit(engine, DEAF)
    engine.status(query_id, wait_s=0.1)

    engine.cancel(query_id)

    assert engine.status(query_id, wait_s=2).state is QueryState.CANCELLED
    assert sum(not is_running(pid) for pid in before) == 1


def test_a_query_whose_worker_is_killed_fails_and_the_worker_is_replaced(tmp_path):
    engine = raw_engine(tmp_path, workers=1)
    (pid,) = engine.worker_pids()
    query_id = submit(engine, ENDLESS)
    engine.status(query_id, wait_s=0.2)

    os.kill(pid, signal.SIGKILL)

    assert engine.status(query_id, wait_s=5).reason == "QUERY_RESOURCE_LIMIT"
    assert rows(engine, "select 42") == [(42,)]
    assert engine.worker_pids() != (pid,)
    engine.close()


def test_an_idle_worker_that_was_killed_costs_no_query(tmp_path):
    engine = raw_engine(tmp_path, workers=1)

    os.kill(engine.worker_pids()[0], signal.SIGKILL)
    time.sleep(0.05)

    assert rows(engine, "select 42") == [(42,)]
    engine.close()


def test_fifty_queries_at_once_all_answer(engine):
    queries = [submit(engine, f"select {number}, range from range(1000)", "n", "r") for number in range(50)]

    states = [engine.status(query_id, wait_s=30) for query_id in queries]

    assert {status.rows for status in states} == {1000}
    assert [engine.page(query_id, 999, 5).rows for query_id in queries] == [((n, 999),) for n in range(50)]


def test_queries_over_the_limit_of_the_queue_are_turned_away(tmp_path):
    engine = raw_engine(tmp_path, workers=1, max_waiting=2)
    running = submit(engine, ENDLESS)
    engine.status(running, wait_s=0.2)
    waiting = [submit(engine, "select 1") for _ in range(2)]

    with pytest.raises(LimitExceeded):
        submit(engine, "select 1")

    engine.cancel(waiting[0])
    assert engine.status(waiting[0]).state is QueryState.CANCELLED
    engine.cancel(running)
    assert engine.status(waiting[1], wait_s=5).state is QueryState.SUCCEEDED
    engine.close()


@pytest.mark.parametrize(
    "sql",
    [
        "select content from read_text('/etc/passwd')",
        "select * from read_csv('{data}/../../../../../../etc/passwd')",
        "from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select * from read_parquet('https://example.com/x.parquet')",
        "copy (select 1) to '{data}/new.csv'",
        "with x as (copy (select 1) to '{data}/new.csv') select 1",
        "attach '{data}/new.db'",
        "install httpfs",
        "set memory_limit = '100GB'",
        "create table t as select 1",
        "select 1; select 2",
        "export database '{data}'",
        "call pragma_version()",
    ],
)
def test_sql_that_reaches_a_worker_raw_reads_and_writes_nothing(engine, folder, sql):
    status = outcome(engine, sql.format(data=folder / "data"))

    assert status.state is QueryState.FAILED
    assert not list((folder / "data").iterdir())


def test_a_query_reads_the_data_directory(engine, folder):
    data = folder / "data" / "x.csv"
    data.write_text("n\n1\n")

    found = rows(engine, f"select n from read_csv('{data}')")
    data.unlink()

    assert found == [(1,)]


def test_this_machine_offers_every_confinement(engine):
    assert engine.missing_confinement() == ()


def test_a_worker_sees_nothing_of_the_servers_environment(engine, monkeypatch):
    with open(f"/proc/{engine.worker_pids()[0]}/environ") as environ:
        names = {variable.partition("=")[0] for variable in environ.read().split("\0") if variable}

    assert names <= {"LANG", "TZ", "ARROW_DEFAULT_MEMORY_POOL", "MALLOC_ARENA_MAX", "LC_CTYPE"}


@pytest.mark.parametrize(
    ("sql", "reason", "detail"),
    [
        ("select cast('Smith' as int)", "SQL_RUNTIME", "a value could not be converted"),
        ("select error('division by zero')", "SQL_RUNTIME", "division by zero"),
        (
            "select cast(case range when 1900000 then 'Smith' end as int) from range(2000000)",
            "SQL_RUNTIME",
            "a value could not be converted",
        ),
        (
            "select 9223372036854775807 + 1",
            "SQL_RUNTIME",
            "a number is out of the range of its type",
        ),
        ("select x from nope", "SQL_UNKNOWN_OBJECT", "a table or function of the statement is not known"),
        (
            "select t.x from (select 1 as a) t",
            "SQL_UNKNOWN_OBJECT",
            "a column of the statement is not known",
        ),
        (
            "select date '2024-01-01' + 'x'::blob",
            "SQL_TYPE",
            "the types of an expression do not fit together",
        ),
        ("select ?", "SQL_PARAMS", "the statement and its parameters do not fit together"),
        ("selec 'Smith'", "SQL_UNSUPPORTED", "the statement uses what the engine does not have"),
        ("select error('Smith')", "SQL_RUNTIME", "a function was given an argument it does not take"),
    ],
)
def test_a_failure_has_a_stable_reason_and_no_value_in_it(engine, sql, reason, detail):
    status = outcome(engine, sql)

    assert (status.reason, status.detail) == (reason, detail)


def test_a_worker_is_replaced_after_a_heavy_query(tmp_path):
    engine = raw_engine(tmp_path, workers=1, worker_recycle_bytes=1)
    (pid,) = engine.worker_pids()

    first, second = rows(engine, "select 1"), rows(engine, "select 2")

    assert (first, second) == ([(1,)], [(2,)])
    assert not is_running(pid)
    engine.close()


def test_results_expire_and_are_private_until_then(folder, engine):
    query_id = submit(engine, "select 1")
    finished_at = engine.status(query_id, wait_s=5).finished_at
    (stored,) = (folder / "results").glob(f"run-*/results/{query_id}/*")
    modes = [oct(path.stat().st_mode)[-4:] for path in (folder / "results", stored.parent, stored)]

    engine.sweep(finished_at + timedelta(minutes=59))
    kept = engine.page(query_id, 0, 1).rows
    engine.sweep(finished_at + timedelta(minutes=61))

    assert kept == ((1,),)
    assert modes == ["0700", "0700", "0600"]
    assert not stored.exists()
    with pytest.raises(QueryNotFound):
        engine.page(query_id, 0, 1)


def test_the_oldest_results_go_when_all_of_them_take_too_much_disk(tmp_path):
    engine = raw_engine(tmp_path, workers=1, max_results_bytes=100_000)
    first, second = (submit(engine, "select range from range(10000)") for _ in range(2))

    engine.status(second, wait_s=5)
    time.sleep(0.05)

    assert engine.page(second, 0, 1).rows == ((0,),)
    with pytest.raises(QueryNotFound):
        engine.status(first)
    engine.close()


def test_an_engine_removes_what_a_dead_one_left_but_not_what_a_living_one_keeps(tmp_path):
    living = raw_engine(tmp_path, workers=1)
    query_id = submit(living, "select 1")
    living.status(query_id, wait_s=5)
    dead = tmp_path / "results" / "run-dead"
    dead.mkdir()
    (dead / "owner.lock").touch()

    raw_engine(tmp_path, workers=1).close()

    assert not dead.exists()
    assert living.page(query_id, 0, 1).rows == ((1,),)
    living.close()


def test_results_may_not_lie_where_queries_read(tmp_path):
    with pytest.raises(SettingsError):
        DuckDbEngineSettings(tmp_path / "data" / "results", (tmp_path / "data",))


def test_a_closed_engine_leaves_no_process_and_no_result_and_takes_no_query(tmp_path):
    engine = raw_engine(tmp_path)
    pids = engine.worker_pids()
    running = submit(engine, ENDLESS)
    engine.status(running, wait_s=0.2)
    started = time.monotonic()

    engine.close()

    assert time.monotonic() - started < 2
    engine.close()
    assert not any(map(is_running, pids))
    assert not list((tmp_path / "results").iterdir())
    assert engine.status(running).state is QueryState.FAILED
    with pytest.raises(BackendUnavailable):
        submit(engine, "select 1")


def test_a_large_result_is_paged_and_exported_without_the_server_growing(engine):
    query_id = submit(engine, "select range, repeat('x', 100) from range(200000)", "n", "x")
    engine.status(query_id, wait_s=10)
    sum(map(len, engine.export(query_id, ResultFormat.CSV)))
    before = own_resident_bytes()

    exported = sum(map(len, engine.export(query_id, ResultFormat.CSV)))
    page = engine.page(query_id, 199_990, 1000)

    assert exported > 20_000_000
    assert [row[0] for row in page.rows] == list(range(199_990, 200_000))
    assert page.next_offset is None
    assert own_resident_bytes() - before < 16 << 20


def test_pages_of_large_rows_are_cut_short_and_go_on(tmp_path):
    engine = raw_engine(tmp_path, workers=1, max_page_bytes=3 << 20)
    query_id = submit(engine, "select repeat('x', 1000000), range from range(8)", "x", "n")
    engine.status(query_id, wait_s=10)

    numbers, offset = [], 0
    while offset is not None:
        page = engine.page(query_id, offset, 1000)
        assert len(page.rows) <= 4
        numbers += [row[1] for row in page.rows]
        offset = page.next_offset

    assert numbers == list(range(8))
    engine.close()


def test_a_worker_ends_when_its_server_is_killed(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from duckdb_engines import ENDLESS, raw_engine, submit;"
        "engine = raw_engine(Path(sys.argv[1]), workers=1); submit(engine, ENDLESS);"
        "print(engine.worker_pids()[0], flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], cwd=Path(__file__).parent, stdout=subprocess.PIPE
    ) as server:
        pid = int(server.stdout.readline())

        server.kill()
        server.wait()

    until = time.monotonic() + 2
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_running(pid)
