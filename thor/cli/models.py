"""`thor models`: list, show, compare, promote and roll back fitted models."""

from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, console, database_url, open_database, show
from thor.errors import Refused, Rejected

app = typer.Typer(no_args_is_help=True, help="Fitted models: what there is, and what is served.")
Id = Annotated[int, typer.Argument(help="Number of a model, as `thor models list` shows it.")]
Alias = Annotated[str, typer.Option("--as", help="champion or challenger.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the fitted models, the newest first."""
    from thor.learning import registry

    with open_database() as connection:
        rows = registry.versions(connection)
    show(rows if as_json else [_short(row) for row in rows], "models", as_json=as_json)


@app.command("runs")
def list_runs(as_json: AsJson = False) -> None:
    """List the trainings, the newest first, those that failed too."""
    from thor.learning import registry

    with open_database() as connection:
        rows = registry.runs(connection)
    shown = [
        {
            "run": row["run_id"],
            "state": row["state"],
            "target": row["target"],
            "horizon": row["horizon"],
            "symbols": row["symbols"],
            "rows": row["rows"],
            "best": row["best_model"],
            "skill": _interval(row),
            "model": row["version_id"],
            "reason": row["reason"],
        }
        for row in rows
    ]
    show(rows if as_json else shown, "trainings", as_json=as_json)


@app.command("show")
def show_model(
    model_id: Id,
    report: Annotated[str | None, typer.Option(help="Write its report to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a fitted model, and the folds of its training."""
    from pathlib import Path

    from thor.learning import registry

    with open_database() as connection:
        row = registry.version(connection, model_id)
        folds = registry.folds(connection, row["run_id"])
        if report is not None:
            Path(report).write_text(registry.report(connection, row["run_id"]), encoding="utf-8")
    if as_json:
        show([row], "model", as_json=True)
        return
    facts = {
        **_short(row),
        "set": f"{row['set_name']} version {row['set_version']}",
        "data": row["data_checksum"],
        "code": row["code_version"],
        "artifact": row["artifact_sha256"],
    }
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        console.print(f"{name:>10}  {'' if shown is None else shown}")
    show([_fold(one) for one in folds], "folds", as_json=False)


@app.command("compare")
def compare(
    model_ids: Annotated[list[int], typer.Argument(help="Numbers of two or more models.")],
    as_json: AsJson = False,
) -> None:
    """Show fitted models side by side."""
    from thor.learning import registry

    if len(model_ids) < 2:
        raise Rejected("ids: name two models or more")
    with open_database() as connection:
        rows = [registry.version(connection, one) for one in dict.fromkeys(model_ids)]
    shown = [
        {
            **_short(row),
            "loss": f"{row['metrics']['losses'][row['model']]:.5g}",
            "ticks": f"{row['metrics']['profit_ticks'][row['model']]:+.1f}",
            "trades": row["metrics"]["trades"][row["model"]],
            "set": f"{row['set_name']} {row['set_version']}",
        }
        for row in rows
    ]
    show(rows if as_json else shown, "models", as_json=as_json)


@app.command("promote")
def promote(
    model_id: Id,
    alias: Alias = "champion",
    by: Annotated[str, typer.Option(help="Who decides it.")] = "cli",
    reason: Annotated[str | None, typer.Option(help="Why.")] = None,
) -> None:
    """Serve a fitted model, where it has shown its skill and is what was trained."""
    from thor.learning import registry

    with open_database() as connection:
        done = registry.promote(connection, model_id, alias, by, reason)
    _print(done)
    _mirror_later()


@app.command("rollback")
def rollback(
    target: Annotated[str, typer.Option(help="direction, magnitude, volatility or regime.")],
    horizon: Annotated[str, typer.Option(help="How far ahead.")],
    symbols: Annotated[str, typer.Option(help="The series, ES,NQ say.")],
    alias: Alias = "champion",
    by: Annotated[str, typer.Option(help="Who decides it.")] = "cli",
) -> None:
    """Serve the model again that was served before."""
    from thor.learning import registry

    named = [part.strip().upper() for part in symbols.split(",") if part.strip()]
    with open_database() as connection:
        done = registry.rollback(connection, target, horizon, named, alias, by)
    _print(done)
    _mirror_later()


@app.command("mirror")
def mirror() -> None:
    """Bring MLflow in step: trainings, fitted models and aliases that it lacks."""
    from thor.config import Settings
    from thor.services import mlflow_mirror

    settings = Settings()
    if not mlflow_mirror.is_on(settings):
        raise Rejected("THOR_MLFLOW_URL: it is none, so there is no MLflow to bring in step")
    done = mlflow_mirror.mirror(database_url(), settings)
    console.print(
        f"MLflow: {done.runs} trainings and {done.models} models added, {done.aliases} aliases set"
    )


def _mirror_later() -> None:
    from thor.config import Settings
    from thor.services import mlflow_mirror

    mlflow_mirror.start(database_url(), Settings())


@app.command("skill")
def skill(as_json: AsJson = False) -> None:
    """Show how the models that were served did, a row a symbol and trade date."""
    from thor import database

    with open_database() as connection:
        rows = database.rows(connection, "skill_daily", {"model_id": None, "limit": 200})
    shown = [
        {
            "model": row["model_id"],
            "date": row["trade_date"],
            "symbol": row["symbol"],
            "target": row["target"],
            "horizon": row["horizon"],
            "predictions": row["predictions"],
            "refused": row["refused"],
            "outcomes": row["outcomes"],
            "hit rate": _share(row["hit_rate"]),
            "from": _share(row["hit_rate_low"]),
            "to": _share(row["hit_rate_high"]),
        }
        for row in rows
    ]
    show(rows if as_json else shown, "skill", as_json=as_json)


@app.command("drift")
def drift(as_json: AsJson = False) -> None:
    """Show how far the rows of champions and challengers are from those that they learned."""
    from thor import database

    with open_database() as connection:
        rows = database.rows(connection, "model_drift", {"model_id": None})
        silent = database.rows(connection, "silences")
    show(rows, "drift", as_json=as_json)
    if not as_json:
        for row in silent:
            console.print(
                f"{row['target']} of {', '.join(row['symbols'])} at {row['horizon']} is silent "
                f"since {row['demoted_at']:%Y-%m-%d %H:%M} UTC: {row['reason']}"
            )


@app.command("outcomes")
def outcomes(
    days: Annotated[int, typer.Option(help="How far back, days.", min=1, max=3650)] = 2,
) -> None:
    """Join predictions with what happened, and correct outcomes whose bars changed."""
    from datetime import timedelta

    from thor.flow.infer import join_outcomes, market_clock

    with open_database() as connection:
        as_of = market_clock(connection).ts
        written = join_outcomes(connection, as_of, timedelta(days=days), is_again=True)
    console.print(f"{written:,} outcomes written")


@app.command("parity")
def parity(
    day: Annotated[
        str | None, typer.Option("--date", help="Trade date; the one before today's by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what models were shown on a trade date with the lake's own figures."""
    from datetime import date

    import msgspec

    from thor import clock
    from thor.flow.check_parity import check_parity, yesterday
    from thor.lake.query.connect import connect

    try:
        asked = yesterday(clock.now()) if day is None else date.fromisoformat(day)
    except ValueError as error:
        raise Rejected(f"--date: {day!r} is no date; write 2026-11-20") from error
    with open_database() as connection, connect() as lake:
        found = check_parity(connection, lake, asked)
    rows = [msgspec.structs.asdict(one) for one in found]
    show(rows, f"parity of {asked}", as_json=as_json)
    if any(one.different or one.missing for one in found):
        raise Refused(
            f"parity: on {asked} models were shown rows that the lake does not give: "
            "feedback.parity names them"
        )


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _print(done: Any) -> None:
    now = "none" if done.version_id is None else f"model {done.version_id}"
    was = "none" if done.was is None else f"model {done.was}"
    console.print(
        f"{done.alias} of {done.target} at {done.horizon} of {', '.join(done.symbols)}: {now}, "
        f"before {was}"
    )


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": row["id"],
        "alias": row["alias"],
        "target": row["target"],
        "horizon": row["horizon"],
        "symbols": row["symbols"],
        "kind": row["model"],
        "skill": _interval(row),
        "from": f"{row['span_from']:%Y-%m-%d %H:%M}",
        "to": f"{row['span_to']:%Y-%m-%d %H:%M}",
        "run": row["run_id"],
    }


def _fold(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "fold": row["fold"],
        "model": row["model"],
        "learned": row["train_rows"],
        "purged": row["purged_rows"],
        "predicted": row["test_rows"],
        "loss": f"{row['loss']:.5g}",
        "skill": _interval(row),
        "trades": row["trades"],
        "ticks": f"{row['profit_ticks']:+.1f}",
    }


def _interval(row: dict[str, Any]) -> str | None:
    if row["skill"] is None:
        return None
    return f"{row['skill']:+.4f} ({row['skill_low']:+.4f} to {row['skill_high']:+.4f})"
