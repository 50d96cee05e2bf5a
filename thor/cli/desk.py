"""`thor desk`: the numbers behind the desk's signals, and the signals now.

Reads and changes the tables of the schema studies.
"""

import getpass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, open_database, show
from thor.errors import Rejected

app = typer.Typer(no_args_is_help=True, help="Show the desk's signals and change their numbers.")

OfSet = Annotated[str, typer.Option("--set", help="The set of numbers.")]


@app.command("sets")
def sets(as_json: AsJson = False) -> None:
    """List the sets of thresholds and weights."""
    from thor.market.studies import desk

    with open_database() as connection:
        show(desk.sets(connection), "sets", as_json=as_json)


@app.command("show")
def show_numbers(of_set: OfSet = "desk", as_json: AsJson = False) -> None:
    """Show a set: thresholds in points of net change, weights, and who changed them last."""
    from thor.market.studies import desk

    with open_database() as connection:
        show(desk.numbers(connection, of_set), f"set {of_set}", as_json=as_json)


@app.command("signals")
def signals(of_set: OfSet = "desk", as_json: AsJson = False) -> None:
    """Show each symbol's signal now, or why it has none."""
    from thor import clock, database

    with open_database() as connection:
        values = {"as_of": clock.now(), "set": of_set}
        rows = database.rows(connection, "desk_signals", values)
        show(
            [{name: row[name] for name in _SIGNAL_COLUMNS} for row in rows],
            f"signals by {of_set}",
            as_json=as_json,
        )


_SIGNAL_COLUMNS = ("symbol", "change", "signal", "stat_value", "signal_weight", "state", "reason")


@app.command("total")
def total(of_set: OfSet = "desk", as_json: AsJson = False) -> None:
    """Show the TOTAL now, and which symbols it lacks."""
    from thor import clock, database

    with open_database() as connection:
        values = {"as_of": clock.now(), "set": of_set}
        show(database.rows(connection, "desk_total", values), f"TOTAL by {of_set}", as_json=as_json)


@app.command("set")
def set_numbers(
    symbol: Annotated[str, typer.Argument(help="The root: ES.")],
    changes: Annotated[
        list[str],
        typer.Argument(
            help="FIELD=VALUE: strong_buy, buy, sell, strong_sell (in points), weight, is_inverted."
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")],
    of_set: OfSet = "desk",
    as_json: AsJson = False,
) -> None:
    """Change some numbers of a symbol; the old ones are kept as a version."""
    from thor.market.studies import desk

    given = dict(_change(text) for text in changes)
    with open_database() as connection:
        row = desk.change(
            connection, of_set, symbol, given, changed_by=getpass.getuser(), reason=reason
        )
        show([row], f"{symbol} in {of_set}", as_json=as_json)


@app.command("versions")
def versions(
    symbol: Annotated[str, typer.Argument(help="The root: ES.")],
    of_set: OfSet = "desk",
    as_json: AsJson = False,
) -> None:
    """List a symbol's earlier numbers, newest first."""
    from thor.market.studies import desk

    with open_database() as connection:
        rows = desk.versions(connection, of_set, symbol)
        show(rows, f"earlier numbers of {symbol} in {of_set}", as_json=as_json)


@app.command("undo")
def undo(
    symbol: Annotated[str, typer.Argument(help="The root: ES.")],
    version: Annotated[int, typer.Option(help="The version to restore.")],
    weights: Annotated[
        bool, typer.Option("--weights", help="Of the weight, and not of the thresholds.")
    ] = False,
    of_set: OfSet = "desk",
    as_json: AsJson = False,
) -> None:
    """Restore an earlier version of a symbol's numbers, as a new version."""
    from thor.market.studies import desk

    relation = "contract_weights" if weights else "thresholds"
    with open_database() as connection:
        row = desk.undo(connection, of_set, symbol, relation, version, changed_by=getpass.getuser())
        show([row], f"{symbol} in {of_set}", as_json=as_json)


def _change(text: str) -> tuple[str, Any]:
    field, equals, value = text.partition("=")
    if not equals:
        raise Rejected(f"{text!r}: write FIELD=VALUE, as in buy=1.5")
    if field == "is_inverted":
        if value not in ("true", "false"):
            raise Rejected(f"is_inverted: {value!r} is neither true nor false")
        return field, value == "true"
    try:
        return field, Decimal(value)
    except InvalidOperation as error:
        raise Rejected(f"{field}: {value!r} is not a number") from error
