"""Read and change how far the targets of a market-open capture are from its entry.

Stage 45, studies. Every change is a version with who made it and why; any version can be restored,
which is a change too.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from thor import database
from thor.database import Connection
from thor.errors import NotFound, Rejected

MODES = ("POINTS", "PERCENT", "DISABLED")
NUMBERS = ("offset_high", "offset_low", "percent_high", "percent_low")
FIELDS = ("mode", *NUMBERS, "is_by_last", "is_active")
_PERCENT_MAX = 100


def targets(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Return the targets, one row a symbol, in display order: offsets in points."""
    return database.rows(connection, "targets")


def change(
    connection: Connection[Any],
    symbol: str,
    given: Mapping[str, Any],
    *,
    changed_by: str,
    reason: str,
) -> dict[str, Any]:
    """Change some of a symbol's targets, or give it its first, and return all of them.

    Raises `NotFound` for an unknown symbol; `Rejected` for an unknown field, a target below a
    tick, a mode without its numbers, or a change without a reason.
    """
    if not reason.strip():
        raise Rejected("reason: is missing; say why the targets change")
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise Rejected(f"{unknown[0]}: is none of {', '.join(FIELDS)}")
    with database.transaction(connection):
        instrument = database.row(connection, "tick_of", {"symbol": symbol})
        if instrument is None:
            raise NotFound(f"symbol: {symbol[:40]!r} is none of the instruments")
        known = {row["symbol"]: row for row in targets(connection)}.get(symbol, {})
        first = dict.fromkeys(NUMBERS) | {"mode": "POINTS", "is_by_last": False, "is_active": True}
        wanted = {field: given.get(field, known.get(field, first[field])) for field in FIELDS}
        _check(symbol, wanted, instrument["tick_size"])
        who = {"symbol": symbol, "changed_by": changed_by, "reason": reason}
        if any(wanted[field] != known.get(field) for field in FIELDS):
            database.rows(connection, "change_targets", {**wanted, **who})
        return next(row for row in targets(connection) if row["symbol"] == symbol)


def versions(connection: Connection[Any], symbol: str) -> list[dict[str, Any]]:
    """Return what a symbol's targets were before, newest first, each until `valid_to`, UTC."""
    return database.rows(connection, "target_versions", {"symbol": symbol})


def undo(
    connection: Connection[Any], symbol: str, version: int, *, changed_by: str
) -> dict[str, Any]:
    """Restore a version of a symbol's targets, as a new one. Raises `NotFound` where there is none.

    Returns the targets as they are then.
    """
    for row in versions(connection, symbol):
        if row["version"] == version:
            content = row["content"]
            given = {field: content[field] for field in FIELDS}
            for field in NUMBERS:
                given[field] = None if content[field] is None else Decimal(str(content[field]))
            reason = f"version {version} again"
            return change(connection, symbol, given, changed_by=changed_by, reason=reason)
    raise NotFound(f"version: {symbol} has no targets of version {version} to undo")


def _check(symbol: str, wanted: Mapping[str, Any], tick: Decimal) -> None:
    if wanted["mode"] not in MODES:
        raise Rejected(f"mode: {wanted['mode']!r} is none of {', '.join(MODES)}")
    for field in NUMBERS:
        value = wanted[field]
        is_percent = field.startswith("percent")
        if value is None:
            if wanted["mode"] == ("PERCENT" if is_percent else "POINTS"):
                raise Rejected(f"{field}: is missing; the mode {wanted['mode']} needs it")
        elif not value.is_finite():
            raise Rejected(f"{field}: {value} is no number to count with")
        elif is_percent and not 0 < value < _PERCENT_MAX:
            raise Rejected(f"{field}: {value} is not between 0 and {_PERCENT_MAX} percent")
        elif not is_percent and value < tick:
            raise Rejected(
                f"{field}: {value} is less than a tick of {symbol}, {tick}; give at least that"
            )
