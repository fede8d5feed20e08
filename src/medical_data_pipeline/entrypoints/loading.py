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
