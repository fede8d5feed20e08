"""`mdp token`: rotate the server's token."""

from pathlib import Path

import click

from medical_data_pipeline.adapters.local.token_file import TokenFile


@click.group(epilog="\b\nExample:\n  mdp token rotate --data-dir data")
def command() -> None:
    """Manage the server's token."""


@command.command()
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default="data", envvar="MDP_DATA_DIR", show_default=True
)
def rotate(data_dir: Path) -> None:
    """Make a new token and show it; the old one ends at the server's next start."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    click.echo(TokenFile(data_dir / "token.json").rotate())
