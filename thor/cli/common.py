"""Shared by the commands: the settings, the servers' URLs, a connection, output.

Opens nothing before it is called.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from thor.config import Settings
from thor.errors import Rejected

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

console = Console()
notes = Console(stderr=True)


@contextmanager
def open_database() -> Iterator[Any]:
    """Open a connection to this home's database, or the one that is named."""
    from thor import database

    with database.connect(database_url(), "cli") as connection:
        yield connection


def database_url() -> str:
    """Return the URL of this home's database, or of the one that is named."""
    from thor.services import running
    from thor.services.home import Home

    settings = Settings()
    return running.database_url(Home(settings.home), settings)


def urls() -> Any:
    """Return the servers' endpoints."""
    from thor.services.home import Home
    from thor.services.running import endpoints

    settings = Settings()
    return endpoints(Home(settings.home), settings)


def tell(*texts: str) -> None:
    """Print a note beside the output, or do without where nobody can read it.

    For commands whose work goes on whatever becomes of their terminal.
    """
    # A pipe that nobody reads makes rich end the program.
    with suppress(OSError, SystemExit):
        notes.print(*texts)


def show(rows: Sequence[Mapping[str, Any]], title: str, *, as_json: bool) -> None:
    """Print rows as a table for people or as a JSON array."""
    if as_json:
        json.dump([dict(row) for row in rows], sys.stdout, default=_plain, indent=2)
        sys.stdout.write("\n")
        return
    if not rows:
        console.print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    console.print(table)


def progress_bar() -> Progress:
    """Return a progress bar for long work, on stderr: the task, how far, how long."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=notes)


def instant(text: str | None, name: str) -> datetime | None:
    """Return an ISO 8601 time with a zone, or raise `Rejected` naming the option."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"{name}: {text!r} is no ISO 8601 time") from error
    if found.tzinfo is None:
        raise Rejected(f"{name}: {text!r} has no time zone; end it with Z, say")
    return found


def day(text: str | None, name: str) -> date | None:
    """Return a day written YYYY-MM-DD, or raise `Rejected` naming the option."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"{name}: {text!r} is no day as 2026-11-22 is") from error


def plain(number: Decimal) -> str:
    """Return a number without an exponent: 0.0000005 and not 5E-7."""
    return f"{number:f}"


def _plain(value: Any) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return _plain(value)
