"""`mdp serve`: the whole pipeline in one process, on this machine only unless TLS is given."""

import asyncio
import ipaddress
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import click
import uvicorn
from fastapi import FastAPI

from medical_data_pipeline.adapters.local.token_file import TOKEN_FILE, TokenFile
from medical_data_pipeline.adapters.local.yaml_datasets import load_datasets
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.composition.local import LocalPipeline, LocalSettings, open_local
from medical_data_pipeline.composition.milestones import faulty_at, nothing
from medical_data_pipeline.entrypoints.bound_socket import bound_socket
from medical_data_pipeline.entrypoints.json_log import log_as_json, quiet_libraries
from medical_data_pipeline.errors import SettingsError
from medical_data_pipeline.http_api.app import create_app
from medical_data_pipeline.http_api.metrics import HttpMetrics
from medical_data_pipeline.http_api.services import Services

# Service managers wait ten seconds: two of them go to queries, two to answers, the rest to loads in hand.
ANSWER_TIMEOUT_S = 2
STOP_TIMEOUT_S = 3.0
# As many as nobody can try; what the server itself makes has 43.
_TOKEN_CHARACTERS = 32
_LOG = logging.getLogger("mdp")
EXAMPLES = """
\b
Examples:
  mdp serve
  mdp serve --data-dir /srv/mdp --port 9000 --config datasets.yaml
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default="data", envvar="MDP_DATA_DIR", show_default=True
)
@click.option("--host", default="127.0.0.1", envvar="MDP_HOST", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8642, envvar="MDP_PORT", show_default=True)
@click.option(
    "--config", type=click.Path(path_type=Path), envvar="MDP_CONFIG", help="YAML file that declares datasets."
)
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Needed to listen beyond this machine.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="The certificate's key.")
def command(  # noqa: PLR0913 - one parameter an option
    data_dir: Path, host: str, port: int, config: Path | None, tls_cert: Path | None, tls_key: Path | None
) -> None:
    """Serve uploads and SQL over HTTP. The token is shown at the first start, and only then.

    While MDP_TOKEN is set, that is the token, of 32 characters or more; the folder's own stays as it is.
    """
    if not _is_loopback(host) and not (tls_cert and tls_key):
        raise SettingsError("to listen beyond this machine, --tls-cert and --tls-key are needed")
    given_token = _given_token(os.environ.get("MDP_TOKEN", ""))
    log_as_json(logging.INFO)
    quiet_libraries()
    os.umask(0o077)
    # Before anything is made: a token that is shown by a start which then fails would be lost.
    listening = bound_socket(host, port)
    pipeline = _opened(data_dir, config)
    tokens = _tokens(data_dir, given_token)
    for lack in pipeline.engine.missing_confinement():
        _log(Happening("confinement-missing", "", "", lack))
    with _stopped_at_the_end(pipeline):
        _say("starting …")
        pipeline.start()
        served = uvicorn.Config(
            _app(pipeline, tokens),
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            log_config=None,
            timeout_graceful_shutdown=ANSWER_TIMEOUT_S,
            ssl_certfile=tls_cert,
            ssl_keyfile=tls_key,
        )
        _Server(served, pipeline.drain, _url(host, listening, tls_cert is not None)).run([listening])


def _opened(data_dir: Path, config: Path | None) -> LocalPipeline:
    settings = LocalSettings(datasets=load_datasets(config) if config else {})
    fault = os.environ.get("MDP_FAULT")
    return open_local(
        data_dir, settings, lambda: datetime.now(UTC), _log, faulty_at(fault) if fault else nothing
    )


def _url(host: str, listening: socket.socket, is_tls: bool) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if is_tls else 'http'}://{shown}:{listening.getsockname()[1]}"


def _say(text: str) -> None:
    """To whoever started it; that nobody reads it stops no server."""
    with suppress(OSError):
        click.echo(text)


@contextmanager
def _stopped_at_the_end(pipeline: LocalPipeline) -> Iterator[None]:
    code = 1
    try:
        yield
        code = 0
    finally:
        if not pipeline.stop(STOP_TIMEOUT_S):
            # What hangs must not keep the process: the ledger knows all that is left to do.
            _LOG.warning("stopped-with-work-left")
            os._exit(code)
    _say("stopped")


class _Server(uvicorn.Server):
    """Ends in order on SIGTERM and SIGINT; uvicorn's own dies of the signal, before our clean-up."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None], url: str) -> None:
        super().__init__(config)
        self._drain = drain
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _say(f"listening on {self._url} (Ctrl-C stops it)")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        _say("stopping …")
        # First, since it would wait for those who wait for a query.
        await asyncio.to_thread(self._drain)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        handled = (signal.SIGTERM, signal.SIGINT)
        former = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _given_token(token: str) -> str:
    """The token that the environment gives, "" for none. Raises: SettingsError."""
    if 0 < len(token) < _TOKEN_CHARACTERS:
        raise SettingsError(
            f"MDP_TOKEN is too weak to be a server's token: {_TOKEN_CHARACTERS} characters or more; "
            "without it the server makes one"
        )
    return token


def _tokens(data_dir: Path, given: str) -> TokenFile:
    tokens = TokenFile(data_dir / TOKEN_FILE)
    if given and tokens.actor_for(given) is None:
        tokens.accept_meanwhile(given)
        _say("the token is that of MDP_TOKEN, and no other while the server runs")
        return tokens
    made = tokens.made_at_first()
    if made:
        click.echo(f"token (shown only now): {made}")
    else:
        _say("the token is the one that was shown before; mdp token rotate makes another")
    return tokens


def _app(pipeline: LocalPipeline, tokens: TokenFile) -> FastAPI:
    return create_app(
        Services(
            tokens=tokens,
            queries=pipeline.queries,
            catalog=pipeline.tables,
            policy=pipeline.policy,
            ledger=pipeline.ledger,
            store=pipeline.store,
            health=pipeline.health,
            intake=pipeline.intake,
            replay=pipeline.replay,
            metrics=HttpMetrics(pipeline.ledger.counts),
            page_token_key=secrets.token_bytes(32),
        )
    )


def _log(happening: Happening) -> None:
    _LOG.info(happening.event, extra=happening.told_fields())
