"""`thor features`: build the stored features, show how far they are, check them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, console, instant, notes, open_database, progress_bar, show
from thor.domain.bar import FEATURE_WIDTHS
from thor.errors import Rejected

# What `thor features check` ends with where a feature breaks a rule: no error, but no 0 either.
DIFFERENT = 7
_DAY_LENGTH = len("2026-11-22")
_HOLES_BACK = timedelta(days=7)

app = typer.Typer(no_args_is_help=True, help="Features: built, how far they are, and checked.")
From = Annotated[str, typer.Option("--from", help="First start of a bar, or first UTC day.")]
FromOrNot = Annotated[
    str | None, typer.Option("--from", help="First start of a bar, or first UTC day.")
]
ToOrNot = Annotated[str | None, typer.Option("--to", help="Starts before this, or last UTC day.")]
To = Annotated[str, typer.Option("--to", help="Starts before this, or last UTC day.")]
Width = Annotated[
    list[str] | None, typer.Option("--width", help="1m, 5m or 1h; all where none is named.")
]


@app.command("build")
def build(
    start: FromOrNot = None,
    end: ToOrNot = None,
    width: Width = None,
    holes: Annotated[
        bool,
        typer.Option(
            "--holes", help="Only bars that have none, or of other ticks; of the last 7 days."
        ),
    ] = False,
) -> None:
    """Make the features of a range anew; a build that was cut goes on where it was."""
    from thor import clock, database
    from thor.flow import build_features
    from thor.learning import feature_store

    if holes:
        _fill_holes(start, end, _widths(width))
        return
    if start is None or end is None:
        raise Rejected("--from, --to: give both, or --holes")
    first, last = _span(start, end)
    widths = _widths(width)
    with open_database() as connection, progress_bar() as bar:
        build_features.ask(connection, widths, first, last)
        task = bar.add_task("building features", total=None)
        total = left = _days(connection, widths)
        while left:
            bar.update(task, completed=total - left, total=total)
            if database.one(connection, "hold_feature_builder")["is_held"]:
                for done in build_features.build(connection, threads=2):
                    left = _days(connection, widths)
                    bar.update(
                        task,
                        completed=max(0, total - left),
                        description=f"features {done.width} {done.ts_from:%Y-%m}",
                    )
                feature_store.catch_up(connection)
            else:
                # The job is at it; it takes ranges as they come.
                bar.update(task, description="jobs/features builds")
                clock.sleep_s(1.0)
            left = _days(connection, widths)
    console.print(f"the features from {first.isoformat(' ')} to {last.isoformat(' ')} are made")


@app.command("define")
def define(
    name: Annotated[str, typer.Argument(help="Name of the set: small letters, digits, _.")],
    features: Annotated[str, typer.Option(help="The features, rsi_14,roc_10 say.")],
    width: Annotated[str, typer.Option(help="1m, 5m or 1h.")] = "1m",
) -> None:
    """Define a set of features that models are trained on; a change makes a new version."""
    from thor.learning import feature_sets

    named = [part.strip() for part in features.split(",") if part.strip()]
    with open_database() as connection:
        made = feature_sets.define(connection, name, width, named)
    console.print(f"{made.name} version {made.version}: {len(made.names)} features of {made.width}")


@app.command("sets")
def sets(as_json: AsJson = False) -> None:
    """List the sets of features, every version."""
    from thor import database

    with open_database() as connection:
        rows = database.rows(connection, "feature_sets")
    show(rows, "feature sets", as_json=as_json)


@app.command("status")
def status(as_json: AsJson = False) -> None:
    """Show how far the stored features are, and what is to be made."""
    from thor import database

    with open_database() as connection:
        rows = database.rows(connection, "feature_status")
    if as_json:
        show(rows, "features", as_json=True)
        return
    shown = [
        {
            "width": row["width"],
            "stored from": _at(row["stored_from"]),
            "to": _at(row["stored_to"]),
            "bars from": _at(row["bars_from"]),
            "to make": state_of(row),
            "why": row["reasons"],
        }
        for row in rows
    ]
    show(shown, "features", as_json=False)


@app.command("check")
def check(
    start: From,
    end: To,
    width: Width = None,
    samples: Annotated[int, typer.Option(min=1, help="Bars of each width.")] = 20,
    seed: Annotated[int, typer.Option(help="Which bars: the same seed, the same bars.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Hold features against your own bars; ends with 0 where all is well, 7 where it is not."""
    import msgspec

    from thor.flow.check_features import Check

    first, last = _span(start, end)
    with open_database() as connection, progress_bar() as bar:
        task = bar.add_task("checking features", total=None)
        checked = Check(connection, seed).run(
            _widths(width),
            first,
            last,
            samples,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    found = [msgspec.structs.asdict(finding) for finding in checked.findings]
    if as_json or found:
        show(found, "features that break a rule", as_json=as_json)
    if not as_json:
        notes.print(f"{checked.values:,} values at {checked.bars} bars compared")
        if not found:
            console.print(
                "no feature peeks, looks further back than declared or is stored otherwise"
            )
    if found:
        raise typer.Exit(DIFFERENT)


def _fill_holes(start: str | None, end: str | None, widths: list[str]) -> None:
    from thor import clock
    from thor.learning import feature_store

    last = clock.now() if end is None else _bound(end, "--to")
    first = last - _HOLES_BACK if start is None else _bound(start, "--from")
    with open_database() as connection:
        done = feature_store.fill_holes(connection, widths, first, last)
    console.print(
        f"holes from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC: {done.added:,} rows "
        f"added, {done.changed:,} changed, {done.removed:,} removed"
    )


def state_of(row: dict[str, Any]) -> str:
    """Return how far a width is, in words: whole, or how many days of bars are left."""
    if not row["ranges"]:
        return "none"
    if row["days_to_make"] < 1:
        return f"{row['ranges']} ranges"
    share = max(0.0, 1 - row["days_to_make"] / row["days"]) if row["days"] else 0.0
    return f"{row['days_to_make']:.0f} days, {share:.0%} made"


def _days(connection: Any, widths: list[str]) -> float:
    from thor import database

    rows = database.rows(connection, "feature_status")
    left = [row["days_to_make"] for row in rows if row["width"] in widths and row["ranges"]]
    return float(sum(max(days, 0.01) for days in left))


def _span(start: str, end: str) -> tuple[datetime, datetime]:
    first, last = _bound(start, "--from"), _bound(end, "--to")
    if len(end) == _DAY_LENGTH:
        last += timedelta(days=1)
    if not first < last:
        raise Rejected(f"--from: {first.isoformat()} is not before --to {last.isoformat()}")
    return first, last


def _bound(text: str, name: str) -> datetime:
    found = instant(f"{text}T00:00:00Z" if len(text) == _DAY_LENGTH else text, name)
    if found is None:
        raise Rejected(f"{name}: give a UTC day, or an ISO 8601 time with its zone")
    return found.astimezone(UTC)


def _widths(asked: list[str] | None) -> list[str]:
    for width in asked or ():
        if width not in FEATURE_WIDTHS:
            raise Rejected(f"--width: {width!r} is none of {', '.join(FEATURE_WIDTHS)}")
    return list(dict.fromkeys(asked)) if asked else list(FEATURE_WIDTHS)


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M}"
