"""`make bench`: our conversion beside its peers in one run, then figures of a real server."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from conversion_peers import PEERS
from generate import SHAPES, Shape, generate
from lossless import first_loss
from measure import Cost, middle, run
from serving import report_serving

HERE = Path(__file__).parent
OURS = "ours"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=HERE.parent / ".bench", help="where the files are made"
    )
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds; one more warms up")
    parser.add_argument("--scale", type=float, default=1.0, help="1 makes an observations file of 500 MB")
    parser.add_argument("--only", nargs="*", default=[], help="shapes to run, or 'serving'")
    parser.add_argument("--peers", default=sys.executable, help="a Python that has the peers")
    wanted = parser.parse_args(arguments)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for shape in SHAPES:
        if not wanted.only or shape.name in wanted.only:
            _report_conversion(generate(shape, wanted.folder, wanted.scale), shape, wanted)
    if not wanted.only or "serving" in wanted.only:
        report_serving(wanted.folder)


def _report_conversion(source: Path, shape: Shape, wanted: argparse.Namespace) -> None:
    size_mb = source.stat().st_size / 1e6
    print(
        f"\n{shape.name}: {size_mb:.0f} MB, {len(shape.header)} columns, median of {wanted.rounds} rounds",
        flush=True,
    )
    costs: dict[str, list[Cost]] = {name: [] for name in (OURS, *PEERS)}
    for round_number in range(wanted.rounds + 1):
        for name in costs:
            cost = _convert(name, source, wanted.folder / f"out-{name}", wanted.peers)
            if round_number:
                costs[name].append(cost)
    _print_table(costs, source, wanted.folder)


def _convert(name: str, source: Path, target: Path, peers: str) -> Cost:
    shutil.rmtree(target, ignore_errors=True)
    if name == OURS:
        return run([str(Path(sys.executable).parent / "mdp"), "convert", str(source), str(target)])
    return run([peers, str(HERE / "conversion_peers.py"), name, str(source), str(target)])


def _print_table(costs: dict[str, list[Cost]], source: Path, folder: Path) -> None:
    print(f"{'':10}{'wall s':>9}{'cpu s':>9}{'peak MB':>9}{'out MB':>9}  lossless")
    medians = {name: middle(runs) for name, runs in costs.items()}
    for name, cost in medians.items():
        target = folder / f"out-{name}"
        size = sum(file.stat().st_size for file in target.rglob("*.parquet")) / 1e6
        print(
            f"{name:10}{cost.wall_s:9.2f}{cost.cpu_s:9.2f}{cost.peak_mb:9.0f}{size:9.1f}  "
            f"{_verdict(cost, source, target)}",
            flush=True,
        )
    for name in PEERS:
        ratios = [theirs.wall_s / ours.wall_s for theirs, ours in zip(costs[name], costs[OURS], strict=True)]
        print(f"ours is {sorted(ratios)[len(ratios) // 2]:.2f} times as fast as {name}")


def _verdict(cost: Cost, source: Path, target: Path) -> str:
    if not cost.is_ok:
        return "failed"
    lost = first_loss(source, target)
    return f"no: {lost} changed" if lost else "yes"


if __name__ == "__main__":
    main(sys.argv[1:])
