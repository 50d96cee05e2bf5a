"""Find the rolls between front months in the months' bars, and store them.

Stage 40, bars. Reads reference.contracts and the bars of every width; gives reference.rolls, which
the continuous views read.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.bar import WIDTHS
from thor.domain.business_days import BusinessDays
from thor.domain.contracts import Contract, called, of_series
from thor.domain.rolls import Roll, Traded, by_expiry, by_volume, rule_name
from thor.domain.sessions import trade_date
from thor.errors import NotFound

# The gap is taken from the finest bars that both months have; an older bar is of another market.
_WIDTHS = tuple(width for width in WIDTHS if width != "1s")
_COMMON_WITHIN = timedelta(days=7)


def lock(connection: Connection[Any]) -> None:
    """Lock out other transactions that find rolls, until this one ends."""
    database.rows(connection, "lock_rolls")


def find(
    connection: Connection[Any],
    root: str,
    as_of: datetime,
    months: list[Contract],
    days: BusinessDays,
    *,
    days_before: int | None = None,
    splice: bool = False,
) -> list[Roll]:
    """Find a root's rolls in the trade dates that are over at `as_of`, and keep them.

    Takes the root's contract months and its exchange's business days, and runs in the
    caller's transaction. See `thor.flow.find_rolls`.
    """
    rule = rule_name(days_before)
    traded = _traded(connection, root, months, trade_date(as_of))
    if days_before is None:
        bare = by_volume(root, traded, days)
    else:
        bare = by_expiry(root, traded, days, days_before)
    found = [_priced(connection, roll, splice) for roll in bare]
    _keep(connection, root, rule, found)
    return found


def listed(
    connection: Connection[Any], root: str | None = None, rule: str | None = None
) -> list[dict[str, Any]]:
    """Return the rows of reference.rolls in order of time, of one root or rule where given."""
    return database.rows(connection, "rolls", {"root": root, "rule": rule})


def roots_with_months(connection: Connection[Any]) -> list[str]:
    """Return the roots that have a daily bar of a month of theirs, sorted."""
    return [row["root"] for row in database.rows(connection, "roots_with_months")]


def _traded(
    connection: Connection[Any], root: str, months: list[Contract], before: date
) -> list[Traded]:
    if not months:
        raise NotFound(f"contracts: there are none of {root}; run `thor contracts compute {root}`")
    series = [row["symbol"] for row in database.rows(connection, "months_of_root", {"root": root})]
    named = {name: called(name, months) for name in series}
    found = []
    values = {"series": series, "before": before}
    for row in database.rows(connection, "volumes_of_months", values):
        day, name = row["trade_date"], row["symbol"]
        contract = of_series(named[name], day)
        if contract is None:
            raise NotFound(
                f"contracts: none of {root} is what {name} was on {day}; run `thor contracts "
                f"compute {root}`, or add it: `thor contracts add {name} --last-trade …`"
            )
        found.append(Traded(trade_date=day, contract=contract, series=name, volume=row["volume"]))
    if not found:
        raise NotFound(
            f"bars: there are none of {root}'s months before {before}; replay a tape that names "
            "the month, or `thor bars import` one"
        )
    return found


def _priced(connection: Connection[Any], roll: Roll, splice: bool) -> Roll:
    if roll.from_contract is None:
        return roll
    span = {
        "from_contract": roll.from_contract,
        "to_contract": roll.to_contract,
        "rolled_at": roll.rolled_at,
        "ts_from": roll.rolled_at - _COMMON_WITHIN,
        "ts_to": roll.rolled_at + _COMMON_WITHIN,
    }
    for width in _WIDTHS:
        if row := database.row(connection, "prices_at_roll", {**span, "width": width}):
            return _with(roll, row, width)
    for width in _WIDTHS if splice else ():
        if row := database.row(connection, "prices_beside_roll", {**span, "width": width}):
            return _with(roll, row, width)
    return roll


def _with(roll: Roll, row: dict[str, Any], width: str) -> Roll:
    seen = {name: str(value) for name, value in row.items() if name.endswith(("_close", "_open"))}
    for name in ("bar_start", "to_bar_start"):
        if name in row:
            seen[name] = row[name].astimezone(UTC).isoformat()
    evidence = {**roll.evidence, "width": width, **seen}
    return msgspec.structs.replace(roll, gap=row["gap"], ratio=row["ratio"], evidence=evidence)


def _keep(connection: Connection[Any], root: str, rule: str, found: list[Roll]) -> None:
    kept = [roll.rolled_at for roll in found]
    database.rows(connection, "remove_rolls", {"root": root, "rule": rule, "kept": kept})
    for roll in found:
        values = msgspec.structs.asdict(roll)
        values["evidence"] = msgspec.json.encode(roll.evidence).decode()
        database.execute(connection, "keep_roll", values)
