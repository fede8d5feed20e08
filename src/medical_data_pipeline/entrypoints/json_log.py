"""The program's log: one JSON object a line, made of names, counts and ids."""

import json
import logging
from datetime import UTC, datetime

_OF_EVERY_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record's message as `event`, with whatever it was given as `extra`.

    Of an exception only the kind is kept: its text, and a library's more than ours, may hold a cell.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        given = {name: value for name, value in record.__dict__.items() if name not in _OF_EVERY_RECORD}
        if record.exc_info and record.exc_info[0]:
            given["error"] = record.exc_info[0].__name__
        return json.dumps(fields | given, default=str)


def log_as_json(level: int) -> None:
    """Send everything that is logged to standard error, a JSON object a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def quiet_libraries() -> None:
    """Leave out what libraries say of their own work and nobody can act on."""
    logging.getLogger("pyiceberg").setLevel(logging.WARNING)
    # One warning a column that Parquet keeps no statistics of.
    logging.getLogger("pyiceberg.io.pyarrow").setLevel(logging.ERROR)
