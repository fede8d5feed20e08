"""What integration tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.arrow.conversion_engine import ArrowConversionEngine
from medical_data_pipeline.adapters.iceberg.maintenance import IcebergMaintenance
from medical_data_pipeline.adapters.local.file_converted import FileConvertedFiles
from medical_data_pipeline.adapters.local.file_object_store import FileObjectStore
from medical_data_pipeline.adapters.local.iceberg_table_catalog import IcebergTableCatalog
from medical_data_pipeline.adapters.local.sqlite_ledger import SqliteLedger
from medical_data_pipeline.composition.key_locks import KeyLocks
from medical_data_pipeline.composition.milestones import nothing
from medical_data_pipeline.conversion.intake import DatasetBook, IntakeService
from medical_data_pipeline.conversion.load_conversion import LoadConversion
from medical_data_pipeline.conversion.service import ConversionService
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.ports import Clock
from tests.conversions import Converter
from tests.integration.iceberg_bench import Bench, now
from tests.integration.pipelines import Running, Start
from tests.volumes import Volume, mounted


@pytest.fixture
def convert(tmp_path: Path) -> Converter:
    return Converter(tmp_path)


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    opened: list[Bench] = []
    ledgers: list[SqliteLedger] = []

    def make(root: Path = tmp_path, **datasets: Dataset) -> Bench:
        store, ledger = FileObjectStore(root), SqliteLedger(root / "ledger.sqlite")
        catalog = IcebergTableCatalog(root, "medical_data_db")
        book = DatasetBook("medical_records", datasets)
        intake = IntakeService(store, ledger, book, now, KeyLocks(), "local", lambda load: None, nothing)
        service = ConversionService(ArrowConversionEngine())
        files = FileConvertedFiles(root)
        conversion = LoadConversion(service, store, files, catalog, ledger, book, now, nothing)
        bench = Bench(root, catalog, intake, conversion, IcebergMaintenance(catalog))
        opened.append(bench)
        ledgers.append(ledger)
        return bench

    yield make
    for bench in opened:
        bench.catalog.close()
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the pipeline over one folder, as often as a test wants; `folder` may be another."""
    running: list[Running] = []

    def started(
        reached: Callable[[str], None] = nothing,
        folder: Path = tmp_path / "data",
        is_started: bool = True,
        clock: Clock = now,
        **datasets: Dataset,
    ) -> Running:
        running.append(Running(folder, reached, datasets, clock, is_started))
        return running[-1]

    yield started
    for each in running:
        each.pipeline.stop(5)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    with mounted(tmp_path / "volume") as volume:
        yield volume
