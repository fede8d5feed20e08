"""What the server and a worker process tell each other: JSON over two pipes, never pickle."""

import json
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from medical_data_pipeline.model.query import Scalar

MAX_MESSAGE_BYTES = 64 << 20


@dataclass(frozen=True)
class WorkerLimits:
    """What one worker process may use. `spill_bytes` is disk for sorts and joins."""

    memory_bytes: int = 2 << 30
    threads: int = 2
    result_bytes: int = 1 << 30
    row_bytes: int = 16 << 20
    spill_bytes: int = 2 << 30
    open_files: int = 1024


@dataclass(frozen=True)
class Setup:
    """The first message to a worker: the one directory it may write, those it may read, its limits."""

    scratch_directory: str
    read_directories: tuple[str, ...]
    limits: WorkerLimits


@dataclass(frozen=True)
class Ready:
    """A worker's answer to its setup. `missing` names each confinement this machine does not offer."""

    missing: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """Run one statement in DuckDB's dialect and leave its rows in the scratch directory."""

    query_id: str
    sql: str
    parameters: tuple[Scalar, ...]
    column_names: tuple[str, ...]


@dataclass(frozen=True)
class Interrupt:
    """Stop the statement of `query_id`, if it is the one that runs."""

    query_id: str


@dataclass(frozen=True)
class Finished:
    """The result is written, with so many rows in each record batch."""

    batch_rows: tuple[int, ...]


@dataclass(frozen=True)
class Failed:
    """The statement failed. `is_worker_sound` is false when the process must not run another."""

    reason: str
    detail: str
    is_worker_sound: bool = True


Message = Setup | Ready | Run | Interrupt | Finished | Failed

_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Setup, Ready, Run, Interrupt, Finished, Failed)
}


def send(pipe: Connection, message: Message) -> None:
    pipe.send_bytes(json.dumps([type(message).__name__, asdict(message)]).encode())


def receive(pipe: Connection) -> Message:
    """The next message.

    Raises:
        EOFError: the other side is gone.
        OSError: the other side sent what is not a message.
    """
    content = pipe.recv_bytes(MAX_MESSAGE_BYTES)
    try:
        return _decoded(*json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OSError("the other side sent what is not a message") from error


def _decoded(kind: str, fields: dict[str, Any]) -> Message:
    plain: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    if "limits" in plain:
        plain["limits"] = WorkerLimits(**plain["limits"])
    return _KINDS[kind](**plain)
