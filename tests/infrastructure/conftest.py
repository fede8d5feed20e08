"""What the infrastructure tests share: terraform over the root module, and an emulated AWS for state."""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from tests.infrastructure.tools import Terraform, find_terraform, link_root_module

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}
REGION = "eu-central-1"
LOCAL_BACKEND = 'terraform {\n  backend "local" {}\n}\n'


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The address of an emulator that knows accounts, buckets and DynamoDB tables (moto)."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def root_module(tmp_path_factory: pytest.TempPathFactory, aws: str) -> Terraform:
    """The root module with its provider, state in a file, and an AWS that knows which account it is."""
    folder = tmp_path_factory.mktemp("root-module")
    link_root_module(folder)
    (folder / "backend_override.tf").write_text(LOCAL_BACKEND, encoding="utf-8")
    environ = {**CREDENTIALS, "AWS_ENDPOINT_URL": aws, "AWS_REGION": REGION}
    terraform = find_terraform(folder, environ)
    terraform.init("-test-directory=tests/terraform")
    return terraform
