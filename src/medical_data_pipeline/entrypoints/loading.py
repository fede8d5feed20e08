"""Libraries loaded faster: most of a short command's time is this, and of a function's first answer."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Around imports: no search for garbage, as nothing that is loaded ever is any."""
    # The linear algebra that numpy brings starts threads that spin for work; nothing here gives them any.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def models_built_when_used() -> Iterator[None]:
    """Around imports of the HTTP application: pydantic makes ready what a request needs, when one needs it."""
    # FastAPI alone brings forty models of what /openapi.json may say; few processes are ever asked for that.
    from pydantic import BaseModel

    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]
