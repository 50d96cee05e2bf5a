"""`thor ticks` and `thor gaps`: refused ticks, and silences.

Reads market.rejected_ticks and market.gaps; publishes refused ticks again.
"""

from typing import Annotated

import typer

from thor.cli.common import AsJson, console, open_database, show, urls
from thor.config import Settings

app = typer.Typer(no_args_is_help=True, help="Ticks in the database and in quarantine.")


@app.command("rejected")
def rejected(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol's.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 20,
    retry: Annotated[
        bool, typer.Option("--retry", help="Publish them again, once the cause was removed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List refused ticks with their reasons, or publish them again."""
    from thor import database
    from thor.flow.retry_rejected import retry_rejected
    from thor.market.bus.client import Bus

    with open_database() as connection:
        if retry:
            bus = Bus(urls().redis_url, Settings().bus_ticks_max)
            published, left = retry_rejected(connection, bus, symbol, limit)
            console.print(f"{published} published again, {left} are no single readable tick")
            return
        values = {"symbol": symbol, "limit": limit, "unretried": False}
        show(database.rows(connection, "rejected_ticks", values), "rejected ticks", as_json=as_json)


@app.command("account")
def account(as_json: AsJson = False) -> None:
    """Show received = inserted + duplicate + rejected + lost + pending, as it is now."""
    from thor import database
    from thor.market.bus.client import Bus

    bus = Bus(urls().redis_url)
    before = bus.state()
    with open_database() as connection:
        values = {"base": before.base, "next": before.next}
        found = database.rows(connection, "accounting", values)
    # Ticks counted meanwhile had been received before this second look.
    received = bus.state().received
    for row in found:
        booked = row["inserted"] + row["duplicate"] + row["rejected"] + row["lost"]
        row.update(received=received, pending=received - booked)
    show(found, "account", as_json=as_json)


def gaps(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol's.")] = None,
    trade_date: Annotated[str | None, typer.Option(help="Only this day's, YYYY-MM-DD.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the silences that were longer than the feed's cadence."""
    import msgspec

    from thor.cli.common import day
    from thor.market.ticks.gaps import listed
    from thor.reference import instruments

    with open_database() as connection:
        if symbol is not None:
            symbol = instruments.symbol_of(connection, symbol, "--symbol")
        found = listed(connection, symbol, day(trade_date, "--trade-date"))
    show([msgspec.structs.asdict(gap) for gap in found], "gaps", as_json=as_json)
