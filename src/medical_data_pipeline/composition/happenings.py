"""What happened to loads, as whoever runs the pipeline is told of it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from medical_data_pipeline.errors import PipelineError
from medical_data_pipeline.model.load import Load, Manifest


@dataclass(frozen=True)
class Happening:
    """One thing that happened to a load, for the log: names and counts, never a key or a cell."""

    event: str
    load_id: str
    table: str
    detail: str = ""
    rows_loaded: int = 0
    rows_quarantined: int = 0

    def told_fields(self) -> dict[str, Any]:
        """All but the event, and only what says something."""
        named = {name: value for name, value in asdict(self).items() if value not in ("", 0)}
        named.pop("event", None)
        return named


Report = Callable[[Happening], None]


def of_manifest(event: str, manifest: Manifest) -> Happening:
    return Happening(
        event,
        manifest.load_id,
        manifest.table,
        rows_loaded=manifest.rows.loaded,
        rows_quarantined=manifest.rows.quarantined,
    )


def of_load(load: Load) -> Happening:
    return Happening(load.state.value, load.load_id, load.table, f"{load.reason} {load.detail}".strip())


def told(error: Exception) -> str:
    """An error of ours by its text; any other by its kind, since a library's text may hold a cell."""
    return str(error) if isinstance(error, PipelineError) else type(error).__name__
