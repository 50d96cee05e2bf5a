"""`thor instruments`: what may be traded.

Door. Reads and changes reference.instruments.
"""

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from thor.cli.place import console, ledger, show
from thor.errors import Rejected

app = typer.Typer(no_args_is_help=True, help="List instruments, add one, or change one.")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the instruments, in the order of screens."""
    from thor import database

    with ledger() as connection:
        show(database.rows(connection, "instruments"), "instruments", as_json=as_json)


@app.command()
def add(
    symbol: Annotated[str, typer.Argument(help="The root: ES, BAC.")],
    tick_size: Annotated[str, typer.Option(help="Smallest move, in points.")],
    multiplier: Annotated[str, typer.Option(help="Money a point is worth.")] = "1",
    quote_increment: Annotated[
        str | None, typer.Option(help="Grid of the feed's prices; the tick size if not given.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    exchange: Annotated[str, typer.Option(help="Where it trades.")] = "",
    asset_class: Annotated[str, typer.Option(help="energy, equity, …")] = "equity",
    calendar: Annotated[str, typer.Option(help="Whose hours it keeps.")] = "CME_EQUITY",
    currency: Annotated[str, typer.Option(help="ISO code.")] = "USD",
    precision: Annotated[int, typer.Option(help="Decimals shown.")] = 2,
    margin: Annotated[str | None, typer.Option(help="Initial margin a contract.")] = None,
    negative: Annotated[bool, typer.Option(help="Prices below zero are legal.")] = False,
    alias: Annotated[list[str] | None, typer.Option(help="Another name; repeatable.")] = None,
) -> None:
    """List an instrument, or change the one of that root; the old version is kept."""
    from thor import reference
    from thor.domain.instrument import Instrument

    grid = _number("quote_increment", quote_increment or tick_size)
    instrument = Instrument(
        symbol=symbol,
        name=name or symbol,
        exchange=exchange,
        asset_class=asset_class,
        calendar=calendar,
        currency=currency,
        tick_size=_number("tick_size", tick_size),
        quote_increment=grid,
        multiplier=_number("multiplier", multiplier),
        display_precision=precision,
        margin=None if margin is None else _number("margin", margin),
        is_negative_legal=negative,
        aliases=tuple(alias or ()),
    )
    with ledger() as connection:
        reference.add_instrument(connection, instrument)
    console.print(f"{symbol} is listed: ticks of {instrument.tick_size}, quoted to {grid}")


def _number(field: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Rejected(f"{field}: {text!r} is not a number") from error
