"""`thor db copy`: copy everything into another database, also of another edition.

Calls `thor.flow.copy_database.run`; shows the progress, and the settings to change next.
"""

import json
import shlex
import sys
from typing import Annotated, Any

import msgspec
import typer

from thor.cli.common import admin_url, console, notes, progress_bar
from thor.errors import Unavailable


def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="URL of an empty database, or of one that is not there yet, or of an "
            "interrupted copy of this one. Leave its password out where others see command "
            "lines: PGPASSWORD or a password file give it.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy the whole database into another, of either edition, and prove that both are equal.

    Copy while Thor runs; then stop all writers, and copy again: only new rows are copied, and
    everything is compared. An interrupted copy resumes.
    """
    from thor import database
    from thor.flow.copy_database import run
    from thor.observe import redacted

    with progress_bar() as bar:
        task = bar.add_task("copying", total=None)

        def on_progress(what: str, done: int, total: int) -> None:
            if total:
                bar.update(task, description=what, completed=done, total=total)
            else:
                bar.update(task, description=what)

        copied = run.copy(admin_url(), to, on_progress)
    if as_json:
        json.dump(msgspec.to_builtins(copied), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        console.print(_summary(copied))
    if not copied.is_whole:
        raise Unavailable(_why_not_whole(copied))
    notes.print(
        "Next: stop Thor, set THOR_DATABASE_URL to database "
        f"{database.name_of(to)} ({shlex.quote(redacted(to))}), keep THOR_REDIS_URL or the bus as "
        "it is, and start Thor again",
        soft_wrap=True,
        highlight=False,
    )


def _summary(copied: Any) -> str:
    rows = sum(copied.tables.values())
    text = (
        f"{copied.ticks:,} ticks of {copied.trade_dates} trade dates, {copied.copied:,} of them "
        f"copied now, and {rows:,} rows of {len(copied.tables)} other tables stand in the copy"
    )
    if not copied.is_whole:
        return text
    bars = ", ".join(f"{count:,} of {width}" for width, count in copied.bars.items())
    return f"{text}; all of them, and its bars ({bars}), are equal by checksum"


def _why_not_whole(copied: Any) -> str:
    parts = []
    if copied.writers:
        parts.append(f"{', '.join(copied.writers)} of Thor's jobs write into it")
    if copied.arriving:
        arriving = ", ".join(f"{name} {rows:+,} rows" for name, rows in copied.arriving.items())
        parts.append(f"at the last look it had changed: {arriving}")
    return (
        f"The source is still being written: {'; '.join(parts) or 'its bars are being renewed'}. "
        "Stop Thor's jobs, not the bus, and run the same command again: it goes on where it is, "
        "and then compares everything"
    )
