"""`thor contracts`: the delivery months, their first notice and last trade.

Reads and changes reference.contracts.
"""

from typing import Annotated

import typer

from thor.cli.common import console, day, instant, open_database, show

app = typer.Typer(no_args_is_help=True, help="List contract months, compute them, or add one.")


@app.command("list")
def list_(
    root: Annotated[str | None, typer.Argument(help="The root, ES say; all of them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the contract months that still trade, the nearest of each root first."""
    from thor import clock, database
    from thor.domain.sessions import trade_date

    since = None if everything else trade_date(clock.now())
    with open_database() as connection:
        rows = database.rows(connection, "contracts", {"root": root, "since": since})
    show(rows, "contracts", as_json=as_json)


@app.command()
def compute(
    root: Annotated[str | None, typer.Argument(help="The root; all that have a rule.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="A day of the first month; 2010.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="A day of the last month; as far as sessions reach.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute the months' dates by each exchange's rule; months added by hand stay."""
    from thor.reference import contracts

    with open_database() as connection:
        found = contracts.compute(connection, root, day(first, "--from"), day(last, "--to"))
    rows = [
        {
            "root": name,
            "contracts": len(months),
            "first": months[0].month if months else None,
            "last": months[-1].month if months else None,
        }
        for name, months in found.items()
    ]
    show(rows, "contracts computed", as_json=as_json)


@app.command()
def add(
    symbol: Annotated[str, typer.Argument(help="The month code: 6EH4.")],
    last_trade: Annotated[str, typer.Option(help="Last trade date, YYYY-MM-DD.")],
    first_notice: Annotated[
        str | None, typer.Option(help="First notice day, where delivered.")
    ] = None,
    expiry: Annotated[
        str | None, typer.Option(help="When trading ends, with a zone; the session's close.")
    ] = None,
) -> None:
    """Add a month by hand, or correct one: no rule changes it from then on."""
    from thor.errors import Rejected
    from thor.reference import contracts

    trades = day(last_trade, "--last-trade")
    if trades is None:
        raise Rejected("--last-trade: is missing; give the last trade date, 2024-03-18 say")
    with open_database() as connection:
        stated = contracts.add(
            connection,
            symbol,
            trades,
            day(first_notice, "--first-notice"),
            instant(expiry, "--expiry"),
        )
    console.print(
        f"{symbol} of {stated.month:%B %Y} trades until {stated.expiry:%Y-%m-%d %H:%M} UTC"
    )
