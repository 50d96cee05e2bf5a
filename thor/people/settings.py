"""What an account sets for its pages: layouts, columns, theme.

Stage 85, people. Reads and writes people.settings.
"""

import re
from typing import Any

from thor import database
from thor.database import Connection
from thor.domain.people import Identity
from thor.errors import NotFound, Rejected
from thor.people import accounts

SETTINGS_MAX = 200
_BYTES_MAX = 64 * 1024
# A layout has five; what is nested deeper is no setting, and cannot be read again at some depth.
_DEPTH_MAX = 20
_KEY = re.compile(r"[a-z0-9._-]{1,64}")


def put(connection: Connection[Any], me: Identity, key: str, text: str) -> None:
    """Keep a setting, its value as JSON; raises `Rejected` naming the field."""
    if _KEY.fullmatch(key) is None:
        raise Rejected(f"key: {key[:80]!r}: up to 64 of a-z, 0-9, dot, dash and underscore")
    if len(text.encode()) > _BYTES_MAX or "\\u0000" in text or _depth(text) > _DEPTH_MAX:
        raise Rejected(
            f"value: at most {_BYTES_MAX // 1024} kB of JSON, {_DEPTH_MAX} deep, without NUL"
        )
    user_id = accounts.of(connection, me)["user_id"]
    values = {"user_id": user_id, "key": key}
    if database.one(connection, "count_settings", values)["settings"] >= SETTINGS_MAX:
        raise Rejected(f"key: an account keeps at most {SETTINGS_MAX} settings")
    database.execute(connection, "set_setting", {**values, "value": text})


def drop(connection: Connection[Any], me: Identity, key: str) -> None:
    """Forget a setting; raises `NotFound`."""
    values = {"user_id": accounts.of(connection, me)["user_id"], "key": key[:64]}
    if database.row(connection, "drop_setting", values) is None:
        raise NotFound(f"key: {key[:80]!r} is not set; GET /api/me lists them")


def _depth(text: str) -> int:
    """Return how deep JSON is nested; brackets within its texts count, too."""
    deepest = depth = 0
    for one in text:
        depth += (one in "[{") - (one in "]}")
        deepest = max(deepest, depth)
    return deepest
