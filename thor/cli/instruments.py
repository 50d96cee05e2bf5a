"""`thor instruments`: the listed instruments.

Reads and changes reference.instruments.
"""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thor.cli.common import console, open_database, show
from thor.errors import Rejected

if TYPE_CHECKING:
    from thor.domain.instrument import Instrument

app = typer.Typer(no_args_is_help=True, help="List instruments, add one, or change one.")


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the instruments, in display order."""
    from thor import database

    with open_database() as connection:
        show(database.rows(connection, "instruments"), "instruments", as_json=as_json)


@app.command()
def add(
    symbol: Annotated[str, typer.Argument(help="The root: ES, BAC.")],
    tick_size: Annotated[str | None, typer.Option(help="Smallest move, in points.")] = None,
    multiplier: Annotated[str | None, typer.Option(help="Money a point is worth; 1.")] = None,
    quote_increment: Annotated[
        str | None, typer.Option(help="Grid of the feed's prices; the tick size.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    exchange: Annotated[str | None, typer.Option(help="Where it trades.")] = None,
    asset_class: Annotated[str | None, typer.Option(help="energy, equity, …")] = None,
    calendar: Annotated[str | None, typer.Option(help="Whose hours; CME_EQUITY.")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO code; USD.")] = None,
    precision: Annotated[int | None, typer.Option(help="Decimals shown; 2.")] = None,
    margin: Annotated[str | None, typer.Option(help="Initial margin a contract.")] = None,
    negative: Annotated[
        bool | None, typer.Option("--negative/--no-negative", help="Prices below zero are legal.")
    ] = None,
    alias: Annotated[list[str] | None, typer.Option(help="Another name; repeatable.")] = None,
) -> None:
    """List an instrument, or change the given fields of a listed one; old values are kept."""
    from thor.reference import instruments

    given = {
        "tick_size": _number("tick_size", tick_size),
        "multiplier": _number("multiplier", multiplier),
        "quote_increment": _number("quote_increment", quote_increment),
        "name": name,
        "exchange": exchange,
        "asset_class": asset_class,
        "calendar": calendar,
        "currency": currency,
        "display_precision": precision,
        "margin": _number("margin", margin),
        "is_negative_legal": negative,
        "aliases": tuple(alias) if alias else None,
    }
    with open_database() as connection:
        listed = instruments.instruments(connection).get(symbol)
        instrument = _changed(symbol, listed, {k: v for k, v in given.items() if v is not None})
        instruments.add_instrument(connection, instrument)
    console.print(
        f"{symbol} is listed: ticks of {instrument.tick_size}, "
        f"quoted to {instrument.quote_increment}"
    )


def _changed(symbol: str, listed: "Instrument | None", given: dict[str, Any]) -> "Instrument":
    import msgspec

    from thor.domain.instrument import Instrument

    if listed is not None:
        return msgspec.structs.replace(listed, **given)
    if "tick_size" not in given:
        raise Rejected("tick_size: is missing; a new instrument needs --tick-size")
    usual = {
        "name": symbol,
        "exchange": "",
        "asset_class": "equity",
        "calendar": "CME_EQUITY",
        "multiplier": Decimal(1),
        "quote_increment": given["tick_size"],
        "display_precision": 2,
    }
    return Instrument(symbol=symbol, **{**usual, **given})


def _number(field: str, text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation as error:
        raise Rejected(f"{field}: {text!r} is not a number") from error
