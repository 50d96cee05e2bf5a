"""`thor train`: fit a model on what is stored, and say how good it is out of sample."""

from typing import Annotated, Any

import typer

from thor.cli.common import (
    AsJson,
    console,
    database_url,
    notes,
    progress_bar,
    show,
    utc_bound,
)
from thor.config import Settings
from thor.errors import Rejected


def train(
    target: Annotated[
        str | None,
        typer.Option(help="What to predict: direction, magnitude, volatility or regime."),
    ] = None,
    horizon: Annotated[str, typer.Option(help="How far ahead: 1m, 5m, 15m, 60m or close.")] = "15m",
    symbols: Annotated[str, typer.Option(help="The series, ES,NQ,YM say.")] = "ES",
    set_name: Annotated[str, typer.Option("--set", help="The feature set.")] = "base",
    start: Annotated[
        str | None, typer.Option("--from", help="First start of a bar, or first UTC day.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Starts before this, or last UTC day.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Stretches of time to predict.")] = 5,
    mode: Annotated[
        str, typer.Option(help="What a fold learns from: all before it (expanding), or rolling.")
    ] = "expanding",
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 7,
    threads: Annotated[int, typer.Option(help="Threads of a fit.")] = 1,
    jobs: Annotated[int, typer.Option(help="Folds at a time.")] = 1,
    source: Annotated[
        str, typer.Option(help="Where to read: auto (the lake where it is whole), lake, database.")
    ] = "auto",
    due: Annotated[
        bool, typer.Option("--due", help="Train what is due since what was served has decayed.")
    ] = False,
    propose: Annotated[
        bool, typer.Option("--propose", help="With --due: list what is due and train nothing.")
    ] = False,
    report: Annotated[str | None, typer.Option(help="Write the report to this file too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train models walk-forward, beside baselines, and keep the best; promote it to serve it."""
    from pathlib import Path

    import msgspec

    from thor import database
    from thor.flow.train import Ask
    from thor.flow.train import train as run
    from thor.learning import registry

    if propose and not due:
        raise Rejected("--propose: it goes with --due")
    if due:
        given = {
            "folds": folds,
            "mode": mode,
            "seed": seed,
            "threads": threads,
            "jobs": jobs,
            "backend": Settings().joblib_backend,
            "source": source,
        }
        _due(given, is_proposal=propose, as_json=as_json)
        return
    if target is None:
        raise Rejected("--target: name it: direction, magnitude, volatility or regime; or --due")
    ask = Ask(
        target=target,
        horizon=horizon,
        symbols=tuple(part.strip().upper() for part in symbols.split(",") if part.strip()),
        set_name=set_name,
        ts_from=utc_bound(start, "--from"),
        ts_to=utc_bound(end, "--to", is_end=True),
        folds=folds,
        mode=mode,
        seed=seed,
        threads=threads,
        jobs=jobs,
        backend=Settings().joblib_backend,
        source=source,
    )
    url = database_url()
    with progress_bar() as bar:
        task = bar.add_task("training", total=None)
        found = run(
            url,
            ask,
            lambda what, done, total: bar.update(
                task, description=what, completed=done, total=total
            ),
        )
    noted = recorded(url, Settings())
    if report is not None:
        with database.connect(url, "cli") as connection:
            Path(report).write_text(registry.report(connection, found.run_id), encoding="utf-8")
    if as_json:
        show([msgspec.structs.asdict(found)], "training", as_json=True)
        notes.print(noted)
        return
    console.print(
        f"training {found.run_id}: {found.model}, skill {found.skill:+.4f} over {found.baseline}, "
        f"95% from {found.skill_low:+.4f} to {found.skill_high:+.4f}, on {found.rows:,} rows of "
        f"the {found.source}"
    )
    if found.sharpe is not None and found.deflated_sharpe is not None:
        console.print(
            f"after costs: Sharpe ratio {found.sharpe:+.3f} a trade, deflated "
            f"{found.deflated_sharpe:.1%}"
        )
    if found.skill_low > 0:
        console.print(f"`thor models promote {found.version_id}` serves it")
    else:
        console.print("it shows no skill, so it cannot be promoted")
    notes.print(noted)


def recorded(url: str, settings: Settings) -> str:
    """Bring MLflow in step, and return in words what came of it: a training is never lost by it."""
    from thor.errors import Unavailable
    from thor.services import mlflow_mirror

    if not mlflow_mirror.is_on(settings):
        return "MLflow is left out (THOR_MLFLOW_URL=none)"
    try:
        done = mlflow_mirror.mirror(url, settings)
    except Unavailable as error:
        return (
            f"MLflow lacks this training: {error}. Nothing is lost: model.* has all of it, and "
            "`thor models mirror` brings MLflow in step"
        )
    return f"MLflow is in step: {done.runs} trainings and {done.models} models added"


def _due(given: dict[str, Any], *, is_proposal: bool, as_json: bool) -> None:
    import msgspec

    from thor import database
    from thor.flow.train_due import propose, train_due

    url = database_url()
    if is_proposal:
        with database.connect(url, "cli") as connection:
            show(propose(connection), "trainings due", as_json=as_json)
        return
    rows = []
    for _, found in train_due(url, on_failed=_report_failed, **given):
        rows.append(msgspec.structs.asdict(found))
    show(rows, "trained", as_json=as_json)
    if rows:
        notes.print(recorded(url, Settings()))


def _report_failed(row: dict[str, Any], why: str) -> None:
    notes.print(f"{row['target']} of {', '.join(row['symbols'])} at {row['horizon']}: {why}")
