"""The same Idempotency-Key again gives the same query, and with other content a conflict."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from medical_data_pipeline.http_api.problem import RequestProblem
from medical_data_pipeline.model.query import QueryRequest, QueryStatus

MAX_KEYS = 10_000


@dataclass
class IdempotencyKeys:
    """The newest keys of one process and the queries they began."""

    _begun: OrderedDict[tuple[str, str], tuple[str, QueryStatus]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def submit_once(
        self, key: str, request: QueryRequest, submit: Callable[[QueryRequest], QueryStatus]
    ) -> QueryStatus:
        """Raises: RequestProblem, 409, when the key stands for another request."""
        content = _digest(request)
        with self._lock:
            known = self._begun.get((request.actor.name, key))
            if known is None:
                known = (content, submit(request))
                self._begun[(request.actor.name, key)] = known
                if len(self._begun) > MAX_KEYS:
                    self._begun.popitem(last=False)
        if known[0] != content:
            raise RequestProblem(
                409, "IDEMPOTENCY_CONFLICT", "the Idempotency-Key was used for another request"
            )
        return known[1]


def _digest(request: QueryRequest) -> str:
    plain = json.dumps([request.sql, request.parameters])
    return hashlib.sha256(plain.encode("utf-8")).hexdigest()
