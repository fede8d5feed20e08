"""Which representation of a result a caller wants: `format=` first, then Accept."""

from enum import StrEnum

from medical_data_pipeline.http_api.problem import RequestProblem
from medical_data_pipeline.model.query import ResultFormat


class AnswerFormat(StrEnum):
    """A result over HTTP."""

    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


MEDIA_TYPES = {
    AnswerFormat.JSON: "application/json",
    AnswerFormat.CSV: "text/csv",
    AnswerFormat.ARROW: "application/vnd.apache.arrow.stream",
    AnswerFormat.PARQUET: "application/vnd.apache.parquet",
}


def file_format(wanted: AnswerFormat) -> ResultFormat | None:
    """The file to make; None for pages of JSON."""
    return None if wanted is AnswerFormat.JSON else ResultFormat(wanted.value)


def choose_format(asked: AnswerFormat | None, accept: str | None) -> AnswerFormat:
    """Raises: RequestProblem, 406, when `accept` allows none."""
    if asked is not None:
        return asked
    if accept is None or not accept.strip():
        return AnswerFormat.JSON
    qualities = _qualities(accept)
    # Python's max keeps the first of equals: JSON before files.
    best = max(AnswerFormat, key=lambda each: _quality(MEDIA_TYPES[each], qualities))
    if _quality(MEDIA_TYPES[best], qualities) <= 0:
        raise RequestProblem(406, "UNSUPPORTED_MEDIA_TYPE", "a result is " + ", ".join(MEDIA_TYPES.values()))
    return best


def _qualities(accept: str) -> dict[str, float]:
    qualities = {}
    for part in accept.split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((text[2:] for text in parameters if text.lower().startswith("q=")), "1")
        try:
            qualities[media_type.lower()] = float(quality)
        except ValueError:
            qualities[media_type.lower()] = 0.0
    return qualities


def _quality(media_type: str, qualities: dict[str, float]) -> float:
    for pattern in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if pattern in qualities:
            return qualities[pattern]
    return 0.0
