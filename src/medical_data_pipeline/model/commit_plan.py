"""What a batch of loads changes in a table: which are added, whose rows leave, which came too late."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.load import Manifest
from medical_data_pipeline.model.objects import is_older, mark_of_load, source_mark


@dataclass(frozen=True)
class CommitPlan:
    """`committed` are the loads whose rows are in afterwards, `removed` those whose rows leave.

    `newer` are present loads that came after one that is added by key: of rows with one key, theirs stay.
    """

    added: tuple[Manifest, ...]
    removed: frozenset[str]
    committed: tuple[str, ...]
    superseded: tuple[str, ...]
    newer: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


class PresentLoads(Mapping[str, str]):
    """The loads in a table with their sequencers, which are looked up only when they matter.

    `files` are the keys of the data files that a load has alone; none for rows merged with others'.
    """

    def __init__(self, files: Mapping[str, frozenset[str]], sequencer_of: Callable[[str], str]) -> None:
        self._loads = files
        self._sequencer_of = sequencer_of

    def files(self, load_id: str) -> frozenset[str]:
        return self._loads[load_id]

    def __getitem__(self, load_id: str) -> str:
        if load_id not in self._loads:
            raise KeyError(load_id)
        return self._sequencer_of(load_id)

    def __contains__(self, load_id: object) -> bool:
        return load_id in self._loads

    def __iter__(self) -> Iterator[str]:
        return iter(self._loads)

    def __len__(self) -> int:
        return len(self._loads)


def plan_commit(manifests: Sequence[Manifest], present: PresentLoads) -> CommitPlan:
    """`present` are the loads in the table, with sequencers; all manifests are of one table and mode."""
    ordered = sorted({m.load_id: m for m in manifests}.values(), key=cmp_to_key(_by_sequencer))
    if ordered and ordered[-1].mode is LoadMode.REPLACE:
        return _plan_group(ordered, present, frozenset(present))
    groups: dict[str, list[Manifest]] = {}
    for manifest in ordered:
        groups.setdefault(source_mark(manifest.source), []).append(manifest)
    of_source = _by_source(present)
    plans = [_plan_group(group, present, of_source.get(mark, frozenset())) for mark, group in groups.items()]
    added = tuple(manifest for plan in plans for manifest in plan.added)
    removed = frozenset().union(*(plan.removed for plan in plans))
    return CommitPlan(
        added=added,
        removed=removed,
        committed=tuple(load_id for plan in plans for load_id in plan.committed),
        superseded=tuple(load_id for plan in plans for load_id in plan.superseded),
        newer=_newer(added, present) - removed,
    )


def _newer(added: Sequence[Manifest], present: PresentLoads) -> frozenset[str]:
    by_key = [manifest for manifest in added if manifest.mode is LoadMode.UPSERT]
    return frozenset(
        load_id for load_id in present for m in by_key if is_older(m.sequencer, present[load_id])
    )


def _by_sequencer(one: Manifest, other: Manifest) -> int:
    return is_older(other.sequencer, one.sequencer) - is_older(one.sequencer, other.sequencer)


def _by_source(present: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for load_id in present:
        found.setdefault(mark_of_load(load_id), set()).add(load_id)
    return {mark: frozenset(loads) for mark, loads in found.items()}


def _plan_group(ordered: Sequence[Manifest], present: PresentLoads, rivals: frozenset[str]) -> CommitPlan:
    """Loads of which only the newest can stay, oldest first, against the present ones it would replace."""
    newest = ordered[-1]
    late = tuple(manifest.load_id for manifest in ordered[:-1])
    others = rivals - {newest.load_id}
    newer = {load_id for load_id in others if is_older(newest.sequencer, present[load_id])}
    if newest.load_id in present and _is_same(newest, present):
        return CommitPlan((), others - newer, (newest.load_id,), late)
    if newer:
        return CommitPlan((), frozenset(), (), (*late, newest.load_id))
    added = (newest,) if newest.data_files else ()
    removed = others | ({newest.load_id} & present.keys())
    return CommitPlan(added, removed, (newest.load_id,), late)


def _is_same(manifest: Manifest, present: PresentLoads) -> bool:
    """Whether the load is in as it is now; it may have been converted anew since it was committed."""
    return present.files(manifest.load_id) == {file.key for file in manifest.data_files}
