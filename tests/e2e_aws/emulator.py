"""Starts an emulated AWS (ministack) on this machine only: over TLS, and with IAM that is evaluated."""

import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

REGION = "eu-central-1"
# The account's root, which no policy narrows.
ROOT_KEY = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
START_SECONDS, STOP_SECONDS = 120, 5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Emulator:
    """One emulated AWS: started empty in `folder`, reached at `address`."""

    program: str
    folder: Path
    function_urls: Mapping[str, str]

    def __post_init__(self) -> None:
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self.port = free_port()
        self.address = f"https://127.0.0.1:{self.port}"
        self.certificate = self.folder / "tmp" / "ministack-tls" / "server.crt"

    def start(self) -> None:
        self.certificate.parent.parent.mkdir(parents=True, exist_ok=True)
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            [self.program], cwd=self.folder, env=self._environ(), stdout=self._log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._is_up():
                return
            time.sleep(0.2)
        raise TimeoutError(f"the emulator did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # It waits for connections that nobody closes; what it holds is nobody's.
            self._process.kill()
            self._process.wait()
        self._log.close()

    def client(self, service: str, key: Mapping[str, str] = ROOT_KEY) -> Any:
        """A client of whoever has the key; making one takes longer than most calls, so each is kept."""
        name = (service, key["AWS_ACCESS_KEY_ID"])
        with self._lock:
            if name not in self._clients:
                self._clients[name] = boto3.client(
                    service,
                    endpoint_url=self.address,
                    region_name=REGION,
                    verify=str(self.certificate),
                    aws_access_key_id=key["AWS_ACCESS_KEY_ID"],
                    aws_secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
                    aws_session_token=key.get("AWS_SESSION_TOKEN"),
                )
            return self._clients[name]

    def environ(self) -> dict[str, str]:
        """For programs that shall speak to it as to AWS."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        return {**kept, **ROOT_KEY, **self.surroundings()}

    def surroundings(self) -> dict[str, str]:
        """Where AWS is, and what says that it is so."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_CA_BUNDLE": str(self.certificate),
            "CURL_CA_BUNDLE": str(self.certificate),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
        }

    def _is_up(self) -> bool:
        if not self.certificate.exists():
            return False
        try:
            trusted = ssl.create_default_context(cafile=str(self.certificate))
            answer = httpx.get(f"{self.address}/_ministack/health", trust_env=False, verify=trusted)
        except (httpx.TransportError, ssl.SSLError):
            return False
        return answer.status_code == 200

    def _environ(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AUTH": "true",
            "USE_SSL": "1",
            "TMPDIR": str(self.folder / "tmp"),
            # What functions of its own are told; the certificate is found by itself.
            "AWS_ENDPOINT_URL": self.address,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "S3_DATA_DIR": str(self.folder / "s3"),
            "STATE_DIR": str(self.folder / "state"),
            **{f"MINISTACK_LAMBDA_PROXY_{name}": url for name, url in self.function_urls.items()},
        }
