"""The `thor` command: parse, call one function, format the answer.

Exit codes are those of `thor.errors`; 130 is a Ctrl-C.
"""

import sys
from typing import Annotated

import typer

from thor import __version__
from thor.cli import (
    bars,
    calendars,
    contracts,
    db,
    demo,
    desk,
    doctor,
    excel,
    export_to_parquet,
    features,
    instruments,
    jobs,
    lake,
    lake_sql,
    markets,
    models,
    orders,
    people,
    poll_tos_excel,
    predict,
    replay,
    restart,
    rolls,
    session,
    sources,
    start_market_grader,
    status,
    ticks,
    train,
    tunnel,
    up,
)
from thor.cli.common import console, cure
from thor.errors import ThorError
from thor.runtime import Stopped

INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Futures ticks in, bars, features, predictions and trades out, analytics in SQL.",
)


def _version(is_asked: bool) -> None:
    if is_asked:
        console.print(f"thor {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


app.command("up")(up.up)
app.command("status")(status.status)
app.command("restart")(restart.restart)
app.command("doctor")(doctor.doctor)
app.command("poll-tos-excel")(poll_tos_excel.poll_tos_excel)
app.command("start-market-grader")(start_market_grader.start_market_grader)
app.command("replay")(replay.replay)
app.command("export-to-parquet")(export_to_parquet.export_to_parquet)
app.command("gaps")(ticks.gaps)
app.command("session")(session.session)
app.command("positions")(orders.positions)
app.command("flatten")(orders.flatten)
app.command("story")(orders.story)
app.command("reconcile")(orders.reconcile)
app.add_typer(orders.orders, name="orders")
app.add_typer(orders.account, name="account")
app.add_typer(orders.limits, name="limits")
app.add_typer(orders.notes, name="notes")
app.add_typer(orders.kill, name="kill")
app.command("predict")(predict.predict)
app.add_typer(demo.app, name="demo")
app.add_typer(instruments.app, name="instruments")
app.add_typer(ticks.app, name="ticks")
app.add_typer(sources.app, name="sources")
app.add_typer(desk.app, name="desk")
app.add_typer(bars.app, name="bars")
app.add_typer(excel.app, name="excel")
app.add_typer(calendars.app, name="calendars")
app.add_typer(markets.app, name="markets")
app.add_typer(contracts.app, name="contracts")
app.add_typer(rolls.app, name="rolls")
lake.app.command("sql")(lake_sql.sql)
app.command("train")(train.train)
app.add_typer(models.app, name="models")
app.add_typer(features.app, name="features")
app.add_typer(lake.app, name="lake")
app.add_typer(jobs.app, name="jobs")
app.add_typer(people.user_app, name="user")
app.add_typer(people.key_app, name="key")
app.command("audit")(people.audit)
app.add_typer(tunnel.app, name="tunnel")
app.add_typer(db.app, name="db")


def main() -> None:
    """Run the command line; Thor's errors are one line and their own exit code."""
    try:
        app()
    except ThorError as error:
        print(f"thor: {error}{cure(error)}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, Stopped):
        sys.exit(INTERRUPTED)
