"""The audit: who did what, and who tried, without secrets.

Stage 85, people. Adds to people.audit and reads it.
"""

import re
from typing import Any

import msgspec

from thor import database
from thor.database import Connection

_SECRETS = re.compile(r"passw|secret|token|^current$|^new$|^code$|^key$", re.IGNORECASE)
_TEXT_MAX = 2_000
_DEPTH_MAX = 20
HIDDEN = "***"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row to be added; `before` and `after` are any JSON."""

    who: str
    role: str | None
    method: str
    route: str
    status: int
    object: str | None = None
    before: Any = None
    after: Any = None
    request_id: str | None = None
    address: str | None = None
    key: str | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The values of the statement that adds it; secrets are left out here at the latest."""
        given = {
            name: _storable(value) if isinstance(value, str) else value
            for name, value in msgspec.structs.asdict(self).items()
        }
        return {**given, "before": _text(self.before), "after": _text(self.after)}


def add(connection: Connection[Any], entry: Entry) -> None:
    """Add a row."""
    database.execute(connection, "add_audit", entry.values)


def without_secrets(value: Any, depth: int = 0) -> Any:
    """Return JSON with what its names call a secret hidden; long and deep parts are cut."""
    if depth == _DEPTH_MAX:
        return HIDDEN
    if isinstance(value, dict):
        return {
            _storable(str(name)): HIDDEN
            if _SECRETS.search(str(name))
            else without_secrets(one, depth + 1)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(one, depth + 1) for one in value]
    return _storable(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    # PostgreSQL's texts and JSON have no NUL.
    return text.replace("\0", "")[:_TEXT_MAX]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return msgspec.json.encode(without_secrets(value)).decode()
