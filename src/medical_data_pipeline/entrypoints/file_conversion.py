"""One file to Parquet in a folder: what `mdp convert` does, without a server and without a catalog."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from medical_data_pipeline.adapters.arrow.conversion_engine import ArrowConversionEngine
from medical_data_pipeline.conversion.names import table_name
from medical_data_pipeline.conversion.service import Conversion, ConversionRequest, ConversionService
from medical_data_pipeline.errors import InvalidRequest
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.objects import ObjectRef, load_id
from medical_data_pipeline.model.receipt_json import receipt_to_json


def convert_file(
    src: Path, out_dir: Path, dataset: Dataset, sha256: Callable[[], str], has_lineage: bool = False
) -> Conversion:
    """Convert into a hidden folder, then put the files in place: a refused file leaves nothing.

    `sha256` tells the file's hash in hex, and may wait for it: only lineage has to know it before the end.

    Raises:
        FileRefused: the file cannot be loaded as a whole.
        InvalidRequest: there is no such file, or the folder cannot be made.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"the output folder cannot be made: {error.strerror}") from None
    with tempfile.TemporaryDirectory(prefix=".convert-", dir=out_dir) as hidden:
        request = ConversionRequest(
            source_key=src.name,
            source_sha256="",
            load_id="",
            dataset=dataset,
            table=None,
            directory=Path(hidden),
            loaded_at=datetime.now(UTC),
            has_lineage_columns=has_lineage,
        )
        try:
            with src.open("rb") as content:
                if has_lineage:
                    request = _identified(request, sha256())
                conversion = ConversionService(ArrowConversionEngine()).convert(content, request)
                request = _identified(request, sha256())
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise InvalidRequest(f"the file cannot be read: {error.strerror}") from None
        receipt = replace(conversion.receipt, sha256=request.source_sha256, load_id=request.load_id)
        conversion = replace(conversion, receipt=receipt)
        (Path(hidden) / "receipt.json").write_bytes(receipt_to_json(conversion.receipt))
        _put_in_place(Path(hidden), out_dir)
    return conversion


def dataset_of(src: Path, table: str, config: Path | None) -> Dataset:
    """What `config` declares of the table, which has the file's name if it is not given one."""
    name = table_name(table or src.name.split(".")[0])
    if not config:
        return Dataset(table=name)
    # Reading YAML is another library to load, which most conversions never need.
    from medical_data_pipeline.adapters.local.yaml_datasets import load_datasets  # noqa: PLC0415

    return load_datasets(config).get(name) or Dataset(table=name)


def _identified(request: ConversionRequest, digest: str) -> ConversionRequest:
    identity = load_id(ObjectRef("file", request.source_key), digest)
    return replace(request, source_sha256=digest, load_id=identity)


def _put_in_place(hidden: Path, out_dir: Path) -> None:
    """What an earlier run left goes first, and first of that the receipt, which vouches for the rest."""
    (out_dir / "receipt.json").unlink(missing_ok=True)
    for old in out_dir.glob("part-*.parquet"):
        old.unlink()
    shutil.rmtree(out_dir / "_quarantine", ignore_errors=True)
    for made in sorted(hidden.iterdir()):
        made.replace(out_dir / made.name)
