"""A permission to put one object into the store, as its holder uses it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SignedUpload:
    """Send `fields` and then the file, as a form, to `url`. Whoever has it may use it until it expires."""

    url: str
    fields: Mapping[str, str]
    expires_at: datetime
