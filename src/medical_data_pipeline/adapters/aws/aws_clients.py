"""Clients of AWS, all with the same patience: a few quick tries, then the caller's own retry takes over."""

from typing import Any

import boto3
from botocore.config import Config

Client = Any
"""A boto3 client; its methods are made at run time."""

# Standard mode backs off with jitter and stops when a service is in trouble.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=30,
    tcp_keepalive=True,
    max_pool_connections=20,
)


def aws_client(service: str) -> Client:
    return boto3.client(service, config=_CONFIG)
