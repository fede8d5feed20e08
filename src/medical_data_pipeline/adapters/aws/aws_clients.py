"""Clients of AWS, all with the same patience: a few quick tries, then the caller's own retry takes over."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session, get_session

Client = Any
"""A client of botocore's; its methods are made at run time. boto3 has the same but takes longer to import."""

# Standard mode backs off with jitter and stops when a service is in trouble.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=30,
    tcp_keepalive=True,
    max_pool_connections=20,
)


def aws_client(service: str) -> Client:
    return _session().create_client(service, config=_CONFIG)


def aws_client_of_role(service: str, credentials: Mapping[str, Any]) -> Client:
    """A client with the credentials that STS gave for a role."""
    return _session().create_client(
        service,
        config=_CONFIG,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


@cache
def _session() -> Session:
    # Reading the services' descriptions is what a first client costs, and one session reads each once.
    return get_session()
