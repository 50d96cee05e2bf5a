"""Read and change the desk's numbers: thresholds and weights, in sets, with their versions.

Stage 45, studies. Every change is a version with who made it and why; any version can be restored,
which is a change too.
"""

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from thor import database
from thor.database import Connection
from thor.errors import NotFound, Rejected

THRESHOLDS = ("strong_buy", "buy", "sell", "strong_sell")
WEIGHT = ("weight", "is_inverted")
SIGNALS = ("STRONG_BUY", "BUY", "HOLD", "SELL", "STRONG_SELL")
# What numeric(18, 8) holds.
_LIMIT, _PLACES = Decimal(10) ** 10, 8


def sets(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Return the sets: name, description, number of symbols."""
    return database.rows(connection, "desk_sets")


def numbers(connection: Connection[Any], of_set: str) -> list[dict[str, Any]]:
    """Return a set's numbers, one row a symbol, in display order.

    Thresholds are net changes in points. Raises `NotFound` for an unknown set.
    """
    found = database.rows(connection, "desk_numbers", {"set": of_set})
    if not found:
        names = ", ".join(row["set"] for row in sets(connection))
        raise NotFound(f"set: {of_set!r} is none of {names}")
    return found


def change(
    connection: Connection[Any],
    of_set: str,
    symbol: str,
    given: Mapping[str, Decimal | bool],
    *,
    changed_by: str,
    reason: str,
) -> dict[str, Any]:
    """Change some of a symbol's numbers and return all its current numbers.

    Raises `NotFound` for an unknown set or symbol, `Rejected` for an unknown field, thresholds out
    of order, weights that are all zero, or a change without a reason.
    """
    if not reason.strip():
        raise Rejected("reason: is missing; say why the number changes")
    unknown = sorted(set(given) - {*THRESHOLDS, *WEIGHT})
    if unknown:
        raise Rejected(f"{unknown[0]}: is none of {', '.join((*THRESHOLDS, *WEIGHT))}")
    with database.transaction(connection):
        database.rows(connection, "lock_desk_set", {"set": of_set})
        rows = {row["symbol"]: row for row in numbers(connection, of_set)}
        if symbol not in rows:
            raise NotFound(f"symbol: {symbol!r} is none of {', '.join(rows)} of the set {of_set}")
        stands = rows[symbol]
        wanted = {field: given.get(field, stands[field]) for field in (*THRESHOLDS, *WEIGHT)}
        _check(wanted)
        others = [row["weight"] for name, row in rows.items() if name != symbol]
        if wanted["weight"] == 0 and not any(others):
            raise Rejected(
                f"weight: all weights of the set {of_set} would be 0; leave one that is not"
            )
        who = {"set": of_set, "symbol": symbol, "changed_by": changed_by, "reason": reason}
        if any(wanted[field] != stands[field] for field in THRESHOLDS):
            levels = {field: wanted[field] for field in THRESHOLDS}
            database.rows(connection, "change_thresholds", {**levels, **who})
        if any(wanted[field] != stands[field] for field in WEIGHT):
            weight = {field: wanted[field] for field in WEIGHT}
            database.rows(connection, "change_weight", {**weight, **who})
        return next(row for row in numbers(connection, of_set) if row["symbol"] == symbol)


def versions(connection: Connection[Any], of_set: str, symbol: str) -> list[dict[str, Any]]:
    """Return what a symbol's numbers were before, newest first, each until `valid_to`, UTC."""
    return database.rows(connection, "desk_versions", {"set": of_set, "symbol": symbol})


def undo(
    connection: Connection[Any],
    of_set: str,
    symbol: str,
    relation: str,
    version: int,
    *,
    changed_by: str,
) -> dict[str, Any]:
    """Restore a version of a symbol's `thresholds` or `contract_weights`.

    Returns all current numbers. Raises `NotFound` for an unknown version.
    """
    fields = THRESHOLDS if relation == "thresholds" else WEIGHT
    for row in versions(connection, of_set, symbol):
        if (row["relation"], row["version"]) == (relation, version):
            content = row["content"]
            given = {
                field: content[field] if field == "is_inverted" else Decimal(str(content[field]))
                for field in fields
            }
            reason = f"version {version} again"
            return change(connection, of_set, symbol, given, changed_by=changed_by, reason=reason)
    raise NotFound(f"version: {relation} of {symbol} in {of_set} has no version {version} to undo")


def signal_weights(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Return what each signal counts for in the composite signal, from STRONG_BUY down."""
    return database.rows(connection, "signal_weights")


def change_signal_weight(
    connection: Connection[Any], signal: str, weight: Decimal, *, changed_by: str, reason: str
) -> dict[str, Any]:
    """Change a signal's weight, in every set, and return its current row.

    Raises `NotFound` for an unknown signal, `Rejected` for weights that rise from STRONG_BUY to
    STRONG_SELL, that are all equal, or a change without a reason.
    """
    if not reason.strip():
        raise Rejected("reason: is missing; say why the number changes")
    _check_number("weight", weight)
    with database.transaction(connection):
        database.execute(connection, "lock_signal_weights")
        weights = {row["signal"]: row["weight"] for row in signal_weights(connection)}
        if signal not in weights:
            raise NotFound(f"signal: {signal!r} is none of {', '.join(SIGNALS)}")
        stands, weights[signal] = weights[signal], weight
        levels = [weights[name] for name in SIGNALS]
        shown = " >= ".join(f"{name} {weights[name].normalize():f}" for name in SIGNALS)
        if not all(above >= below for above, below in pairwise(levels)):
            raise Rejected(f"weight: is out of order, {shown} has to hold")
        if levels[0] == levels[-1]:
            raise Rejected(f"weight: all would be {levels[0]}; signals that are equal are none")
        if weight != stands:
            values = {
                "signal": signal, "weight": weight, "changed_by": changed_by, "reason": reason,
            }  # fmt: skip
            database.rows(connection, "change_signal_weight", values)
        return next(row for row in signal_weights(connection) if row["signal"] == signal)


def signal_versions(connection: Connection[Any], signal: str) -> list[dict[str, Any]]:
    """Return what a signal's weight was before, newest first, each until `valid_to`, UTC."""
    return database.rows(connection, "signal_weight_versions", {"signal": signal})


def undo_signal_weight(
    connection: Connection[Any], signal: str, version: int, *, changed_by: str
) -> dict[str, Any]:
    """Restore a version of a signal's weight; raises `NotFound` for an unknown version."""
    for row in signal_versions(connection, signal):
        if row["version"] == version:
            weight = Decimal(str(row["content"]["weight"]))
            reason = f"version {version} again"
            return change_signal_weight(
                connection, signal, weight, changed_by=changed_by, reason=reason
            )
    raise NotFound(f"version: the weight of {signal} has no version {version} to undo")


def _check_number(field: str, value: Decimal) -> None:
    if not value.is_finite():
        raise Rejected(f"{field}: {value} is no number to count with")
    exponent = value.normalize().as_tuple().exponent
    if abs(value) >= _LIMIT or (isinstance(exponent, int) and exponent < -_PLACES):
        raise Rejected(f"{field}: {value} needs more than 10 digits before or 8 after the point")


def _check(wanted: Mapping[str, Any]) -> None:
    for field in (*THRESHOLDS, "weight"):
        _check_number(field, wanted[field])
    levels = [wanted[field] for field in THRESHOLDS]
    if not all(above > below for above, below in pairwise(levels)):
        shown = " > ".join(f"{field} {wanted[field]}" for field in THRESHOLDS)
        raise Rejected(f"thresholds: are out of order, {shown} has to hold")
    if not levels[0] > 0 > levels[-1]:
        raise Rejected(
            f"strong_buy: {levels[0]} has to be above 0 and strong_sell {levels[-1]} below"
        )
