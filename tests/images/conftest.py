"""The three images, built from their Dockerfiles; `make images` says where they are kept."""

import os
import shutil
from pathlib import Path

import pytest

from tests.images.containers import Store
from tests.images.lambda_base import make_base

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("conversion", "glue_catalog", "query")
PROGRAMS = ("buildah", "podman", "runc", "debootstrap")


@pytest.fixture(scope="session")
def store() -> Store:
    if "MDP_IMAGES" not in os.environ:
        pytest.skip("builds images, which takes minutes; make images does")
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("only root can make the stand-in for Lambda's base image")
    store = Store(Path(os.environ["MDP_IMAGES"]).resolve())
    store.prepare()
    make_base(store, ROOT / "requirements" / "dev.txt")
    return store


@pytest.fixture(scope="session")
def images(store: Store) -> dict[str, str]:
    """The names of the images by function."""
    names = {function: f"localhost/{function}:test" for function in FUNCTIONS}
    for function, name in names.items():
        built = store.build(ROOT / "functions" / function / "Dockerfile", ROOT, name)
        assert built.returncode == 0, built.stderr[-4000:]
    return names
