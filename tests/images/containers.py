"""Builds and runs images with buildah and podman, which need no engine, in a store of their own."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.lambda_runtime import Runtime

MEMORY_MB = 512
_STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{folder}/layers"\nrunroot = "{folder}/running"\n'
# The limits and the runtime are those that also work within a container, where CI often runs.
_CONTAINERS = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=10000:10000"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Store:
    """Images and containers under one folder."""

    folder: Path

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "storage.conf").write_text(_STORAGE.format(folder=self.folder), encoding="utf-8")
        (self.folder / "containers.conf").write_text(_CONTAINERS, encoding="utf-8")

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "BUILDAH_ISOLATION": "chroot",
        }

    def buildah(self, *arguments: str) -> str:
        """What it printed. Raises: CalledProcessError."""
        return self._ran("buildah", arguments).stdout.strip()

    def tried(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], env=self.environ, capture_output=True, text=True)

    def _ran(self, program: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        ended = self.tried(program, *arguments)
        assert ended.returncode == 0, (arguments, ended.stdout[-2000:], ended.stderr[-4000:])
        return ended

    def has(self, image: str) -> bool:
        return self.tried("buildah", "inspect", "--type", "image", image).returncode == 0

    def build(self, dockerfile: Path, context: Path, image: str) -> subprocess.CompletedProcess[str]:
        """Of what is here only: no base is pulled."""
        # What pip trusts while it builds; nothing of it stays in the image.
        trusted = ("--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro") if _CERTIFICATES.exists() else ()
        options = ("--pull-never", "--layers", *trusted, "--file", str(dockerfile), "--tag", image)
        return self.tried("buildah", "bud", *options, str(context))

    def config(self, image: str) -> Mapping[str, Any]:
        described = json.loads(self.buildah("inspect", "--type", "image", image))
        return dict(described["OCIv1"]["config"])

    @contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The files of an image."""
        container = self.buildah("from", "--pull-never", image)
        try:
            yield Path(self.buildah("mount", container))
        finally:
            self.buildah("rm", container)

    def command(self, image: str, environ: Mapping[str, str], *arguments: str) -> list[str]:
        """One run as Lambda's: nothing writable but /tmp, no privileges, no more memory than it is given."""
        limit = f"{MEMORY_MB}m"
        # On a disk, as Lambda's; what lies in a tmpfs would count as memory.
        scratch = self.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        scratch.chmod(0o777)
        confined = ("--read-only", "--volume", f"{scratch}:/tmp", "--cap-drop", "all", "--network", "host")
        limited = ("--security-opt", "no-new-privileges", "--memory", limit, "--memory-swap", limit)
        settings = [f"--env={name}={value}" for name, value in environ.items()]
        return ["podman", "run", "--rm", *confined, *limited, *settings, *arguments, image]

    def peak_mb(self, container: str) -> float:
        """The most memory that the function has had for itself until now."""
        pid = self._ran("podman", ("inspect", "--format", "{{.State.Pid}}", container)).stdout.strip()
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6

    @contextmanager
    def running(self, image: str, environ: Mapping[str, str], log: Any) -> Iterator[tuple[Runtime, str]]:
        """The function of an image under awslambdaric, and its container; what it writes goes to `log`."""
        runtime = Runtime()
        server = ThreadingHTTPServer(("127.0.0.1", 0), runtime.handler())
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        name = f"mdp-{os.getpid()}-{server.server_port}"
        told = {**environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
        command = self.command(image, told, "--name", name)
        process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield runtime, name
        finally:
            self.tried("podman", "kill", name)
            process.wait(timeout=30)
            server.shutdown()
            server.server_close()
