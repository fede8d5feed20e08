"""`mdp convert`: one file to Parquet, without a server and without a catalog."""

import hashlib
import json
import stat
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from medical_data_pipeline.entrypoints.loading import loading
from medical_data_pipeline.errors import InvalidRequest, PipelineError, SettingsError
from medical_data_pipeline.model.receipt_json import receipt_document

if TYPE_CHECKING:
    from medical_data_pipeline.conversion.service import Conversion

_CHUNK = 1 << 20
_REQUEST = ("csv", "outdir", "table", "config")
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

    What an earlier run put into OUT_DIR is replaced when the new files are whole, and stays as it was if the
    file is refused. receipt.json comes last: without it OUT_DIR is of a run that was killed; run it again.
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
    """What tells the file's SHA-256, which is worked out beside whatever is done meanwhile.

    Raises:
        InvalidRequest: there is no such file, or it can be read only once.
    """
    _require_file(src)
    is_over = Event()
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(_sha256, src, is_over).result
        finally:
            is_over.set()


def _require_file(src: Path) -> None:
    try:
        mode = src.stat().st_mode
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "not a path"
        raise InvalidRequest(f"the file cannot be read: {said}") from None
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise InvalidRequest(f"the file cannot be read: it is {what}")


def _sha256(src: Path, is_over: Event) -> str:
    digest = hashlib.sha256()
    with src.open("rb") as content:
        while (chunk := content.read(_CHUNK)) and not is_over.is_set():
            digest.update(chunk)
    return digest.hexdigest()


def _serve() -> None:
    # As bytes: a line that is no text is one bad request, not the end of the batch.
    for line in sys.stdin.buffer:
        if line.strip():
            click.echo(json.dumps(_answer(line)))
            sys.stdout.flush()


def _answer(line: bytes) -> dict[str, object]:
    try:
        request, ignored = _request(line)
        rows = _converted(request).receipt.rows
    except SettingsError as error:
        return {"ok": False, "error": str(error)}
    except PipelineError as error:
        return {"ok": False, "error": f"{getattr(error, 'reason', error.code)}: {error}"}
    except Exception as error:
        # One bad file must not end the batch; the text of an unknown error may hold a cell.
        return {"ok": False, "error": f"INTERNAL: {type(error).__name__}"}
    done: dict[str, object] = {"ok": True, "error": None}
    done |= {"rows": rows.loaded, "quarantined": rows.quarantined}
    # A program's own numbering of its requests is welcome; a mistyped "table" has to be seen.
    return done | ({"ignored": ignored} if ignored else {})


def _request(line: bytes) -> tuple[dict[str, str], list[str]]:
    """What is asked, and the keys that mean nothing here."""
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        asked = None
    named = asked if isinstance(asked, dict) else {}
    request = {key: named[key] for key in _REQUEST if named.get(key) is not None}
    if not {"csv", "outdir"} <= request.keys() or not all(isinstance(each, str) for each in request.values()):
        raise InvalidRequest('a request is {"csv": …, "outdir": …}, with "table" and "config" if need be')
    return request, sorted(named.keys() - set(_REQUEST))


def _converted(request: dict[str, str]) -> "Conversion":
    from medical_data_pipeline.entrypoints import file_conversion  # noqa: PLC0415 - loaded once, see above

    src, config = Path(request["csv"]), request.get("config")
    dataset = file_conversion.dataset_of(src, request.get("table", ""), Path(config) if config else None)
    with _hashing(src) as sha256:
        return file_conversion.convert_file(src, Path(request["outdir"]), dataset, sha256)
