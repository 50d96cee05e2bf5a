"""Fill a panel's SQL as Grafana does before PostgreSQL gets it: variables, then macros.

For tests and measurements, since no Grafana server runs there.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

_MACRO = re.compile(r"\$__(\w+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?::(?P<format>\w+))?\}|\$(?P<bare>\w+)")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class UnknownError(Exception):
    """A macro or variable that Grafana would not fill."""


def filled(
    sql: str,
    start: datetime,
    end: datetime,
    variables: Mapping[str, str | list[str]],
    points: int = 1000,
) -> str:
    """Return the SQL for a range of time, UTC, and a panel so many pixels wide."""
    every_s = _interval_s(end - start, points)
    built_in = {
        "__interval": f"{every_s}s",
        "__interval_ms": str(every_s * 1000),
        "__from": str(int(start.timestamp() * 1000)),
        "__to": str(int(end.timestamp() * 1000)),
    }

    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if name in built_in:
            return built_in[name]
        if name.startswith("__"):
            return match[0]
        if name not in variables:
            raise UnknownError(f"${name} is no variable of the dashboard")
        given = variables[name]
        if match["format"] == "raw":
            return given if isinstance(given, str) else ",".join(given)
        if isinstance(given, str):
            return given.replace("'", "''")
        quoted = (one.replace("'", "''") for one in given)
        return ",".join(f"'{one}'" for one in quoted)

    def macro(match: re.Match[str]) -> str:
        name, words = match[1], [word.strip() for word in match[2].split(",")]
        first, last = _instant(start), _instant(end)
        if name == "timeFrom":
            return f"'{first}'"
        if name == "timeTo":
            return f"'{last}'"
        if name == "timeFilter":
            return f"{words[0]} BETWEEN '{first}' AND '{last}'"
        if name in ("timeGroup", "timeGroupAlias"):
            every = _seconds(words[1])
            alias = ' AS "time"' if name == "timeGroupAlias" else ""
            return f"floor(extract(epoch from {words[0]})/{every:g})*{every:g}{alias}"
        raise UnknownError(f"$__{name} is a macro that is not known here")

    return _MACRO.sub(macro, _VARIABLE.sub(value, sql))


def _instant(ts: datetime) -> str:
    return ts.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _interval_s(span: timedelta, points: int) -> int:
    return max(1, round(span.total_seconds() / points))


def _seconds(text: str) -> float:
    found = re.fullmatch(r"'?(\d+)(ms|s|m|h|d)'?", text)
    if found is None:
        raise UnknownError(f"{text} is no interval")
    return int(found[1]) * _UNITS_S[found[2]]
