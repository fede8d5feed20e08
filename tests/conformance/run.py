"""The conformance report: passed, refused and silently wrong, by function and in all.

Our own cases always run; Trino's corpus runs where the folder MDP_CASES_DIR (or ../shared/cases) has it.
"""

import argparse
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.conformance.cases import Case, documentation_cases, own_cases, unit_cases
from tests.conformance.checker import Checker, Outcome

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--show", choices=["refused", "wrong", "none"], default="none", help="print such cases"
    )
    parser.add_argument("--by-group", action="store_true", help="count by page or test class too")
    options = parser.parse_args()
    folder = Path(os.environ.get("MDP_CASES_DIR", ROOT.parent / "shared" / "cases")) / "sql"
    checker = Checker()
    print(report("our cases", own_cases(), checker, options))
    if (folder / "trino_documentation.jsonl").exists():
        print(report("documentation", documentation_cases(folder), checker, options))
        print(report("unit assertions", unit_cases(folder), checker, options))


def report(title: str, cases: Iterable[Case], checker: Checker, options: argparse.Namespace) -> str:
    by_function: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
    by_group: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
    total: Counter[Outcome] = Counter()
    for case in cases:
        outcome, detail = checker.check(case)
        by_function[case.function][outcome] += 1
        by_group[case.group][outcome] += 1
        total[outcome] += 1
        if options.show != "none" and outcome.value.endswith(options.show):
            sql = " ".join(case.sql.split())
            print(f"[{case.group}] {case.kind} {sql}\n    expected {case.expected!r}\n    got {detail[:300]}")
    lines = [f"{title}:", *_lines(by_function)]
    if options.by_group:
        lines += ["  by group:", *_lines(by_group)]
    size = sum(total.values()) or 1
    shares = ", ".join(f"{total[o]} {o.value} ({total[o] / size:.1%})" for o in Outcome)
    return "\n".join([*lines, f"  total {size}: {shares}", ""])


def _lines(counts: dict[str, "Counter[Outcome]"]) -> list[str]:
    imperfect = {name: c for name, c in counts.items() if c[Outcome.REFUSED] or c[Outcome.WRONG]}
    order = sorted(
        imperfect, key=lambda name: (-imperfect[name][Outcome.WRONG], -imperfect[name][Outcome.REFUSED])
    )
    perfect = len(counts) - len(imperfect)
    rows = [f"  {name:32} " + " ".join(f"{imperfect[name][o]:5}" for o in Outcome) for name in order]
    return [
        f"  {'':32} " + " ".join(f"{o.value[-7:]:>5}" for o in Outcome),
        *rows,
        f"  {perfect} more pass in full",
    ]


if __name__ == "__main__":
    main()
