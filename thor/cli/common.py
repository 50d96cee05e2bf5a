"""Shared by the commands: the settings, the servers' URLs, a connection, output.

Opens nothing before it is called.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from thor.config import Settings
from thor.errors import Rejected, ThorError, Unavailable

# Columns of sentences: these may be broken between words.
_PROSE = ("found", "reason", "definition", "what it does")

# An error that names its cure.
_CURED = ("`thor up`", "; name one")
# A server that answers and lets nobody in, by what it says.
_NOT_LET_IN = re.compile(
    r"FATAL:\s+(?:(?P<password>password authentication failed|no password)|"
    r"(?P<role>role .* does not exist)|(?P<database>database .* does not exist)|"
    r"(?P<right>permission denied for database)|(?P<entry>no pg_hba.conf entry))"
)
_LET_IN = {
    "password": "set the right password in THOR_DATABASE_URL",
    "role": "name a user in THOR_DATABASE_URL that the server has",
    "database": "make it with `createdb`, or name another in THOR_DATABASE_URL",
    "right": "have its owner `grant connect on database … to` this user",
    "entry": "let this machine in by the server's pg_hba.conf",
}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# A terminal wraps long lines itself, so that what is copied is whole; a pipe gets them as they are.
console = Console(soft_wrap=True)
# In a terminal notes stand beside progress bars, which draw by the width there is.
notes = Console(stderr=True, soft_wrap=not sys.stderr.isatty())


@contextmanager
def open_database(role: Literal["app", "owner"] = "app") -> Iterator[Any]:
    """Open a connection to this home's database, or the one that is named, as a role."""
    from thor import database

    with database.connect(database_url(role), "cli") as connection:
        yield connection


def database_url(role: Literal["owner", "app", "reader", "grafana"] = "app") -> str:
    """Return the URL of this home's database, or of the one that is named, for a role."""
    from thor.services import running
    from thor.services.home import Home

    settings = Settings()
    return running.database_url(Home(settings.home), settings, role)


def admin_url() -> str:
    """Return the same database's URL for who makes, migrates and dumps it."""
    from thor.services import running
    from thor.services.home import Home

    settings = Settings()
    return running.admin_url(Home(settings.home), settings)


def dump_url() -> str:
    """Return the URL of who may read all of the same database: its superuser's or owner's."""
    return admin_url() if Settings().database_url is None else database_url("owner")


def urls() -> Any:
    """Return the servers' endpoints."""
    from thor.services.home import Home
    from thor.services.running import endpoints

    settings = Settings()
    return endpoints(Home(settings.home), settings)


def tell(*texts: str) -> None:
    """Print a note on stderr, or skip it where stderr is closed.

    For commands that continue without their terminal.
    """
    # A closed pipe makes rich end the program.
    with suppress(OSError, SystemExit):
        notes.print(*texts)


def cure(error: ThorError) -> str:
    """Return what to do where a server does not answer, to go behind its error; else nothing."""
    from thor.services.home import Home
    from thor.services.status import read_status

    if not isinstance(error, Unavailable) or any(cure in str(error) for cure in _CURED):
        return ""
    try:
        settings = Settings()
        is_running = read_status(Home(settings.home)).is_alive
    except ThorError:
        return ""
    is_database = "PostgreSQL" in str(error)
    if (settings.database_url if is_database else settings.redis_url) is not None:
        if is_database and (found := _NOT_LET_IN.search(str(error))) is not None:
            return f"; {_LET_IN[found.lastgroup or 'password']}"
        return (
            f"; does the server run that THOR_{'DATABASE' if is_database else 'REDIS'}_URL names?"
        )
    if is_running:
        return "; `thor status` shows what is wrong with it"
    return f"; Thor does not run in {settings.home}: start it with `thor up`"


def show(rows: Sequence[Mapping[str, Any]], title: str, *, as_json: bool) -> None:
    """Print rows as a table for people, as lines for a pipe, or as a JSON array.

    In a terminal that is too narrow for the table every row is a block of its own, so that
    nothing is cut; a pipe gets one line a row, whatever its length.
    """
    if as_json:
        json.dump([dict(row) for row in rows], sys.stdout, default=_plain, indent=2)
        sys.stdout.write("\n")
        return
    if not rows:
        console.print(f"{title}: none")
        return
    print_rows(title, [{name: _shown(row[name]) for name in rows[0]} for row in rows])


def print_rows(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Print rows of text under a title: a table, blocks where that is too wide, or plain lines."""
    if not console.is_terminal:
        sys.stdout.writelines(f"{line}\n" for line in [title, *_lines(rows)])
        return
    # A column that is empty in every row takes no space.
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    table = Table(title=title, title_justify="left")
    for name in names:
        # A word is never cut: what has several may take several lines.
        is_prose = name in _PROSE
        texts = [name, *(row[name] for row in rows)]
        words = [word for text in texts for word in (text.split() if is_prose else [text])]
        width = max(map(cell_len, words))
        table.add_column(name, no_wrap=not is_prose, min_width=width, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[name]) for name in names))
    if fits(table):
        console.print(table, soft_wrap=False)
        return
    console.print(Text(title, "italic"))
    for row in rows:
        for line in _block({name: row[name] for name in names if row[name]}):
            console.print(line)


def fits(table: Table) -> bool:
    """Return whether the terminal is wide enough for a table with the least widths it names."""
    borders = 3 * len(table.columns) + 1
    return sum(column.min_width or 0 for column in table.columns) + borders <= console.width


def _block(row: Mapping[str, str]) -> Iterator[Text]:
    """Give the lines of a row by itself: its first field, then names and values, none broken."""
    (_, first), *fields = row.items()
    line = Text(first, "bold")
    for name, value in fields:
        field = Text.assemble("  ", (name, "dim"), " ", value)
        if cell_len(line.plain) + cell_len(field.plain) > console.width:
            yield line
            line = Text("  ")
        line = Text.assemble(line, field)
    yield line


def _lines(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Give a line of names and a line a row, in columns two spaces apart; empty is a dash."""
    named = {name: name for name in rows[0]}
    lines = [[" ".join(text.split()) or "-" for text in row.values()] for row in [named, *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (f"{text:<{width}}" for text, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


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


def utc_bound(text: str | None, name: str, *, is_end: bool = False) -> datetime | None:
    """Return a bound of a span in UTC: an ISO 8601 time, or a day, whose end is the next day's.

    Raises `Rejected` naming the option.
    """
    if text is None:
        return None
    is_day = len(text) == len("2026-11-22")
    found = instant(f"{text}T00:00:00Z" if is_day else text, name)
    assert found is not None
    found = found.astimezone(UTC)
    return found + timedelta(days=1) if is_day and is_end else found


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
