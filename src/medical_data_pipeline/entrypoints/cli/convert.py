"""`mdp convert`: one file to Parquet, without a server and without a catalog."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import click

from medical_data_pipeline.entrypoints.loading import loading
from medical_data_pipeline.errors import PipelineError
from medical_data_pipeline.model.receipt_json import receipt_document

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
    with _hashing(src) as sha256:
        with loading():
            # This takes as long as hashing a large file, and both can go on at once.
            from medical_data_pipeline.entrypoints import file_conversion  # noqa: PLC0415
        dataset = file_conversion.dataset_of(src, table, config)
        conversion = file_conversion.convert_file(src, out_dir, dataset, sha256, lineage)
    if as_json:
        click.echo(json.dumps(receipt_document(conversion.receipt)))
        return
    rows = conversion.receipt.rows
    click.echo(f"{rows.read} rows read, {rows.loaded} loaded, {rows.quarantined} set aside")


@contextmanager
def _hashing(src: Path) -> Iterator[Callable[[], str]]:
    """What tells the file's SHA-256, which is worked out beside whatever is done meanwhile."""
    is_over = Event()
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(_sha256, src, is_over).result
        finally:
            is_over.set()


def _sha256(src: Path, is_over: Event) -> str:
    digest = hashlib.sha256()
    with src.open("rb") as content:
        while (chunk := content.read(_CHUNK)) and not is_over.is_set():
            digest.update(chunk)
    return digest.hexdigest()


def _serve() -> None:
    for line in sys.stdin:
        if line.strip():
            click.echo(json.dumps(_answer(line)))
            sys.stdout.flush()


def _answer(line: str) -> dict[str, object]:
    from medical_data_pipeline.entrypoints import file_conversion  # noqa: PLC0415 - loaded once, see above

    try:
        request = json.loads(line)
        src, out_dir = Path(request["csv"]), Path(request["outdir"])
        config = Path(request["config"]) if request.get("config") else None
        dataset = file_conversion.dataset_of(src, request.get("table", ""), config)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"ok": False, "error": 'a request is {"csv": …, "outdir": …}'}
    except PipelineError as error:
        return {"ok": False, "error": str(error)}
    try:
        with _hashing(src) as sha256:
            rows = file_conversion.convert_file(src, out_dir, dataset, sha256).receipt.rows
    except PipelineError as error:
        return {"ok": False, "error": f"{getattr(error, 'reason', error.code)}: {error}"}
    except Exception as error:
        # One bad file must not end the batch; the text of an unknown error may hold a cell.
        return {"ok": False, "error": f"INTERNAL: {type(error).__name__}"}
    return {"ok": True, "error": None, "rows": rows.loaded, "quarantined": rows.quarantined}
