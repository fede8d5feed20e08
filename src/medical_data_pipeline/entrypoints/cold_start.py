"""What makes a function ready sooner."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """For imports: hundreds of modules come and all stay, so looking for garbage among them finds none."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
