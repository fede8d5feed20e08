"""One file to Parquet in a folder: what `mdp convert` does, without a server and without a catalog."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from medical_data_pipeline.adapters.arrow.conversion_engine import ArrowConversionEngine
from medical_data_pipeline.adapters.local.scratch_folder import folder_lock, scratch_folder
from medical_data_pipeline.conversion.intake import DatasetBook
from medical_data_pipeline.conversion.names import table_name
from medical_data_pipeline.conversion.service import Conversion, ConversionRequest, ConversionService
from medical_data_pipeline.errors import InvalidRequest
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.objects import ObjectRef, load_id
from medical_data_pipeline.model.receipt_json import receipt_to_json

_OURS = re.compile(r"part-[0-9]+-[0-9]{5}\.parquet")


def convert_file(
    src: Path, out_dir: Path, dataset: Dataset, sha256: Callable[[], str], has_lineage: bool = False
) -> Conversion:
    """Convert into a hidden folder, then put the files in place: a refused file leaves `out_dir` as it was.

    `sha256` tells the file's hash in hex, and may wait for it: only lineage has to know it before the end.

    Raises:
        FileRefused: the file cannot be loaded as a whole.
        InvalidRequest: the file cannot be read, or nothing be written to `out_dir`.
    """
    with _made(out_dir), _scratch(out_dir) as hidden:
        request = ConversionRequest(
            source_key=src.name,
            source_sha256="",
            load_id="",
            dataset=dataset,
            table=None,
            directory=hidden,
            loaded_at=datetime.now(UTC),
            has_lineage_columns=has_lineage,
        )
        with _opened(src) as content:
            if has_lineage:
                request = _identified(request, sha256())
            conversion = ConversionService(ArrowConversionEngine()).convert(content, request)
            request = _identified(request, sha256())
        receipt = replace(conversion.receipt, sha256=request.source_sha256, load_id=request.load_id)
        conversion = replace(conversion, receipt=receipt)
        (hidden / "receipt.json").write_bytes(receipt_to_json(conversion.receipt))
        # Of two runs into one folder the later has all of it, and nothing is of both.
        with folder_lock(out_dir):
            _put_in_place(hidden, out_dir)
    return conversion


@contextmanager
def _made(out_dir: Path) -> Iterator[None]:
    """`out_dir`, made if need be, and taken away again if there was nothing to put into it."""
    new = [folder for folder in (out_dir, *out_dir.parents) if not os.path.lexists(folder)]
    try:
        with _written():
            out_dir.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):
            for folder in new:
                folder.rmdir()
        raise


@contextmanager
def _scratch(out_dir: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        with _written():
            folder = stack.enter_context(scratch_folder(out_dir))
        yield folder


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not a path"
        raise InvalidRequest(f"the output folder cannot be made or written: {said}") from None


def _opened(src: Path) -> BinaryIO:
    try:
        return src.open("rb")
    except OSError as error:
        raise InvalidRequest(f"the file cannot be read: {error.strerror}") from None


def dataset_of(src: Path, table: str, config: Path | None) -> Dataset:
    """What `config` declares of the table, which has the file's name if it is not given one."""
    name = table_name(table or src.name.split(".")[0])
    if not config:
        return Dataset(table=name)
    # Reading YAML is another library to load, which most conversions never need.
    from medical_data_pipeline.adapters.local.yaml_datasets import load_datasets  # noqa: PLC0415

    return DatasetBook(name, load_datasets(config)).for_table(name)


def _identified(request: ConversionRequest, digest: str) -> ConversionRequest:
    identity = load_id(ObjectRef("file", request.source_key), digest)
    return replace(request, source_sha256=digest, load_id=identity)


def _put_in_place(hidden: Path, out_dir: Path) -> None:
    """The receipt, which vouches for the rest, goes first and comes last; the others are replaced."""
    made = {path.name for path in hidden.iterdir()}
    (out_dir / "receipt.json").unlink(missing_ok=True)
    quarantine = out_dir / "_quarantine"
    if quarantine.is_symlink():
        quarantine.unlink()
    shutil.rmtree(quarantine, ignore_errors=True)
    for name in sorted(made - {"receipt.json"}):
        (hidden / name).replace(out_dir / name)
    for old in out_dir.glob("part-*.parquet"):
        # Other programs begin the names of theirs so too.
        if old.name not in made and _OURS.fullmatch(old.name):
            old.unlink()
    (hidden / "receipt.json").replace(out_dir / "receipt.json")
