"""Parse a request's parameters; a wrong one is refused by its field's name.

Gives symbols' names, instants, widths of bars and the filter of a stream.
"""

import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from thor.domain.bar import FEATURE_WIDTHS, WIDTHS, day_start
from thor.errors import Rejected
from thor.stream.buffer import EventFilter
from thor.stream.events import TickKey, tick_key

# Between them every look-back and every width fits.
_FIRST, _END = datetime(1900, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
_KINDS = ("tick", "quote", "bar")
# Only for those who ask: each costs a question a second.
_DESK = ("signal", "total", "extreme")
_WORLD = (
    *("session", "market", "grade", "prediction"),
    *("order", "fill", "position", "account", "kill"),
)
_NAMES_MAX = 1_000
_ADJUSTED = ("none", "raw", "difference", "ratio")
_RULE = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
# Every number of so many digits is one of PostgreSQL's bigint.
_SEQ = re.compile(r"[0-9]{1,18}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# A + without percent-encoding arrives as a blank.
_BLANK_FOR_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)$")


def names(field: str, text: str | None, such_as: str = "ES,NQ") -> list[str] | None:
    """Split `ES,NQ` into names; None where no names are given."""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise Rejected(f"{field}: {text[:60]!r} has an empty name; write them as {such_as}")
    if len(found) > _NAMES_MAX:
        raise Rejected(f"{field}: {len(found)} names, at most {_NAMES_MAX} are taken")
    return found


def instant(field: str, text: str | None) -> datetime | None:
    """Read an ISO 8601 instant with a zone; raises `Rejected` naming the field."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(_BLANK_FOR_PLUS.sub(r"\1+\2", text.strip()))
        if found.tzinfo is not None:
            return _within(field, text, found.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise Rejected(
            f"{field}: {text[:60]!r} is no time; write it as 2026-11-20T14:30:00Z"
        ) from error
    raise Rejected(
        f"{field}: {text[:60]!r} has no time zone; write it as {text[:32]}Z if it is UTC"
    )


def _within(field: str, text: str, ts: datetime) -> datetime:
    if not _FIRST <= ts < _END:
        raise Rejected(f"{field}: {text[:60]!r} is not within the years 1900 to 2299")
    return ts


def decimal(field: str, text: str) -> Decimal:
    """Read a decimal number; raises `Rejected` naming the field."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Rejected(f"{field}: {text[:60]!r} is not a number") from error


def moment(field: str, text: str | None) -> datetime | None:
    """Read an instant, or a date for the instant at which that trade date begins."""
    if text is None or not _DATE.fullmatch(text.strip()):
        return instant(field, text)
    try:
        return _within(field, text, day_start(date.fromisoformat(text.strip())))
    except (ValueError, OverflowError) as error:
        raise Rejected(f"{field}: {text} is no date; write it as 2026-11-20") from error


def span(
    ts_from: str | None,
    ts_to: str | None,
    read: Callable[[str, str | None], datetime | None] = instant,
) -> dict[str, datetime | None]:
    """Read a half-open span of time; either end may be open."""
    first, end = read("from", ts_from), read("to", ts_to)
    if first is not None and end is not None and end - first <= timedelta(0):
        raise Rejected(f"to: {ts_to} is not after from, {ts_from}")
    return {"ts_from": first, "ts_to": end}


def cursor(text: str | None, header: str | None) -> TickKey | None:
    """Read where a stream resumes: the browser's header takes precedence over the query."""
    if header:
        return tick_key("Last-Event-ID", header)
    return None if text is None else tick_key("from", text)


def ticks(ts_from: str | None, ts_to: str | None, before: str | None) -> dict[str, Any]:
    """Read the parameters of ticks: a span, and the cursor to read before."""
    return {**span(ts_from, ts_to), **_before(before)}


def _before(text: str | None) -> dict[str, Any]:
    if text is None:
        return dict.fromkeys(("before_ts", "before_seq", "before_source"))
    ts, _, rest = text.partition(",")
    seq, _, source = rest.partition(",")
    if not (source and _SEQ.fullmatch(seq)):
        raise Rejected(
            f"before: {text[:60]!r} is no cursor; it is ts, seq and source of the first tick that "
            "was seen, 2026-11-20T14:30:00.000000Z,42,SIM"
        )
    return {"before_ts": instant("before", ts), "before_seq": int(seq), "before_source": source}


def width(field: str, text: str, widths: Collection[str] = WIDTHS) -> str:
    """Read the width of a bar; raises `Rejected` naming the field."""
    if text not in widths:
        raise Rejected(f"{field}: {text[:40]!r} is none of {', '.join(widths)}")
    return text


def event_filter(
    symbols: list[str] | None, events: str | None, mode: str, bars: str | None = None
) -> EventFilter:
    """Return the filter of a stream; raises `Rejected` for an unknown kind of event.

    A conflated stream has quotes, bars of the widths chosen, and the desk's signals, TOTAL and
    extremes where they are asked for, whatever kinds are named.
    """
    widths = frozenset(width("bars", name) for name in names("bars", bars) or ())
    kinds = names("events", events) or list(_KINDS)
    for kind in kinds:
        if kind not in (*_KINDS, *_DESK, *_WORLD):
            known = ", ".join((*_KINDS, *_DESK, *_WORLD))
            raise Rejected(f"events: {kind[:40]!r} is none of {known}")
    if events is not None and "bar" in kinds and not widths:
        raise Rejected("bars: choose their widths where events has bar; write bars=1m or 1m,5m")
    chosen = None if symbols is None else frozenset(symbols)
    has_desk = any(kind in _DESK for kind in kinds)
    world = frozenset(kinds) & frozenset(_WORLD)
    if mode == "conflated":
        kinds = ["quote"]
    return EventFilter(chosen, "tick" in kinds, "quote" in kinds, widths, has_desk, world)


def bars(
    of_width: str, ts_from: str | None, ts_to: str | None, adjusted: str, rule: str
) -> dict[str, Any]:
    """Read the parameters of bars; a date means the beginning of that trade date.

    Raises `Rejected` for a combination without bars.
    """
    asked = {"width": width("width", of_width), **span(ts_from, ts_to, moment)}
    if adjusted not in _ADJUSTED:
        raise Rejected(f"adjusted: {adjusted[:40]!r} is none of {', '.join(_ADJUSTED)}")
    if adjusted != "none" and of_width == "1s":
        raise Rejected(
            f"adjusted: {adjusted} is not there for a width of 1s; 1m, 5m, 1h and 1d are"
        )
    if not _RULE.fullmatch(rule):
        raise Rejected(f"rule: {rule[:40]!r} is no rule's name; write volume, or expiry-5")
    return {**asked, "adjusted": adjusted, "rule": rule}


def features(
    of_width: str, ts_from: str | None, ts_to: str | None, names_text: str | None
) -> dict[str, Any]:
    """Read the parameters of features; a date means the beginning of that trade date.

    Raises `Rejected` for a width without features, or a text that is no list of names.
    """
    return {
        "width": width("width", of_width, FEATURE_WIDTHS),
        "names": names("names", names_text, "rsi_14,ema_20"),
        **span(ts_from, ts_to, moment),
    }
