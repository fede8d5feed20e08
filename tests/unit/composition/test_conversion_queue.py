"""The queue of loads to convert: small ones of a table together, tables by turns, nobody left out."""

from datetime import UTC, datetime

from medical_data_pipeline.composition.conversion_queue import MAX_TOGETHER, ConversionQueue
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.model.objects import ObjectRef

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
SMALL_BYTES = 1000


def load(number: int, table: str = "t", size_bytes: int = 10) -> Load:
    source = ObjectRef("local", f"input/{table}/{number}.csv")
    return Load(f"{table}-{number}", table, source, "v", "1", size_bytes, LoadState.RECEIVED, NOON, NOON)


def queue(*loads: Load) -> ConversionQueue:
    waiting = ConversionQueue(lambda load: load.size_bytes <= SMALL_BYTES)
    for each in loads:
        waiting.put(each)
    return waiting


def test_small_loads_that_come_while_others_of_their_table_are_at_work_are_taken_together_after_them() -> (
    None
):
    waiting = queue(load(1))

    with waiting.taken(0) as first:
        waiting.put(load(2))
        waiting.put(load(3))
        with waiting.taken(0) as meanwhile:
            assert (first, meanwhile) == ([load(1)], [])
    with waiting.taken(0) as then:
        assert then == [load(2), load(3)]


def test_loads_of_other_tables_and_large_ones_do_not_wait_for_a_batch_at_work() -> None:
    large = [load(number, size_bytes=SMALL_BYTES + 1) for number in (7, 8)]
    waiting = queue(load(1), load(1, "other"), *large)

    with (
        waiting.taken(0) as one,
        waiting.taken(0) as two,
        waiting.taken(0) as three,
        waiting.taken(0) as four,
    ):
        assert [one, two, three, four] == [[load(1)], [load(1, "other")], *([each] for each in large)]


def test_a_batch_has_an_end_and_the_other_tables_their_turn_before_the_rest() -> None:
    waiting = queue(*(load(number) for number in range(MAX_TOGETHER + 1)), load(0, "other"))

    taken = []
    for _ in range(4):
        with waiting.taken(0) as batch:
            taken.append([each.table for each in batch])

    assert taken == [["t"] * MAX_TOGETHER, ["other"], ["t"], []]


def test_a_batch_that_fails_lets_the_next_one_begin() -> None:
    waiting = queue(load(1))

    try:
        with waiting.taken(0):
            waiting.put(load(2))
            raise OSError("broken")
    except OSError:
        pass

    with waiting.taken(0) as then:
        assert then == [load(2)]
