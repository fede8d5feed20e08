"""The command `mdp` as a user runs it: in a process of its own, with the server it is to ask."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.servers import Server

MDP = [sys.executable, "-m", "medical_data_pipeline.entrypoints.cli.main"]


def mdp(
    running: Server | None, *arguments: str, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, **({} if running is None else reaching(running))}
    return subprocess.run(
        [*MDP, *arguments], capture_output=True, text=True, env=environ, cwd=cwd, timeout=60, check=False
    )


def reaching(running: Server) -> dict[str, str]:
    """What the environment tells a client command."""
    return {"MDP_TOKEN": running.token, "MDP_SERVER": f"http://127.0.0.1:{running.port}"}
