"""A process that has imported the server and forks one whenever asked: importing is most of a start.

It reads a JSON object a line and answers each with one: {"start": …} with the pid, {"poll": pid} with the
exit code or null. When its input ends it ends its servers too.
"""

import json
import os
import signal
import sys
import threading
import traceback
from typing import Any, NoReturn

import medical_data_pipeline.entrypoints.cli.serve  # noqa: F401 - what takes the time
from medical_data_pipeline.entrypoints.cli.main import main


def serve(start: dict[str, Any]) -> NoReturn:
    """Become the server: its arguments, its environment, its log."""
    log = os.open(start["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(start["environ"])
    sys.argv = ["mdp", *start["arguments"]]
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 1
    # As the interpreter ends: it waits for every thread that is not a daemon. The rest of an end would wait
    # for threads of libraries that exist in the parent only.
    threading._shutdown()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def attend() -> None:
    codes: dict[int, int | None] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "start" in asked:
            pid = os.fork() or serve(asked["start"])
            codes[pid] = None
            print(pid, flush=True)
        else:
            codes[asked["poll"]] = code = _polled(asked["poll"], codes[asked["poll"]])
            print(json.dumps(code), flush=True)
    for pid in (pid for pid, code in codes.items() if code is None):
        os.kill(pid, signal.SIGKILL)


def _polled(pid: int, known: int | None) -> int | None:
    """The exit code; the system tells it once."""
    if known is not None:
        return known
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    attend()
