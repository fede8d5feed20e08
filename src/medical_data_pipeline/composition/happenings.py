"""What happened to loads, as whoever runs the pipeline is told of it."""

from collections.abc import Callable
from dataclasses import dataclass

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
