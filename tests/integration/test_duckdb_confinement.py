"""What the kernel forbids a worker by itself, were DuckDB's own fence to fail."""

import subprocess
import sys

import pytest

ATTEMPTS = {
    "read outside": "open('/etc/passwd').read()",
    "list outside": "os.listdir('/')",
    "write into the data": "open(sys.argv[1] + '/new', 'w')",
    "truncate the data": "os.truncate(sys.argv[1] + '/table', 0)",
    "remove the data": "os.remove(sys.argv[1] + '/table')",
    "rename the data": "os.rename(sys.argv[1] + '/table', sys.argv[2] + '/table')",
    "start a program": "os.execv('/bin/true', ['true'])",
    "connect": "socket.create_connection(('127.0.0.1', 9), timeout=1)",
    "signal the server": "os.kill(os.getppid(), 0)",
}

RESTRICTED = """
import os, socket, sys
from medical_data_pipeline.adapters.local.duckdb_worker.confinement import restrict_files
if not restrict_files([sys.argv[1]], sys.argv[2]):
    raise SystemExit(77)
open(sys.argv[1] + '/table').read()
open(sys.argv[2] + '/result', 'w').close()
try:
    {attempt}
except PermissionError:
    raise SystemExit(0)
raise SystemExit(1)
"""


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_restricted_process_cannot(tmp_path, attempt):
    data, scratch = tmp_path / "data", tmp_path / "scratch"
    data.mkdir()
    scratch.mkdir()
    (data / "table").write_text("rows")

    ended = subprocess.run([sys.executable, "-c", RESTRICTED.format(attempt=attempt), data, scratch])

    if ended.returncode == 77:
        pytest.skip("this kernel has no Landlock")
    assert ended.returncode == 0
    assert [path.name for path in data.iterdir()] == ["table"]
    assert (data / "table").read_text() == "rows"
