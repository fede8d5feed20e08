"""The command `mdp`: errors are one plain line, exit codes say who has to act."""

import sys
import traceback
from importlib import import_module
from pathlib import Path

import click

from medical_data_pipeline.entrypoints.loading import loading
from medical_data_pipeline.errors import FileRefused, PipelineError

# Command → the module that defines it as `command`.
COMMANDS = {
    "convert": "convert",
    "serve": "serve",
    "ingest": "ingest",
    "query": "query",
    "tables": "tables",
    "describe": "describe",
    "loads": "loads",
    "receipt": "receipt",
    "quarantine": "quarantine",
    "replay": "replay",
    "rebuild": "rebuild",
    "doctor": "doctor",
    "token": "token",
}
EXIT_ERROR, EXIT_REFUSED = 1, 3


class _LazyCommands(click.Group):
    """Knows all names, imports one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        with loading():
            module = import_module(f"medical_data_pipeline.entrypoints.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.group(cls=_LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="medical-data-pipeline", prog_name="mdp")
def cli() -> None:
    """Medical CSV extracts to SQL: nothing changed on the way in, every row accounted for.

    \b
    Exit codes: 0 done, 1 error, 2 wrong usage, 3 file refused, 4 server not reached or token not accepted.
    """


def main() -> None:
    """Run the command line."""
    try:
        cli()
    except FileRefused as refusal:
        _fail(f"refused ({refusal.reason}): {refusal}", EXIT_REFUSED)
    except PipelineError as error:
        _fail(str(error), EXIT_ERROR)
    except Exception as error:
        # The text of an unknown error may hold a cell, so only its kind and place are told.
        _fail(f"internal error {type(error).__name__} at {_place(error)}", EXIT_ERROR)


def _place(error: Exception) -> str:
    steps = traceback.extract_tb(error.__traceback__)
    ours = [step for step in steps if "medical_data_pipeline" in step.filename] or steps
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _fail(message: str, code: int) -> None:
    click.echo(f"mdp: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
