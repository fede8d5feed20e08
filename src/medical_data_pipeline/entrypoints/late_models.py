"""The HTTP application loaded faster: its models are made ready when a request needs them."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel


@contextmanager
def models_built_when_used() -> Iterator[None]:
    """Around imports of the application."""
    # FastAPI alone brings forty models of what /openapi.json may say; few processes are ever asked for that.
    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]
