"""The files that the benchmark converts: made up, deterministic, and quick to make."""

import csv
import io
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

SEED = 2024
_MOST_DRAWN_BYTES = 50_000_000
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Shape:
    """One kind of file: its header, one row after another, and about how large it gets at scale 1."""

    name: str
    header: tuple[str, ...]
    rows: Callable[[random.Random], Iterator[tuple[object, ...]]]
    size_mb: int


def _observations(rng: random.Random) -> Iterator[tuple[object, ...]]:
    codes = [(f"{1000 + 7 * i}-{i % 10}", f"Laboratory observation number {i}", unit) for i, unit in _units()]
    patients = [(f"{rng.randrange(10**8):08d}", _uuid(rng)) for _ in range(20_000)]
    number = 0
    while True:
        number += 1
        mrn, patient = patients[rng.randrange(len(patients))]
        code, name, unit = codes[int(rng.random() ** 2 * len(codes))]
        moment = f"{_day(rng)}T{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}Z"
        yield number, mrn, patient, moment, code, name, f"{rng.random() * 200:.1f}", unit, "final"


def _units() -> Iterator[tuple[int, str]]:
    return ((i, ("mg/dL", "mmol/L", "%", "g/L", "/min")[i % 5]) for i in range(200))


def _uuid(rng: random.Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _day(rng: random.Random) -> str:
    return f"20{rng.randrange(10, 25)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"


def _wide(rng: random.Random) -> Iterator[tuple[object, ...]]:
    while True:
        yield (
            _uuid(rng),
            *(rng.randrange(1000) for _ in range(100)),
            *(f"{rng.random() * 100:.2f}" for _ in range(60)),
            *(rng.choice(("yes", "no", "", "unknown")) for _ in range(40)),
        )


def _narrow(rng: random.Random) -> Iterator[tuple[object, ...]]:
    number = 0
    while True:
        number += 1
        yield number, f"{rng.randrange(10**8):08d}"


def _notes(rng: random.Random) -> Iterator[tuple[object, ...]]:
    words = [f"{rng.choice('abcdefghijklmnop')}{rng.getrandbits(24):x}" for _ in range(5000)]
    number = 0
    while True:
        number += 1
        note = " ".join(rng.choices(words, k=80))
        if number % 3 == 0:
            note = f'Patient said "{note[:40]}", then left.\n{note}'
        yield f"{number:08d}", _day(rng), note


def _numbers(rng: random.Random) -> Iterator[tuple[object, ...]]:
    while True:
        yield (
            *(rng.randrange(-(10**6), 10**6) for _ in range(8)),
            *(f"{rng.random() * 1000:.3f}" for _ in range(6)),
            *(repr(rng.random()) for _ in range(2)),
        )


SHAPES = (
    Shape(
        "observations",
        ("id", "mrn", "patient", "observed_at", "code", "name", "value", "unit", "status"),
        _observations,
        500,
    ),
    Shape("wide", tuple(f"column_{index}" for index in range(201)), _wide, 120),
    Shape("narrow", ("row", "record_number"), _narrow, 120),
    Shape("notes", ("note_id", "written_on", "note"), _notes, 200),
    Shape("numbers", tuple(f"measure_{index}" for index in range(16)), _numbers, 150),
)


def generate(shape: Shape, folder: Path, scale: float) -> Path:
    """The file of `shape` under `folder`; made only if it is not there yet.

    A tenth of it, or 50 MB, is drawn, then repeated: what takes long here is the drawing.
    """
    path = folder / f"{shape.name}-{scale:g}.csv"
    if path.exists():
        return path
    wanted = int(shape.size_mb * scale * 1_000_000)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(_as_csv([shape.header]))
        drawn = _drawn(shape.rows(random.Random(SEED)), min(wanted // 10, _MOST_DRAWN_BYTES))
        while file.tell() < wanted:
            file.write(drawn)
    partial.rename(path)
    return path


def _drawn(rows: Iterator[tuple[object, ...]], size: int) -> bytes:
    """At least one batch of rows, and at least `size` bytes."""
    batches = [_as_csv(islice(rows, _ROWS_AT_ONCE))]
    written = len(batches[0])
    while written < size:
        batches.append(_as_csv(islice(rows, _ROWS_AT_ONCE)))
        written += len(batches[-1])
    return b"".join(batches)


def _as_csv(rows: Iterable[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
