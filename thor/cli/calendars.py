"""`thor calendars`: the hours that instruments keep.

Reads reference.calendars, and adds to it; checks reference.sessions.
"""

from datetime import time
from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, console, open_database, show
from thor.config import Settings
from thor.errors import Rejected

app = typer.Typer(no_args_is_help=True, help="List the calendars, or add another exchange's.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the usual hours of every calendar, on the wall clock of its zone."""
    from thor.domain.hours import HOURS
    from thor.reference import calendars

    with open_database() as connection:
        known = calendars.known(connection)
    rows: list[dict[str, Any]] = [
        {
            "calendar": name,
            "zone": hours.zone.key,
            "opens": f"{hours.open:%H:%M}",
            "on": "the day" if hours.opens_on_day else "the eve",
            "closes": f"{hours.close:%H:%M}",
            "regular": f"{hours.regular_open:%H:%M}-{hours.regular_close:%H:%M}",
            "whose": "Thor's" if name in HOURS else "yours",
        }
        for name, hours in known.items()
    ]
    show(rows, "calendars", as_json=as_json)


@app.command()
def check(as_json: AsJson = False) -> None:
    """Check that the sessions to come are those that rules and overrides give; else end with 7."""
    from thor import clock
    from thor.cli.bars import DIFFERENT
    from thor.reference import instruments

    ignores_hours = Settings().sim_always_open
    with open_database() as connection:
        found = instruments.check_sessions(
            connection, clock.now().date(), ignores_hours=ignores_hours
        )
    show([{"found": line} for line in found], "wrong sessions", as_json=as_json)
    if found:
        raise typer.Exit(DIFFERENT)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name: EUREX.")],
    zone: Annotated[str, typer.Option(help="Whose wall clock, as Europe/Berlin.")],
    opens: Annotated[str, typer.Option("--open", help="When a session opens, as 01:10.")],
    closes: Annotated[str, typer.Option("--close", help="When it closes, on its trade date.")],
    regular: Annotated[str, typer.Option(help="Regular hours, as 08:00-22:00.")],
    on_day: Annotated[
        bool, typer.Option("--on-day/--on-eve", help="Whether it opens on the day itself.")
    ] = True,
    holidays_of: Annotated[
        str | None, typer.Option(help="The calendar whose closed days it shares; none.")
    ] = None,
) -> None:
    """Add a calendar and compute its sessions; exceptions go into session_overrides."""
    from thor import clock
    from thor.reference import calendars, instruments

    first, _, last = regular.partition("-")
    one = calendars.OwnCalendar(
        calendar=name,
        zone=zone,
        open=_time("--open", opens),
        close=_time("--close", closes),
        regular_open=_time("--regular", first),
        regular_close=_time("--regular", last),
        opens_on_day=on_day,
        holidays_of=holidays_of,
    )
    with open_database() as connection:
        calendars.add(connection, one)
        instruments.renew_sessions(connection, clock.now().date(), force=True)
    console.print(f"{name} is added, and its sessions are computed")


def _time(option: str, text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"{option}: {text!r} is no time as 08:30 is") from error
