"""Read what a request asks for; what is wrong is refused by its field's name.

Door. Gives symbols' names, instants and the wish of a stream.
"""

import re
from datetime import UTC, datetime, timedelta

from thor.errors import Rejected
from thor.flow.screen_frames import TickKey, tick_key
from thor.flow.screen_ring import Wish

_KINDS = ("tick", "quote")
_NAMES_MAX = 1_000
# A + that was not percent-encoded arrives as a blank.
_BLANK_FOR_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)$")


def names(field: str, text: str | None) -> list[str] | None:
    """Split `ES,NQ` into names; None where nothing was asked for by name."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise Rejected(f"{field}: {text[:60]!r} has an empty name; write them as ES,NQ")
    if len(found) > _NAMES_MAX:
        raise Rejected(f"{field}: {len(found)} names, at most {_NAMES_MAX} are taken")
    return found


def instant(field: str, text: str | None) -> datetime | None:
    """Read an ISO 8601 instant that says its zone; raises `Rejected` naming the field."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(_BLANK_FOR_PLUS.sub(r"\1+\2", text.strip()))
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Rejected(
            f"{field}: {text[:60]!r} is no time; write it as 2026-11-20T14:30:00Z"
        ) from error
    raise Rejected(
        f"{field}: {text[:60]!r} has no time zone; write it as {text[:32]}Z if it is UTC"
    )


def span(ts_from: str | None, ts_to: str | None) -> dict[str, datetime | None]:
    """Read a half-open span of time; either end may be open."""
    first, end = instant("from", ts_from), instant("to", ts_to)
    if first is not None and end is not None and end - first <= timedelta(0):
        raise Rejected(f"to: {ts_to} is not after from, {ts_from}")
    return {"ts_from": first, "ts_to": end}


def place(text: str | None, header: str | None) -> TickKey | None:
    """Read where a stream goes on: the browser's header comes before the query."""
    if header:
        return tick_key("Last-Event-ID", header)
    return None if text is None else tick_key("from", text)


def wish(symbols: list[str] | None, events: str | None, mode: str) -> Wish:
    """Return what a stream is to hold; raises `Rejected` for an unknown kind of event.

    A conflated stream holds quotes, whatever is wished.
    """
    kinds = names("events", events) or list(_KINDS)
    for kind in kinds:
        if kind not in _KINDS:
            raise Rejected(f"events: {kind[:40]!r} is none of {', '.join(_KINDS)}")
    chosen = None if symbols is None else frozenset(symbols)
    if mode == "conflated":
        kinds = ["quote"]
    return Wish(chosen, "tick" in kinds, "quote" in kinds)
