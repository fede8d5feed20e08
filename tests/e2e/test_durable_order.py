"""Nothing is acknowledged before it would survive a power cut: the order of the calls to the system."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.servers import Server, wait_for
from tests.e2e.tracing import traced

TRACED = "trace=write,pwrite64,fsync,fdatasync,mkdir,rename,renameat,renameat2,sendto,sendmsg"
RENAME, SEND = "rename renameat renameat2", "write sendto sendmsg"
LINE = re.compile(
    r"(?P<thread>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>.*|"
    r"(?P<name>\w+)\((?P<arguments>.*?)(?P<unfinished> <unfinished \.\.\.>)?)$"
)


@dataclass
class Call:
    """One call; `began` and `ended` are places in the trace, as other threads' calls come between them."""

    name: str
    arguments: str
    began: int
    ended: int


def calls(trace: str) -> Sequence[Call]:
    found: list[Call] = []
    open_calls: dict[str, Call] = {}
    for place, line in enumerate(trace.splitlines()):
        match = LINE.match(line)
        if match is None:
            continue
        thread = match["thread"]
        if match["resumed"]:
            if thread in open_calls:
                open_calls.pop(thread).ended = place
            continue
        call = Call(match["name"], match["arguments"], place, place)
        found.append(call)
        if match["unfinished"]:
            open_calls[thread] = call
    return found


def first(found: Sequence[Call], names: str, *texts: str, after: Call | None = None) -> Call:
    """The first call of one of these names that has all texts and began when `after` had ended."""
    fitting = (
        call
        for call in found
        if call.name in names.split()
        and all(text in call.arguments for text in texts)
        and (after is None or call.began > after.ended)
    )
    call = next(fitting, None)
    assert call is not None, f"no {names} with {texts} after {after}"
    return call


def test_an_upload_is_acknowledged_only_when_its_data_its_name_and_its_load_are_durable(
    server: Server, tmp_path: Path
) -> None:
    server.start_ready()
    folder, trace = str(server.data), tmp_path / "trace"
    with traced(server.pid, "-y", "-s", "48", "-e", TRACED, "-o", str(trace)):
        assert server.put("labs/a.csv", b"id,name\n1,Ann\n" * 5)
        wait_for(lambda: "HTTP/1.1 201" in trace.read_text())
    found = calls(trace.read_text())

    written = first(found, "write pwrite64", f"<{folder}/.partial/", "id,name")
    partial = written.arguments.partition("<")[2].partition(">")[0]
    synced = first(found, "fsync fdatasync", f"<{partial}>", after=written)
    made = first(found, "mkdir", f'"{folder}/input/labs"')
    made_durable = first(found, "fsync", f"<{folder}/input>", after=made)
    named = first(found, RENAME, f'"{partial}"', f'"{folder}/input/labs/a.csv"', after=synced)
    name_durable = first(found, "fsync", f"<{folder}/input/labs>", after=named)
    entered = first(found, "pwrite64", f"<{folder}/ledger.sqlite-wal>", after=name_durable)
    entry_durable = first(found, "fsync fdatasync", f"<{folder}/ledger.sqlite-wal>", after=entered)
    answered = first(found, SEND, "HTTP/1.1 201", after=entry_durable)

    assert made_durable.ended < named.began
    assert first(found, SEND, "HTTP/1.1 201") == answered
    assert not [
        call for call in found if call.name == "write" and partial in call.arguments and call != written
    ]
