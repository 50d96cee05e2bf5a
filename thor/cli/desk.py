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
    symbol: Annotated[str, typer.Argument(help="The root, ES, or a signal, STRONG_BUY.")],
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
    """Change some numbers of a symbol, or the weight of a signal; the old are kept as a version."""
    from thor.market.studies import desk

    given = dict(_change(text) for text in changes)
    with open_database() as connection:
        if symbol in desk.SIGNALS:
            if set(given) != {"weight"}:
                raise Rejected(f"{symbol}: a signal has a weight; write weight=2")
            row = desk.change_signal_weight(
                connection, symbol, given["weight"], changed_by=getpass.getuser(), reason=reason
            )
            show([row], f"weight of {symbol}, in every set", as_json=as_json)
            return
        row = desk.change(
            connection, of_set, symbol, given, changed_by=getpass.getuser(), reason=reason
        )
        show([row], f"{symbol} in {of_set}", as_json=as_json)


@app.command("weights")
def weights(as_json: AsJson = False) -> None:
    """Show what each signal counts for in the composite signal of every set."""
    from thor.market.studies import desk

    with open_database() as connection:
        show(desk.signal_weights(connection), "weights of signals", as_json=as_json)


@app.command("extremes")
def extremes(as_json: AsJson = False) -> None:
    """Show the highest and lowest price of 52 weeks and of all known time."""
    from thor import clock, database

    with open_database() as connection:
        rows = database.rows(connection, "extremes", {"as_of": clock.now()})
        show(
            [{name: row[name] for name in _EXTREMES_COLUMNS} for row in rows],
            "extremes",
            as_json=as_json,
        )


_EXTREMES_COLUMNS = ("symbol", "kind", "high", "high_on", "low", "low_on", "basis", "since")


@app.command("versions")
def versions(
    symbol: Annotated[str, typer.Argument(help="The root, ES, or a signal, STRONG_BUY.")],
    of_set: OfSet = "desk",
    as_json: AsJson = False,
) -> None:
    """List a symbol's earlier numbers, or a signal's weights, newest first."""
    from thor.market.studies import desk

    with open_database() as connection:
        if symbol in desk.SIGNALS:
            rows = desk.signal_versions(connection, symbol)
            show(rows, f"earlier weights of {symbol}", as_json=as_json)
            return
        rows = desk.versions(connection, of_set, symbol)
        show(rows, f"earlier numbers of {symbol} in {of_set}", as_json=as_json)


@app.command("undo")
def undo(
    symbol: Annotated[str, typer.Argument(help="The root, ES, or a signal, STRONG_BUY.")],
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
        if symbol in desk.SIGNALS:
            row = desk.undo_signal_weight(connection, symbol, version, changed_by=getpass.getuser())
            show([row], f"weight of {symbol}, in every set", as_json=as_json)
            return
        row = desk.undo(connection, of_set, symbol, relation, version, changed_by=getpass.getuser())
        show([row], f"{symbol} in {of_set}", as_json=as_json)


@app.command("targets")
def targets(as_json: AsJson = False) -> None:
    """Show how far the targets of market-open captures are from their entry."""
    from thor.market.studies import targets as numbers

    with open_database() as connection:
        show(numbers.targets(connection), "targets", as_json=as_json)


@app.command("set-targets")
def set_targets(
    symbol: Annotated[str, typer.Argument(help="The root: ES.")],
    changes: Annotated[
        list[str],
        typer.Argument(
            help="FIELD=VALUE: mode (POINTS, PERCENT, DISABLED), offset_high, offset_low (in "
            "points), percent_high, percent_low, is_active, is_by_last."
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")],
    as_json: AsJson = False,
) -> None:
    """Change some targets of a symbol; the old ones are kept as a version."""
    from thor.market.studies import targets as numbers

    given = dict(_change(text) for text in changes)
    with open_database() as connection:
        row = numbers.change(connection, symbol, given, changed_by=getpass.getuser(), reason=reason)
        show([row], f"targets of {symbol}", as_json=as_json)


@app.command("target-versions")
def target_versions(
    symbol: Annotated[str, typer.Argument(help="The root: ES.")], as_json: AsJson = False
) -> None:
    """List a symbol's earlier targets, newest first."""
    from thor.market.studies import targets as numbers

    with open_database() as connection:
        rows = numbers.versions(connection, symbol)
        show(rows, f"earlier targets of {symbol}", as_json=as_json)


@app.command("undo-targets")
def undo_targets(
    symbol: Annotated[str, typer.Argument(help="The root: ES.")],
    version: Annotated[int, typer.Option(help="The version to restore.")],
    as_json: AsJson = False,
) -> None:
    """Restore a symbol's earlier targets, as a new version."""
    from thor.market.studies import targets as numbers

    with open_database() as connection:
        row = numbers.undo(connection, symbol, version, changed_by=getpass.getuser())
        show([row], f"targets of {symbol}", as_json=as_json)


_FLAGS = ("is_inverted", "is_active", "is_by_last")


def _change(text: str) -> tuple[str, Any]:
    field, equals, value = text.partition("=")
    if not equals:
        raise Rejected(f"{text!r}: write FIELD=VALUE, as in buy=1.5")
    if field == "mode":
        return field, value
    if field in _FLAGS:
        if value not in ("true", "false"):
            raise Rejected(f"{field}: {value!r} is neither true nor false")
        return field, value == "true"
    try:
        return field, Decimal(value)
    except InvalidOperation as error:
        raise Rejected(f"{field}: {value!r} is not a number") from error
