"""`thor db`: bring the database up to date, and open psql on it.

Calls `thor.database.schema`; hands the terminal to psql or pgcli.
"""

import os
import shutil
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from thor.cli import db_copy, db_dump, db_jobs
from thor.cli.common import admin_url, console, database_url, notes
from thor.config import Settings
from thor.errors import NotFound


class As(StrEnum):
    """The roles of a database; see `thor.database.roles`."""

    OWNER = "owner"
    APP = "app"
    READER = "reader"
    GRAFANA = "grafana"


app = typer.Typer(no_args_is_help=True, help="The database: migrate, look after, dump, open psql.")
app.command("jobs")(db_jobs.jobs)
app.command("dump")(db_dump.dump)
app.command("restore")(db_dump.restore)
app.command("copy")(db_copy.copy)


@app.command("up")
def up() -> None:
    """Migrate, renew views and functions, and compute sessions ahead; safe to repeat."""
    from thor import clock, database
    from thor.database import roles, schema
    from thor.reference import contracts, instruments, markets
    from thor.services.home import Home
    from thor.services.running import passwords

    settings, url = Settings(), admin_url()
    schema.up(url, settings.nature, lambda text: console.print(text), settings.edition)
    roles.set_passwords(url, passwords(Home(settings.home), settings))
    if lacks := roles.missing(url):
        notes.print(lacks, highlight=False)
    with database.connect(database_url(), "cli") as connection:
        kept = instruments.renew_sessions(
            connection, clock.now().date(), ignores_hours=settings.sim_always_open
        )
        markets.renew_days(connection, clock.now().date())
        contracts.compute(connection)
        instruments.set_quote_limits(connection, settings.stale_s, settings.dead_s)
    console.print("the database is up to date" + (f", {kept} sessions computed" if kept else ""))


@app.command("sessions")
def sessions(
    ahead: Annotated[
        bool, typer.Option("--ahead", help="Only where they reach less than a year ahead.")
    ] = False,
) -> None:
    """Recompute the sessions, and the days of the world's markets, after a change of overrides."""
    from thor import clock, database
    from thor.reference import instruments, markets

    with database.connect(database_url(), "cli") as connection:
        kept = instruments.renew_sessions(
            connection,
            clock.now().date(),
            force=not ahead,
            ignores_hours=Settings().sim_always_open,
        )
        days = markets.renew_days(connection, clock.now().date(), force=not ahead)
    console.print(f"{kept} sessions, and {days} days of the world's markets")


@app.command("url")
def url(
    role: Annotated[
        As,
        typer.Option("--as", help="The role: it decides what the tool may do."),
    ] = As.OWNER,
) -> None:
    """Print the database's URL with its password, for a tool that needs one."""
    address = database_url(role.value)
    sys.stdout.write(address + "\n")
    _note_user(address, role)


@app.command("psql", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(
    context: typer.Context,
    plain: Annotated[bool, typer.Option("--psql", help="psql even where pgcli is.")] = False,
    role: Annotated[
        As, typer.Option("--as", help="The role: a reader changes nothing, app writes rows.")
    ] = As.READER,
) -> None:
    """Open pgcli or psql on the database, to read; further arguments are handed to it.

    pgcli where a person sits at a terminal, psql where a script or another program does.
    """
    from thor import database

    address = database_url(role.value)
    parts = urlsplit(address)
    environment = {
        **os.environ,
        "PGHOST": parts.hostname or "127.0.0.1",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGDATABASE": database.name_of(address),
        "PGOPTIONS": f"-c search_path={','.join(database.SEARCH_PATH)}",
    }
    if parts.password is not None:
        # In the environment, since every user can read a command line.
        environment["PGPASSWORD"] = unquote(parts.password)
    is_person = sys.stdin.isatty() and sys.stdout.isatty()
    program = _program(plain or bool(context.args) or not is_person)
    code = subprocess.call([program, *context.args], env=environment)
    raise typer.Exit(code)


def _note_user(address: str, role: As) -> None:
    """Note on stderr where the URL is another user's, since this home knows no password."""
    from thor.services.running import role_name

    settings, name = Settings(), role_name(role.value)
    user = unquote(urlsplit(address).username or "")
    if settings.database_url is not None and role is not As.OWNER and user != name:
        notes.print(
            f"this is the address of THOR_DATABASE_URL: set THOR_{role.name}_PASSWORD and run "
            f"`thor db up`, and it is {name}'s",
            highlight=False,
        )


def _program(plain: bool) -> str:
    beside = str(Path(sys.executable).parent)
    if not plain and (found := shutil.which("pgcli") or shutil.which("pgcli", path=beside)):
        return found
    from thor.services.home import Home
    from thor.services.install import find_postgres

    if found := shutil.which("psql"):
        return found
    settings = Settings()
    home = Home(settings.home)
    program = find_postgres(home, None, settings.pg_bin).program("psql")
    if not program.is_file():
        raise NotFound("psql: none on the PATH and none beside the server; install one of them")
    return str(program)
