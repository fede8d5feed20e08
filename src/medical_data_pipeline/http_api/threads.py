"""Blocking services in threads, each kind of work with a bound of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from medical_data_pipeline.http_api.services import HttpLimits

T = TypeVar("T")


@dataclass(frozen=True)
class ThreadBounds:
    """Slow uploads must not keep queries from a thread, nor waiting queries a question for health."""

    uploads: anyio.CapacityLimiter
    queries: anyio.CapacityLimiter

    @classmethod
    def of(cls, limits: HttpLimits) -> "ThreadBounds":
        return cls(
            anyio.CapacityLimiter(limits.max_uploads_at_once), anyio.CapacityLimiter(limits.max_waits_at_once)
        )


async def in_thread(bound: anyio.CapacityLimiter, work: Callable[..., T], *arguments: Any) -> T:
    return await anyio.to_thread.run_sync(work, *arguments, limiter=bound)
