"""What the routes need, handed in by whoever assembles the program."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from medical_data_pipeline.conversion.intake import Preconditions, Upload
from medical_data_pipeline.model.load import Load
from medical_data_pipeline.model.query import Actor, QueryRequest, QueryStatus, ResultFormat, ResultPage
from medical_data_pipeline.model.upload import SignedUpload
from medical_data_pipeline.ports import AccessPolicy, Checksums, Ledger, ObjectStore, TableReader


class TokenVerifier(Protocol):
    """Who a bearer token stands for."""

    def actor_for(self, token: str) -> Actor | None:
        """None when the token is not known; takes the same time for every wrong token."""


class Queries(Protocol):
    """The query stage. Every call names who asks; another actor's query is QueryNotFound."""

    def submit(self, request: QueryRequest) -> QueryStatus: ...

    def status(self, query_id: str, actor: Actor, wait_s: float = 0.0) -> QueryStatus: ...

    def page(self, query_id: str, actor: Actor, offset: int, max_rows: int) -> ResultPage: ...

    def export(self, query_id: str, actor: Actor, wanted: ResultFormat) -> Iterator[bytes]: ...

    def cancel(self, query_id: str, actor: Actor) -> None: ...


class Intake(Protocol):
    """Takes raw files in; see `conversion.intake.IntakeService`."""

    def put(
        self,
        key: str,
        chunks: Iterator[bytes],
        expected: Checksums,
        preconditions: Preconditions,
    ) -> Upload: ...


class UploadSigner(Protocol):
    """Lets somebody put one raw file into the store without passing through here."""

    def sign(self, key: str, size_bytes: int, sha256: bytes, actor: Actor) -> SignedUpload:
        """A permission for exactly these bytes under `input/` + `key`, for some minutes.

        Raises:
            InvalidObjectRef: the key cannot be used.
        """


class ResultLinks(Protocol):
    """Puts a result where it can be fetched from, for programs that cannot answer with a large body."""

    def link(self, name: str, chunks: Iterator[bytes], media_type: str) -> str:
        """An address that gives the file to whoever has it, for some minutes."""


class Counts(Protocol):
    """Is told of what was asked, without anybody's name, key or value."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None: ...

    def uploaded(self, size_bytes: int) -> None: ...

    def query_answered(self, outcome: str) -> None: ...


class Metrics(Counts, Protocol):
    """Counts that are kept; `exposition` is all of them as Prometheus reads them."""

    def exposition(self) -> bytes: ...


class NoCounts:
    """Where something else counts."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Not kept."""

    def uploaded(self, size_bytes: int) -> None:
        """Not kept."""

    def query_answered(self, outcome: str) -> None:
        """Not kept."""


class HealthReport(Protocol):
    """Whether the program can do its work now; `checks` says of each part "ok" or what is wrong with it."""

    @property
    def is_ready(self) -> bool: ...

    @property
    def checks(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class HttpLimits:
    """What one request may ask for."""

    max_body_bytes: int = 1_000_000
    max_sql_bytes: int = 64 << 10
    max_upload_bytes: int = 1 << 40
    max_page_rows: int = 10_000
    max_page_bytes: int = 5_000_000
    max_row_bytes: int | None = None  # of the one row of a page; None where an answer may be of any length
    simple_wait_s: float = 25.0  # GET /query; below API Gateway's 29 seconds
    max_wait_s: float = 25.0
    max_uploads_at_once: int = 16
    stall_s: float = 60.0  # how long an upload may say nothing
    max_waits_at_once: int = 64


@dataclass(frozen=True)
class Services:
    """Everything behind the routes. Without `intake` there is no upload, without `replay` no replay.

    `page_token_key` signs page tokens: several instances that serve the same results share one. `identify`
    tells who sends the request of an ASGI scope, where a gateway has checked that already; then no token is
    looked at. With `uploads` there is POST /uploads, with `metrics` GET /metrics, and with `links` results as
    files are fetched from there.
    """

    tokens: TokenVerifier
    queries: Queries
    catalog: TableReader
    policy: AccessPolicy
    ledger: Ledger
    store: ObjectStore
    health: Callable[[], HealthReport]
    intake: Intake | None = None
    replay: Callable[[str], Load] | None = None
    metrics: Metrics | None = None
    identify: Callable[[Mapping[str, Any]], Actor | None] | None = None
    uploads: UploadSigner | None = None
    links: ResultLinks | None = None
    limits: HttpLimits = field(default_factory=HttpLimits)
    page_token_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
