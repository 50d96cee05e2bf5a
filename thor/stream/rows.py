"""Turn rows of the database into the forms of the API's answers."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from thor.domain import timestamps

T = TypeVar("T")


def exact(_: str, value: Decimal) -> str:
    """Return a decimal with the digits it needs, whatever its column."""
    return f"{value.normalize():f}"


def converted(
    row: Mapping[str, Any], kind: type[T], decimal: Callable[[str, Decimal], str] = exact
) -> T:
    """Return a row as one of the forms; columns that it does not have are left out.

    Times become UTC texts with microseconds, dates ISO 8601. `decimal` gives the text of an
    exact number, with the name of its column.
    """
    values = {name: _text(name, value, decimal) for name, value in row.items()}
    return msgspec.convert(values, kind)


def _text(name: str, value: Any, decimal: Callable[[str, Decimal], str]) -> Any:
    match value:
        case datetime():
            return timestamps.format_utc(value)
        case date():
            return value.isoformat()
        case Decimal():
            return decimal(name, value)
        case _:
            return value
