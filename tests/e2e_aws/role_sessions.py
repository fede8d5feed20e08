"""Credentials of a role as Lambda hands them to a function: asked of a small function that has the role."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

from tests.e2e_aws.emulator import Emulator

NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
CODE = f"""
import os


def handler(event, context):
    return {{name: os.environ[name] for name in {NAMES}}}
"""


@dataclass
class RoleSessions:
    """No policy is bent for the tests: nobody but Lambda may take these roles, and so Lambda is asked."""

    emulator: Emulator
    _known: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, role_arn: str) -> Mapping[str, str]:
        with self._lock:
            if role_arn not in self._known:
                self._known[role_arn] = self._asked(role_arn)
            return self._known[role_arn]

    def _asked(self, role_arn: str) -> Mapping[str, str]:
        functions = self.emulator.client("lambda")
        name = f"tells-the-key-of-{role_arn.rpartition('/')[2]}"
        functions.create_function(
            FunctionName=name,
            Role=role_arn,
            Runtime="python3.12",
            Handler="f.handler",
            Code={"ZipFile": _zip()},
        )
        answer = json.loads(functions.invoke(FunctionName=name)["Payload"].read())
        functions.delete_function(FunctionName=name)
        self.emulator.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{name}")
        assert set(answer) == set(NAMES), answer
        found: Mapping[str, str] = answer
        return found


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("f.py", CODE)
    return packed.getvalue()
