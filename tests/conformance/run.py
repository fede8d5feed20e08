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
# The zone of the sessions in which Trino tests itself. Athena's sessions are in UTC.
OTHER_SESSION = "Pacific/Apia"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--show", choices=["refused", "wrong", "both", "none"], default="none", help="print such cases"
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
    total, must_fail, other_session = Counter[Outcome](), Counter[Outcome](), 0
    for case in cases:
        outcome, detail = checker.check(case)
        by_function[case.function][outcome] += 1
        by_group[case.group][outcome] += 1
        total[outcome] += 1
        must_fail[outcome] += case.kind == "error"
        other_session += outcome is Outcome.WRONG and OTHER_SESSION in str(case.expected)
        if outcome is not Outcome.PASSED and (options.show == "both" or outcome.value.endswith(options.show)):
            _show(case, outcome, detail)
    lines = [f"{title}:", *_lines(by_function)]
    if options.by_group:
        lines += ["  by group:", *_lines(by_group)]
    size = sum(total.values()) or 1
    shares = ", ".join(f"{total[o]} {o.value} ({total[o] / size:.1%})" for o in Outcome)
    lines.append(f"  total {size}: {shares}")
    lines.append(f"  of {must_fail.total()} that must fail {must_fail[Outcome.PASSED]} do")
    if other_session:
        lines.append(f"  {other_session} of the wrong ones expect a session in {OTHER_SESSION}, not UTC")
    return "\n".join([*lines, ""])


def _show(case: Case, outcome: Outcome, detail: str) -> None:
    sql = " ".join(case.sql.split())
    print(f"{outcome.value}: [{case.group}] {case.kind} {sql}")
    print(f"    expected {case.expected!r}\n    got {detail[:300]}")


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
