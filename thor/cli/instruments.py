"""`thor instruments`: the listed instruments.

Reads and changes reference.instruments.
"""

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, console, open_database, plain, show
from thor.errors import NotFound, Rejected, ThorError

app = typer.Typer(no_args_is_help=True, help="List instruments, add one or many, or change one.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the instruments, in display order."""
    from thor import database

    with open_database() as connection:
        show(database.rows(connection, "instruments"), "instruments", as_json=as_json)


@app.command()
def add(
    symbol: Annotated[str | None, typer.Argument(help="The root: ES, BAC.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A CSV of instruments instead: symbol, tick_size, asset_class, …"),
    ] = None,
    tick_size: Annotated[str | None, typer.Option(help="Smallest move, in points.")] = None,
    multiplier: Annotated[
        str | None, typer.Option(help="Money a point is worth; 1 for a share.")
    ] = None,
    quote_increment: Annotated[
        str | None, typer.Option(help="Grid of the feed's prices; the tick size.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    exchange: Annotated[str | None, typer.Option(help="Where it trades.")] = None,
    asset_class: Annotated[
        str | None,
        typer.Option(
            help="equity, equity_index, energy, metal, rates, currency, crypto, grain, livestock, "
            "volatility, or a word of your own."
        ),
    ] = None,
    calendar: Annotated[
        str | None, typer.Option(help="Whose hours; those of its asset class.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="ISO code; USD.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="Decimals shown; those of the grid.")
    ] = None,
    margin: Annotated[str | None, typer.Option(help="Initial margin a contract.")] = None,
    negative: Annotated[
        bool | None, typer.Option("--negative/--no-negative", help="Prices below zero are legal.")
    ] = None,
    alias: Annotated[list[str] | None, typer.Option(help="Another name; repeatable.")] = None,
) -> None:
    """List an instrument, or change the given fields of a listed one; old values are kept."""
    given = {
        "tick_size": tick_size,
        "multiplier": multiplier,
        "quote_increment": quote_increment,
        "name": name,
        "exchange": exchange,
        "asset_class": asset_class,
        "calendar": calendar,
        "currency": currency,
        "display_precision": precision,
        "margin": margin,
        "is_negative_legal": None if negative is None else str(negative),
        "aliases": " ".join(alias) if alias else None,
    }
    texts = {field: text for field, text in given.items() if text is not None}
    if (symbol is None) == (file is None):
        raise Rejected("symbol: name one root, or a file of many with --file")
    if file is not None and texts:
        raise Rejected("--file: the file says all of its instruments, no other option is taken")
    rows = [("", symbol or "", texts)] if file is None else _rows(file)
    with open_database() as connection:
        for instrument in _listed(connection, rows):
            console.print(
                f"{instrument.symbol} is listed: ticks of {plain(instrument.tick_size)}, quoted to "
                f"{plain(instrument.quote_increment)}, shown with {instrument.display_precision} "
                f"decimals, a point is worth {plain(instrument.multiplier)} {instrument.currency}, "
                f"hours of {instrument.calendar}",
                soft_wrap=True,
            )


def _listed(connection: Any, rows: list[tuple[str, str, dict[str, str]]]) -> list[Any]:
    """List all of the rows or none, each given as where it stands, its root and its texts."""
    from thor import database
    from thor.domain.listing_form import fields_of, instrument_of
    from thor.flow.renew_own_days import renew_own_days
    from thor.reference import instruments

    done = []
    with database.transaction(connection):
        listed = instruments.instruments(connection)
        before = _with_own_days(connection)
        for where, symbol, texts in rows:
            try:
                one = instrument_of(symbol, listed.get(symbol), fields_of(texts))
                instruments.add_instrument(connection, one)
            except ThorError as error:
                raise type(error)(f"{where}{error}") from error
            done.append(one)
        after = _with_own_days(connection)
        for _, symbol, texts in rows:
            # Named once more, its calendar repairs what an older Thor stored.
            is_named = symbol in after and "calendar" in texts
            if symbol in listed and (is_named or symbol in before ^ after):
                renew_own_days(connection, symbol)
    return done


def _with_own_days(connection: Any) -> set[str]:
    from thor import database

    return set(database.one(connection, "own_date_symbols")["symbols"])


def _rows(file: Path) -> list[tuple[str, str, dict[str, str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            rows = list(reader)
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Rejected(f"{file}: cannot be read as CSV: {error}") from error
    if "symbol" not in (reader.fieldnames or ()):
        raise Rejected(f"{file}: column 'symbol' is missing; the first line names the columns")
    found = []
    for number, row in enumerate(rows, 2):
        where = f"{file.name}, line {number}: "
        if None in row or None in row.values():
            raise Rejected(f"{where}has not as many fields as the first line")
        texts = {field: text for field, text in row.items() if field != "symbol"}
        found.append((where, row["symbol"].strip(), texts))
    if not found:
        raise Rejected(f"{file}: names no instrument")
    return found
