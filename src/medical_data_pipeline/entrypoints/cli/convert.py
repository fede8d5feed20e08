"""`mdp convert`: one file to Parquet, without a server and without a catalog."""

import hashlib
import json
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from medical_data_pipeline.adapters.arrow.conversion_engine import ArrowConversionEngine
from medical_data_pipeline.adapters.local.yaml_datasets import load_datasets
from medical_data_pipeline.conversion.names import table_name
from medical_data_pipeline.conversion.service import Conversion, ConversionRequest, ConversionService
from medical_data_pipeline.errors import InvalidRequest, PipelineError
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.objects import ObjectRef, load_id
from medical_data_pipeline.model.receipt_json import receipt_document, receipt_to_json

_CHUNK = 1 << 20
EXAMPLES = """
\b
Examples:
  mdp convert labs.csv out/
  mdp convert labs.csv.gz out/ --table labs --config datasets.yaml --json
  echo '{"csv": "labs.csv", "outdir": "out"}' | mdp convert --serve
"""


@click.command(epilog=EXAMPLES)
@click.argument("src", type=click.Path(path_type=Path), required=False)
@click.argument("out_dir", type=click.Path(path_type=Path), required=False)
@click.option("--table", default="", help="The dataset's name; the file's name without it.")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file that declares datasets.")
@click.option("--lineage", is_flag=True, help="Add _source_file, _source_row, _load_id and _loaded_at.")
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
@click.option("--serve", is_flag=True, help="Read requests as JSON lines on standard input, answer each.")
def command(  # noqa: PLR0913 - one parameter an option
    src: Path | None,
    out_dir: Path | None,
    table: str,
    config: Path | None,
    lineage: bool,
    as_json: bool,
    serve: bool,
) -> None:
    """Convert the CSV file SRC to Parquet files and a receipt in OUT_DIR.

    Rows that do not fit are set aside under OUT_DIR/_quarantine. Exit code 3: the file is refused.
    """
    if serve:
        _serve()
        return
    if src is None or out_dir is None:
        raise click.UsageError("SRC and OUT_DIR are needed, or --serve")
    conversion = convert_file(src, out_dir, _dataset(src, table, config), lineage)
    if as_json:
        click.echo(json.dumps(receipt_document(conversion.receipt)))
        return
    rows = conversion.receipt.rows
    click.echo(f"{rows.read} rows read, {rows.loaded} loaded, {rows.quarantined} set aside")


def convert_file(src: Path, out_dir: Path, dataset: Dataset, has_lineage: bool = False) -> Conversion:
    """Convert into a hidden folder, then put the files in place: a refused file leaves nothing.

    Raises:
        FileRefused: the file cannot be loaded as a whole.
        InvalidRequest: there is no such file.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
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
            # Hashing takes as long as a good part of converting, and both can go on at once; only lineage
            # has to know the hash first.
            with src.open("rb") as content, ThreadPoolExecutor(1) as pool:
                digest = pool.submit(_sha256, src)
                if has_lineage:
                    request = _identified(request, digest.result())
                conversion = ConversionService(ArrowConversionEngine()).convert(content, request)
                request = _identified(request, digest.result())
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise InvalidRequest(f"the file cannot be read: {error.strerror}") from None
        receipt = replace(conversion.receipt, sha256=request.source_sha256, load_id=request.load_id)
        conversion = replace(conversion, receipt=receipt)
        (Path(hidden) / "receipt.json").write_bytes(receipt_to_json(conversion.receipt))
        _put_in_place(Path(hidden), out_dir)
    return conversion


def _identified(request: ConversionRequest, digest: str) -> ConversionRequest:
    identity = load_id(ObjectRef("file", request.source_key), digest)
    return replace(request, source_sha256=digest, load_id=identity)


def _sha256(src: Path) -> str:
    digest = hashlib.sha256()
    with src.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _put_in_place(hidden: Path, out_dir: Path) -> None:
    """What an earlier run left of the same kind goes first."""
    for old in out_dir.glob("part-*.parquet"):
        old.unlink()
    shutil.rmtree(out_dir / "_quarantine", ignore_errors=True)
    for made in sorted(hidden.iterdir()):
        made.replace(out_dir / made.name)


def _dataset(src: Path, table: str, config: Path | None) -> Dataset:
    name = table_name(table or src.name.split(".")[0])
    declared = load_datasets(config).get(name) if config else None
    return declared or Dataset(table=name)


def _serve() -> None:
    for line in sys.stdin:
        if line.strip():
            click.echo(json.dumps(_answer(line)))
            sys.stdout.flush()


def _answer(line: str) -> dict[str, object]:
    try:
        request = json.loads(line)
        src, out_dir = Path(request["csv"]), Path(request["outdir"])
        config = Path(request["config"]) if request.get("config") else None
        dataset = _dataset(src, request.get("table", ""), config)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"ok": False, "error": 'a request is {"csv": …, "outdir": …}'}
    except PipelineError as error:
        return {"ok": False, "error": str(error)}
    try:
        rows = convert_file(src, out_dir, dataset).receipt.rows
    except PipelineError as error:
        return {"ok": False, "error": f"{getattr(error, 'reason', error.code)}: {error}"}
    except Exception as error:
        # One bad file must not end the batch; the text of an unknown error may hold a cell.
        return {"ok": False, "error": f"INTERNAL: {type(error).__name__}"}
    return {"ok": True, "error": None, "rows": rows.loaded, "quarantined": rows.quarantined}
