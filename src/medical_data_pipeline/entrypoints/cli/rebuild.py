"""`mdp rebuild`: tables made anew from the raw files, with the server stopped."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from medical_data_pipeline.adapters.local.yaml_datasets import load_datasets
from medical_data_pipeline.composition.local import LocalSettings, open_local
from medical_data_pipeline.entrypoints.cli.client import counted, lower_case
from medical_data_pipeline.entrypoints.json_log import quiet_libraries


@click.command(epilog="\b\nExample:\n  mdp rebuild --data-dir data --table labs --config datasets.yaml")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default="data", envvar="MDP_DATA_DIR", show_default=True
)
@click.option("--table", callback=lower_case, help="Only this table; all of them without it.")
@click.option(
    "--config", type=click.Path(path_type=Path), envvar="MDP_CONFIG", help="YAML file that declares datasets."
)
def command(data_dir: Path, table: str | None, config: Path | None) -> None:
    """Drop tables and load their raw files again, by the present declarations. Stop the server first."""
    os.umask(0o077)
    quiet_libraries()
    settings = LocalSettings(datasets=load_datasets(config) if config else {}, query_workers=1)
    pipeline = open_local(data_dir, settings, lambda: datetime.now(UTC), lambda happening: None)
    try:
        count = pipeline.rebuild(table)
    finally:
        pipeline.stop(60)
    click.echo(f"{counted(count, 'file')} loaded again")
