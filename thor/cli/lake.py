"""`thor lake`: verify the lake's Parquet files, and restore from them.

Calls `thor.lake.export.verify` and `thor.flow.restore_from_lake`; a difference ends with 7, as in
`thor bars compare`.
"""

from typing import Annotated, Any

import msgspec
import typer

from thor.cli.bars import DIFFERENT
from thor.cli.common import (
    AsJson,
    console,
    database_url,
    day,
    notes,
    open_database,
    progress_bar,
    show,
)
from thor.config import Settings
from thor.errors import Broken, NotFound, Rejected, ThorError

app = typer.Typer(no_args_is_help=True, help="The lake: verify, restore and query Parquet files.")

First = Annotated[str | None, typer.Option("--from", help="First trade date.")]
Last = Annotated[str | None, typer.Option("--to", help="Last trade date.")]


@app.command("verify")
def verify(
    of_date: Annotated[
        str | None, typer.Option("--date", help="Trade date, YYYY-MM-DD; all of the lake.")
    ] = None,
    first: First = None,
    last: Last = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="A lake without a date is no error.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every file of the lake with the database, row for row; ends with 7 if any differs."""
    from thor.lake import manifest
    from thor.lake.export.verify import verify as compare

    if allow_empty and _is_empty():
        show([], "files", as_json=True) if as_json else console.print("the lake has no date yet")
        return
    store = _store()
    days: list[Any] = _days(store, of_date, first, last)
    if of_date is None and store.exists(manifest.REFERENCE):
        days.append(None)
    found: list[Any] = []
    failed: list[ThorError] = []
    with open_database() as connection, progress_bar() as bar:
        task = bar.add_task("comparing", total=None)

        def on_progress(path: str, done: int, total: int) -> None:
            bar.update(task, description=path, completed=done, total=total)

        for of_day in days:
            try:
                found += compare(connection, store, of_day, on_progress)
            except ThorError as error:
                if len(days) == 1:
                    raise
                failed.append(error)
    wrong = [one for one in found if not one.is_good]
    if as_json:
        show([msgspec.structs.asdict(one) for one in found], "files", as_json=True)
    else:
        for one in wrong:
            rows = f"{one.lake_rows} rows in the lake, {one.database_rows} in the database"
            console.print(f"{one.state}: {one.path}: {one.why or rows}", soft_wrap=True)
        for each in failed:
            console.print(str(each), markup=False, soft_wrap=True)
        rows_in_all = sum(one.lake_rows or 0 for one in found)
        console.print(
            f"{len(found) - len(wrong):,} of {len(found):,} files are as they should be, "
            f"{rows_in_all:,} rows compared"
        )
    if wrong or failed:
        raise typer.Exit(DIFFERENT)


@app.command("import")
def import_(first: First = None, last: Last = None, as_json: AsJson = False) -> None:
    """Restore ticks, imported bars, rows shown to models and reference data out of the lake."""
    from thor.flow import restore_from_lake

    store = _store()
    days = _days(store, None, first, last)
    with progress_bar() as bar:
        task = bar.add_task("importing", total=None)

        def on_progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        done = restore_from_lake.restore_from_lake(database_url(), store, days, on_progress)
    if as_json:
        show([msgspec.structs.asdict(one) for one in done], "dates", as_json=True)
    for one in () if as_json else done:
        console.print(
            f"{one.trade_date}: {one.ticks:,} ticks restored, {one.there:,} were there; "
            f"{one.imported:,} imported bars and {one.shown:,} rows shown to models restored; "
            f"{one.bars:,} bars are equal to the lake's",
            highlight=False,
        )
        for text in one.failed:
            notes.print(f"thor: {text}", markup=False, highlight=False, soft_wrap=True)
    if any(one.failed for one in done):
        raise typer.Exit(Broken.exit_code)


def _store() -> Any:
    from thor.lake import manifest
    from thor.lake.store import Store, url_of

    store = Store(url_of(Settings()))
    manifest.entered(store)
    return store


def _is_empty() -> bool:
    from thor.lake import manifest
    from thor.lake.store import Store, url_of

    store = Store(url_of(Settings()))
    return manifest.enter(store) is None or not manifest.dates(store)


def _days(store: Any, of_date: str | None, first: str | None, last: str | None) -> list[Any]:
    from thor.lake import manifest

    one, begin, end = day(of_date, "--date"), day(first, "--from"), day(last, "--to")
    if one is not None:
        if begin is not None or end is not None:
            raise Rejected("--date: not together with --from or --to")
        return [one]
    found = [
        each
        for each in manifest.dates(store)
        if (begin is None or each >= begin) and (end is None or each <= end)
    ]
    if not found:
        raise NotFound(f"The lake {store.url} has no trade date from {first} to {last}")
    return found
