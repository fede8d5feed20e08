"""Stands where Docker does: takes a login, builds nothing, and pushes a manifest without layers.

The functions are answered for by doubles, so an image is only a digest that Terraform can pin.
"""

import json
import os
import sys
from hashlib import sha256

import boto3


def main() -> None:
    command, *arguments = sys.argv[1:]
    if command == "login":
        assert sys.stdin.read().strip()
    elif command == "push":
        push(arguments[-1])
    else:
        assert command == "build"


def push(image: str) -> None:
    name, _, tag = image.partition("/")[2].partition(":")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": 2,
            "digest": f"sha256:{sha256(image.encode()).hexdigest()}",
        },
        "layers": [],
    }
    client = boto3.client("ecr", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    client.put_image(repositoryName=name, imageManifest=json.dumps(manifest), imageTag=tag)


if __name__ == "__main__":
    main()
