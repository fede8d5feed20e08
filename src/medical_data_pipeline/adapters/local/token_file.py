"""The bearer token of an embedded server: shown once, kept as a hash only."""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from medical_data_pipeline.adapters.local.file_durable import sync_folder
from medical_data_pipeline.errors import SettingsError
from medical_data_pipeline.model.query import Actor

TOKEN_FILE = "token.json"  # noqa: S105 - a name


class TokenFile:
    """One token for one owner. The hash is in a file only its user can read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._digest = self._load()

    def made_at_first(self) -> str | None:
        """A new token when there is none yet, to be shown now or never; None when there is one."""
        return None if self._digest else self.rotate()

    def rotate(self) -> str:
        """A new token; the old one is worth nothing from now on."""
        token = secrets.token_urlsafe(32)
        self._keep(_digest(token))
        return token

    def accept_meanwhile(self, token: str) -> None:
        """Let `token` be the one that counts in this process; the file, if there is one, stays as it is."""
        self._digest = _digest(token)

    def _keep(self, digest: str) -> None:
        partial = self._file.with_suffix(".partial")
        descriptor = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({"sha256": digest}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._file)
        sync_folder(self._file.parent)
        self._digest = digest

    def actor_for(self, token: str) -> Actor | None:
        is_known = hmac.compare_digest(_digest(token), self._digest or "-" * 64)
        return Actor("owner", "owner") if is_known else None

    def _load(self) -> str:
        try:
            return str(json.loads(self._file.read_text(encoding="ascii"))["sha256"])
        except FileNotFoundError:
            return ""
        except (ValueError, KeyError, TypeError):
            raise SettingsError("the token file is damaged: remove it, and a new token is made") from None


def _digest(token: str) -> str:
    # 32 random bytes need no slow hash: nobody can try them all.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
