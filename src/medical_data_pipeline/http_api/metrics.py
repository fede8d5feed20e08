"""What Prometheus reads: counts and times, without a key, a name or a value in any label."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 300.0)


class HttpMetrics:
    """One application's metrics in a registry of its own. `count_loads` gives loads by state."""

    def __init__(self, count_loads: Callable[[], Mapping[str, int]]) -> None:
        self._count_loads = count_loads
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mdp_http_requests", "Requests answered", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "mdp_http_request_seconds",
            "Time to the last byte of the answer",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._upload_bytes = Counter("mdp_upload_bytes", "Bytes acknowledged", registry=self._registry)
        self._queries = Counter(
            "mdp_queries",
            "Queries by how their submission was answered",
            ("outcome",),
            registry=self._registry,
        )
        self._loads = Gauge("mdp_loads", "Loads in the ledger", ("state",), registry=self._registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def uploaded(self, size_bytes: int) -> None:
        self._upload_bytes.inc(size_bytes)

    def query_answered(self, outcome: str) -> None:
        self._queries.labels(outcome).inc()

    def exposition(self) -> bytes:
        for state, count in self._count_loads().items():
            self._loads.labels(str(state)).set(count)
        return generate_latest(self._registry)
