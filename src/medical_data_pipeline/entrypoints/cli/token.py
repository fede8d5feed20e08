"""`mdp token`: rotate the server's token."""

from pathlib import Path

import click

from medical_data_pipeline.adapters.local.token_file import TOKEN_FILE, TokenFile
from medical_data_pipeline.composition.local import LEDGER_FILE
from medical_data_pipeline.errors import SettingsError


@click.group(epilog="\b\nExample:\n  mdp token rotate --data-dir data")
def command() -> None:
    """Manage the server's token."""


@command.command()
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default="data", envvar="MDP_DATA_DIR", show_default=True
)
def rotate(data_dir: Path) -> None:
    """Make a new token and show it; the old one ends at the server's next start."""
    if not (data_dir / LEDGER_FILE).exists():
        raise SettingsError("this is no data folder of a server: --data-dir or MDP_DATA_DIR names it")
    click.echo(TokenFile(data_dir / TOKEN_FILE).rotate())
    click.echo("mdp: valid from the server's next start on; until then the old one is", err=True)
