"""Peak memory of `mdp convert` on files that are large in every direction; about 8 GB of room is needed.

.venv/bin/python benchmarks/memory.py [--only observations …] [--folder DIR]
"""

import argparse
import gzip
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from generate import SEED, SHAPES, generate
from measure import run

LIMIT_MB = 512
MDP = str(Path(sys.executable).parent / "mdp")
_TIMES = 10_000


def observations(folder: Path) -> Path:
    """5 GB of laboratory observations."""
    return generate(SHAPES[0], folder, 10)


def two_columns(folder: Path) -> Path:
    """100 million rows of a number and a letter, about 1.1 GB."""
    path = folder / "two_columns.csv"
    with path.open("w", encoding="ascii") as file:
        file.write("n,flag\n")
        for start in range(0, 100_000_000, _TIMES * 10):
            file.writelines(f"{n},{'YN'[n & 1]}\n" for n in range(start, start + _TIMES * 10))
    return path


def wide(folder: Path) -> Path:
    """20,000 rows of 5,000 columns, about 500 MB."""
    path, rng = folder / "wide.csv", random.Random(SEED)
    with path.open("w", encoding="ascii") as file:
        file.write(",".join(f"column_{index}" for index in range(5000)) + "\n")
        rows = [",".join(str(rng.randrange(1000)) for _ in range(5000)) + "\n" for _ in range(100)]
        file.writelines(rows[n % 100] for n in range(20_000))
    return path


def long_cells(folder: Path) -> Path:
    """60 rows of 5 MB notes between short ones, 300 MB."""
    path = folder / "long_cells.csv"
    note = 'He said ""no"", twice.\n' * 220_000
    with path.open("w", encoding="ascii") as file:
        file.write("id,note\n")
        for n in range(60):
            file.write(f'{n},"{note}"\n' + "".join(f"{n}{m},short\n" for m in range(1000)))
    return path


def one_long_cell(folder: Path) -> Path:
    """A quoted cell of 60 MB among 100,000 short rows."""
    path = folder / "one_long_cell.csv"
    with path.open("w", encoding="ascii") as file:
        file.write("id,note\n")
        file.writelines(f"{n},row {n}\n" for n in range(50_000))
        file.write('50000,"' + "a line of a note, with a comma\n" * 2_000_000 + '"\n')
        file.writelines(f"{n},row {n}\n" for n in range(50_001, 100_000))
    return path


def packed(folder: Path) -> Path:
    """The 500 MB of observations in gzip, UTF-16: unpacked and transcoded on the way."""
    source, path = generate(SHAPES[0], folder, 1), folder / "packed.csv.gz"
    with (
        source.open(encoding="utf-8") as text,
        gzip.open(path, "wt", encoding="utf-16", compresslevel=1) as file,
    ):
        shutil.copyfileobj(text, file, 1 << 20)
    return path


FILES: tuple[Callable[[Path], Path], ...] = (
    observations,
    two_columns,
    wide,
    long_cells,
    one_long_cell,
    packed,
)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent.parent / ".bench")
    parser.add_argument("--only", nargs="*", default=[], choices=[make.__name__ for make in FILES])
    wanted = parser.parse_args(arguments)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    print(f"{'':16}{'MB':>8}{'peak MB':>9}{'wall s':>9}{'cpu s':>9}")
    is_within = True
    for make in FILES:
        if wanted.only and make.__name__ not in wanted.only:
            continue
        source, target = make(wanted.folder), wanted.folder / "out-memory"
        shutil.rmtree(target, ignore_errors=True)
        cost = run([MDP, "convert", str(source), str(target)])
        size_mb = source.stat().st_size / 1e6
        source.unlink()
        shutil.rmtree(target, ignore_errors=True)
        is_within &= cost.is_ok and cost.peak_mb <= LIMIT_MB
        failed = "" if cost.is_ok else "  failed"
        print(
            f"{make.__name__:16}{size_mb:8.0f}{cost.peak_mb:9.0f}{cost.wall_s:9.1f}{cost.cpu_s:9.1f}{failed}",
            flush=True,
        )
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
