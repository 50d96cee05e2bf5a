"""Resolve a vendor's instrument number, which may change from day to day, to a series.

Stage 20, collect. The mappings of a Databento file → root and month, by number and day.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from thor.domain.series import Series, SeriesNames

_EPOCH = date(1970, 1, 1)
# `ES.c.0`, `ES.v.0`, `ES.n.0`: the vendor's own continuous front month.
_FRONT = re.compile(r"(?P<root>[A-Z0-9]{1,4})\.[a-z]\.0")


class Symbology:
    """Which series an instrument number names on which day.

    A month code gives root and month, a continuous front month (`ES.c.0`) its root, and any other
    name is kept as it is, listed or not.
    """

    def __init__(
        self,
        mappings: Mapping[str, Sequence[Mapping[str, Any]]],
        stype_out: str,
        names: SeriesNames,
    ) -> None:
        """Take the file's mappings; `stype_out` says which side is the number."""
        self._names = names
        self._named: dict[int, list[tuple[date, date, str]]] = {}
        for key, intervals in mappings.items():
            for interval in intervals:
                mapped = interval["symbol"]
                number, name = (mapped, key) if stype_out == "instrument_id" else (key, mapped)
                if number.isdecimal() and name:
                    span = (interval["start_date"], interval["end_date"], name)
                    self._named.setdefault(int(number), []).append(span)
        self._known: dict[tuple[int, int], Series | None] = {}

    @property
    def is_there(self) -> bool:
        """Whether the file names any instrument at all."""
        return bool(self._named)

    def series(self, instrument_id: int, day_number: int) -> Series | None:
        """Return the series of a number on a day (days since 1970), or None without one."""
        key = (instrument_id, day_number)
        if key not in self._known:
            self._known[key] = self._found(instrument_id, day_of(day_number))
        return self._known[key]

    def _found(self, instrument_id: int, day: date) -> Series | None:
        for start, end, name in self._named.get(instrument_id, ()):
            # The end of an interval is the first day that is no longer in it.
            if start <= day < end:
                front = _FRONT.fullmatch(name)
                return Series(front["root"], None) if front else self._names.series(name, day)
        return None


def day_of(day_number: int) -> date:
    """Return the day so many days after 1 January 1970."""
    return _EPOCH + timedelta(days=day_number)
