"""`thor db dump` and `thor db restore`: the whole database in one file, and back.

Calls `thor.database.dump`; shows how far it is.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from thor.cli.common import console, dump_url, notes
from thor.config import Settings
from thor.errors import Rejected

_MB = 1e6


def dump(
    file: Annotated[Path | None, typer.Argument(help="The file to write; a new one.")] = None,
    keep: Annotated[
        int | None,
        typer.Option(help="Name the file by the time, and keep so many newest ones of its folder."),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="The folder of --keep; dumps/ of the home.")
    ] = None,
) -> None:
    """Dump the database into one file, while everything goes on: pg_dump's custom format."""
    from thor.database import dump

    if (file is None) == (keep is None) or (into is not None and keep is None):
        raise Rejected("FILE: name a file, or give --keep, with --into for another folder")
    settings = Settings()
    removed: list[Path] = []
    if keep is not None:
        folder = into or settings.home / "dumps"
        with _shown(f"dumping into {folder}", None) as on_progress:
            archive, removed = dump.rotate(dump_url(), folder, keep, settings, on_progress)
    else:
        assert file is not None
        with _shown(f"dumping into {file.name}", None) as on_progress:
            archive = dump.dump(dump_url(), file, settings, on_progress)
    written = archive.file
    console.print(f"{written}: {written.stat().st_size / _MB:.1f} MB, {_summary(archive)}")
    for one in removed:
        console.print(f"removed {one.name}", highlight=False)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `thor db dump` wrote.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="URL of an empty database, or of one that is not there yet. Leave its password "
            "out where others see command lines: PGPASSWORD or a password file give it.",
        ),
    ],
) -> None:
    """Restore a dump into an empty or new database, all of it or nothing."""
    from thor import database
    from thor.database import dump

    total = file.stat().st_size if file.is_file() else None
    with _shown(f"restoring {file.name}", total) as on_progress:
        archive = dump.restore(file, to, Settings(), on_progress)
    console.print(f"database {database.name_of(to)} is restored: {_summary(archive)}")


def _summary(archive: Any) -> str:
    made_by = f"PostgreSQL {archive.postgres}"
    if archive.timescaledb:
        made_by += f", TimescaleDB {archive.timescaledb}"
    return f"{archive.nature} data, the {archive.edition} edition, {made_by}"


@contextmanager
def _shown(title: str, total: int | None) -> Iterator[Callable[[str, int], None]]:
    # A signal to stop becomes an exception, so that the unfinished work is undone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    is_seen = notes.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=notes, transient=True, disable=not is_seen
    ) as bar:
        task = bar.add_task(title, total=total)

        def on_progress(table: str, done: int) -> None:
            bar.update(task, completed=done, description=f"{title} {table}".strip())

        yield on_progress
