"""Every error the pipeline raises on purpose; the type says whether to retry and how HTTP answers.

    PipelineError
    ├── InputError                 the data or the request is wrong; retrying cannot help → quarantine, 4xx
    │   ├── InvalidObjectRef       a key that is empty, too long, or escapes its prefix
    │   ├── InvalidRequest         a parameter, token or name that is not of its form
    │   ├── FileRefused            a file that cannot be loaded as a whole; `reason` is the stable code
    │   │   ├── EncodingMismatch   bytes that the chosen encoding does not have; choose another
    │   │   └── SchemaConflict     a file that contradicts its dataset's contract
    │   ├── QueryRejected          SQL that may not or cannot run; `reason` is the stable code
    │   ├── ObjectNotFound  TableNotFound  LoadNotFound  QueryNotFound
    │   ├── ChecksumMismatch       bytes differ from the checksum sent with them
    │   ├── PayloadTooLarge
    │   └── PreconditionFailed     If-Match / If-None-Match did not hold
    ├── LimitExceeded              the caller is over a limit; the same call may pass later → 429
    ├── BackendError               a service failed → 500
    │   ├── BackendUnavailable     retryable → back to the queue, 503
    │   ├── CommitConflict         another writer came first; re-read, re-check and try again → 503
    │   ├── StorageFull            no room for the bytes; retry after making room → 507
    │   └── BackendDenied          our permissions are wrong → alarm, 500
    └── SettingsError              refuse to start

No message ever holds a cell's value, a SQL literal or a path of the machine.
"""

from typing import ClassVar


class PipelineError(Exception):
    """Anything the pipeline raises on purpose."""

    code: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500
    is_retryable: ClassVar[bool] = False


class InputError(PipelineError):
    """The data or the request is wrong; the same call can never succeed."""

    code = "BAD_REQUEST"
    http_status = 400


class InvalidObjectRef(InputError):
    """A key that is empty, too long, or leaves its prefix."""

    code = "BAD_KEY"


class InvalidRequest(InputError):
    """A parameter, page token or name that is not of its form."""

    code = "INVALID_PARAMETER"


class FileRefused(InputError):
    """The whole file is refused and nothing of it is loaded.

    `reason` is a stable code in capitals (BAD_GZIP, EMPTY_FILE, TOO_MANY_BAD_ROWS, …).
    """

    code = "FILE_REFUSED"
    http_status = 422

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class EncodingMismatch(FileRefused):
    """Bytes that the chosen encoding does not have. `sample` is some of them (PHI: never in a message)."""

    def __init__(self, sample: bytes) -> None:
        super().__init__("BAD_ENCODING", "the file has bytes that its encoding does not have")
        self.sample = sample


class SchemaConflict(FileRefused):
    """The file contradicts the contract of its dataset."""

    code = "SCHEMA_CONFLICT"
    http_status = 409

    def __init__(self, message: str) -> None:
        super().__init__("SCHEMA_CONFLICT", message)


class QueryRejected(InputError):
    """SQL that is not allowed or cannot run.

    `reason` is one of the stable codes of `REJECTION_STATUS`.
    """

    code = "QUERY_REJECTED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


# SAFETY.md part 4: which HTTP status each reason of a QueryRejected answers with.
REJECTION_STATUS: dict[str, int] = {
    "SQL_SYNTAX": 400,
    "SQL_MULTI": 400,
    "SQL_PARAMS": 400,
    "SQL_UNKNOWN_OBJECT": 400,
    "SQL_TYPE": 400,
    "SQL_UNSUPPORTED": 400,
    "SQL_NOT_READONLY": 403,
    "SQL_FORBIDDEN_OBJECT": 403,
    "FORBIDDEN": 403,
    "PAYLOAD_TOO_LARGE": 413,
    "SQL_RUNTIME": 422,
    "QUERY_RESOURCE_LIMIT": 422,
    "QUERY_CANCELLED": 409,
    "UNAVAILABLE": 503,
    "QUERY_TIMEOUT": 504,
    "INSUFFICIENT_STORAGE": 507,
}


class ObjectNotFound(InputError):
    """No object has this key."""

    code = "NOT_FOUND"
    http_status = 404


class TableNotFound(InputError):
    """The catalog has no table of this name."""

    code = "NOT_FOUND"
    http_status = 404


class LoadNotFound(InputError):
    """The ledger has no load of this id."""

    code = "NOT_FOUND"
    http_status = 404


class QueryNotFound(InputError):
    """No query of this id belongs to the caller."""

    code = "NOT_FOUND"
    http_status = 404


class ChecksumMismatch(InputError):
    """The bytes received differ from the checksum sent with them."""

    code = "CHECKSUM_MISMATCH"


class PayloadTooLarge(InputError):
    """The body is larger than the limit."""

    code = "PAYLOAD_TOO_LARGE"
    http_status = 413


class PreconditionFailed(InputError):
    """If-Match or If-None-Match did not hold."""

    code = "PRECONDITION_FAILED"
    http_status = 412


class LimitExceeded(PipelineError):
    """The caller is over a rate or concurrency limit."""

    code = "RATE_LIMITED"
    http_status = 429
    is_retryable = True


class BackendError(PipelineError):
    """A service behind us failed."""


class BackendUnavailable(BackendError):
    """A service did not answer, or is draining; try again."""

    code = "UNAVAILABLE"
    http_status = 503
    is_retryable = True


class CommitConflict(BackendError):
    """Another writer committed first; re-read, re-check and try again."""

    code = "UNAVAILABLE"
    http_status = 503
    is_retryable = True


class StorageFull(BackendError):
    """There is no room for the bytes."""

    code = "INSUFFICIENT_STORAGE"
    http_status = 507
    is_retryable = True


class BackendDenied(BackendError):
    """Our own permissions are wrong; nobody but an operator can help."""


class SettingsError(PipelineError):
    """A setting is missing or wrong; refuse to start."""
