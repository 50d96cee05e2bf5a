"""`thor markets`: the world's markets, their hours and their holidays.

Reads and changes reference.markets and market_overrides.
"""

import getpass
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, console, day, open_database, show
from thor.errors import Rejected

app = typer.Typer(
    no_args_is_help=True, help="The world's markets: list, add, edit, close on a day, open again."
)

Name = Annotated[str, typer.Argument(help="The market: India, or united-kingdom.")]
Display = Annotated[str | None, typer.Option(help="Its name on the clock wall; its own.")]
Calendar = Annotated[
    str | None, typer.Option(help="Whose holidays, a name of pandas_market_calendars: XKRX.")
]
Zone = Annotated[str | None, typer.Option(help="Whose wall clock, as Asia/Seoul.")]
HoursZone = Annotated[
    str | None, typer.Option(help="The zone whose summer time moves its hours; its own.")
]
Opens = Annotated[str | None, typer.Option("--open", help="When it opens, as 09:00.")]
Closes = Annotated[str | None, typer.Option("--close", help="When it closes, as 15:30.")]
Lunch = Annotated[str | None, typer.Option(help="Its lunch break, as 11:30-12:30, or none.")]
Weight = Annotated[float | None, typer.Option(help="Its share in the composite, 0 to 1.")]
Control = Annotated[
    bool | None, typer.Option("--control/--no-control", help="Whether it counts in the composite.")
]
Captured = Annotated[
    bool | None, typer.Option("--captured/--no-captured", help="Whether openings are captured.")
]
Order = Annotated[int | None, typer.Option("--sort-order", help="Ascending from east to west.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the version.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the markets from east to west: hours by their clock, state, how far days are sure."""
    from thor import clock, database
    from thor.reference import markets

    now = clock.now()
    with open_database() as connection:
        known = markets.markets(connection)
        unsure = markets.unconfirmed_from(connection, now.date())
        states = {
            row["market"]: row for row in database.rows(connection, "market_states", {"as_of": now})
        }
    show([_row(one, states[name], unsure.get(name)) for name, one in known.items()], "markets",
         as_json=as_json)  # fmt: skip


def _row(market: Any, state: dict[str, Any], unsure: date | None) -> dict[str, Any]:
    lunch = ""
    if market.lunch_start is not None:
        lunch = f"{market.lunch_start:%H:%M}-{market.lunch_end:%H:%M}"
    return {
        "market": market.market,
        "state": state["state"],
        "local_time": f"{state['local_time']:%a %H:%M}",
        "next_event": state["next_event"],
        "hours": f"{market.open:%H:%M}-{market.close:%H:%M}",
        "lunch": lunch,
        "time_zone": market.time_zone,
        "calendar": market.calendar,
        "weight": f"{market.weight:.2f}",
        "is_control": market.is_control,
        "is_captured": market.is_captured,
        "unconfirmed_from": unsure,
    }


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Its name: South Korea.")],
    calendar: Annotated[
        str, typer.Option(help="Whose holidays, a name of pandas_market_calendars: XKRX.")
    ],
    time_zone: Annotated[str, typer.Option(help="Whose wall clock, as Asia/Seoul.")],
    opens: Annotated[str, typer.Option("--open", help="When it opens, as 09:00.")],
    closes: Annotated[str, typer.Option("--close", help="When it closes, as 15:30.")],
    lunch: Lunch = None,
    hours_zone: HoursZone = None,
    display: Display = None,
    weight: Weight = 0.0,
    control: Control = False,
    captured: Captured = False,
    sort_order: Order = 1000,
    reason: Reason = "added",
) -> None:
    """Add a market and compute its days."""
    from thor import clock
    from thor.domain.markets import Market
    from thor.reference import markets

    start, end = _lunch(lunch) if lunch is not None else (None, None)
    one = Market(
        market=name,
        display=display or name,
        calendar=calendar,
        time_zone=time_zone,
        hours_zone=hours_zone,
        open=_time("open", opens),
        close=_time("close", closes),
        lunch_start=start,
        lunch_end=end,
        weight=weight or 0.0,
        is_control=bool(control),
        is_captured=bool(captured),
        sort_order=sort_order or 0,
    )
    with open_database() as connection:
        markets.add(
            connection, one, clock.now().date(), changed_by=getpass.getuser(), reason=reason
        )
    console.print(f"{name} is added, and its days are computed")


@app.command("edit")
def edit(
    name: Name,
    reason: Reason,
    display: Display = None,
    calendar: Calendar = None,
    time_zone: Zone = None,
    hours_zone: HoursZone = None,
    opens: Opens = None,
    closes: Closes = None,
    lunch: Lunch = None,
    since: Annotated[
        str | None, typer.Option(help="First day of other hours, YYYY-MM-DD; today.")
    ] = None,
    confirmed_until: Annotated[
        str | None, typer.Option(help="Last day that was checked against the exchange's list.")
    ] = None,
    weight: Weight = None,
    control: Control = None,
    captured: Captured = None,
    sort_order: Order = None,
) -> None:
    """Change a market; the old values are kept as a version, and days before keep their hours."""
    from thor import clock
    from thor.reference import markets

    given: dict[str, Any] = {
        "display": display,
        "calendar": calendar,
        "time_zone": time_zone,
        "hours_zone": hours_zone,
        "open": None if opens is None else _time("open", opens),
        "close": None if closes is None else _time("close", closes),
        "hours_since": day(since, "--since"),
        "confirmed_until": day(confirmed_until, "--confirmed-until"),
        "weight": weight,
        "is_control": control,
        "is_captured": captured,
        "sort_order": sort_order,
    }
    given = {field: value for field, value in given.items() if value is not None}
    if lunch is not None:
        given["lunch_start"], given["lunch_end"] = _lunch(lunch)
    if not given:
        raise Rejected("name something to change, as --weight 0.1; `--help` lists it")
    with open_database() as connection:
        changed = markets.edit(
            connection,
            name,
            given,
            clock.now().date(),
            changed_by=getpass.getuser(),
            reason=reason,
        )
    console.print(f"{changed.market} is changed, and its days are computed again")


@app.command("close")
def close(
    name: Name,
    days: Annotated[list[str] | None, typer.Argument(help="Days, YYYY-MM-DD.")] = None,
    note: Annotated[str | None, typer.Option(help="Why it is closed then.")] = None,
    file: Annotated[Path | None, typer.Option(help="A CSV of holidays instead: day,note.")] = None,
    confirmed_until: Annotated[
        str | None,
        typer.Option(help="Last day of the exchange's list: until then all other days are sure."),
    ] = None,
) -> None:
    """Close a market on days, whatever the library says; `thor markets open` takes it back."""
    from thor.reference import markets

    if bool(days) == (file is not None):
        raise Rejected("day: name one day or more, or a file of many with --file")
    if file is not None:
        closed = markets.read_holidays(file)
    else:
        parsed = [day(text, "day") for text in days or ()]
        closed = {one: note or "" for one in parsed if one is not None}
    with open_database() as connection:
        changed = markets.close(
            connection,
            name,
            closed,
            changed_by=getpass.getuser(),
            confirmed_until=day(confirmed_until, "--confirmed-until"),
        )
    shown = ", ".join(map(str, closed)) if len(closed) < 4 else f"{len(closed)} days"
    console.print(f"{changed.market} is closed on {shown}")


@app.command("open")
def open_(
    name: Name,
    on: Annotated[str, typer.Argument(metavar="DAY", help="The day, YYYY-MM-DD.")],
    hours: Annotated[
        str | None,
        typer.Option(help="Hours by its wall clock, as 09:15-13:00; without, the entry is undone."),
    ] = None,
    lunch: Lunch = None,
    note: Annotated[str | None, typer.Option(help="Why it trades then.")] = None,
) -> None:
    """Take back what was entered for a day, or let a market trade some hours of it."""
    from thor.domain.markets import DayHours
    from thor.reference import markets

    given = None
    if hours is not None:
        first, _, last = hours.partition("-")
        start, end = _lunch(lunch) if lunch is not None else (None, None)
        given = DayHours(
            open=_time("open", first),
            close=_time("close", last),
            lunch_start=start,
            lunch_end=end,
        )
    elif lunch is not None:
        raise Rejected("hours: are missing; a lunch break lies within them")
    found_day = day(on, "day")
    assert found_day is not None
    with open_database() as connection:
        found = markets.open_(
            connection, name, found_day, given, note, changed_by=getpass.getuser()
        )
    if found is None or found.open_at is None or found.close_at is None:
        why = "a day without trading" if found is None else f"a holiday: {found.note}"
        console.print(f"{on} is as the library has it, {why}")
        return
    console.print(f"it trades on {on} from {found.open_at:%H:%M} to {found.close_at:%H:%M} UTC")


def _lunch(text: str) -> tuple[time | None, time | None]:
    if text == "none":
        return None, None
    first, _, last = text.partition("-")
    return _time("lunch_start", first), _time("lunch_end", last)


def _time(field: str, text: str) -> time:
    try:
        found = time.fromisoformat(text.strip())
    except ValueError as error:
        raise Rejected(f"{field}: {text!r} is no time as 08:30 is") from error
    if found.tzinfo is not None:
        raise Rejected(f"{field}: {text!r} has a zone; write the wall clock's time, as 08:30")
    return found
