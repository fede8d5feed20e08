"""The catalog function: a manifest that comes a moment before the ledger knows of its load is not lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medical_data_pipeline.catalog.load_commit import LoadCommit
from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.composition.aws_commits import Commits
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.model.load import Load, LoadState, Manifest, RowCounts
from medical_data_pipeline.model.objects import ObjectRef, load_id
from medical_data_pipeline.model.table import TEXT, Column
from tests.fakes import NOON, FixedClock, MemoryLedger, MemoryObjectStore, MemoryTableCatalog

SOURCE = ObjectRef("local", "input/t/a.csv")
LOAD = Load(load_id(SOURCE, "v"), "t", SOURCE, "v", "1", 7, LoadState.RECEIVED, NOON, NOON)
MANIFEST = Manifest(
    LOAD.load_id, "t", SOURCE, "v", "1", (Column("id", TEXT),), (), (), RowCounts(), NOON, "r"
)


@dataclass
class LedgerOfAnother(MemoryLedger):
    """Whoever converts tells it of that right after somebody has looked for the `looks`-th time."""

    looks: int = 1

    def find_many(self, load_ids: Sequence[str]) -> Mapping[str, Load]:
        found = super().find_many(load_ids)
        self.looks -= 1
        if self.looks == 0:
            self.advance(LOAD.load_id, LoadState.CONVERTED, now=NOON, sequencer="1")
        return found


def settled(ledger: LedgerOfAnother) -> tuple[frozenset[str], list[str]]:
    """What has to come again, and what was told."""
    told: list[Happening] = []
    stage = LoadCommit(
        CatalogService(MemoryTableCatalog(MemoryObjectStore())),
        ledger,
        lambda load: MANIFEST,
        FixedClock(),
        lambda milestone: None,
    )
    again = Commits(stage, ledger, lambda load: None, told.append).settle([MANIFEST])
    return again, [each.event for each in told]


def test_a_load_that_is_converted_while_it_is_looked_for_is_committed() -> None:
    for looks in (1, 2):
        ledger = LedgerOfAnother(looks=looks)
        ledger.receive(LOAD)

        assert settled(ledger) == (frozenset(), ["committed"])
        assert ledger.find(LOAD.load_id).state is LoadState.COMMITTED


def test_a_load_that_came_again_meanwhile_is_left_to_whoever_converts_it() -> None:
    ledger = LedgerOfAnother(looks=0)
    ledger.receive(LOAD)
    ledger.receive(Load(**vars(LOAD) | {"sequencer": "2"}))

    assert settled(ledger) == (frozenset(), [])
