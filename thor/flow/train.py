"""Train: features and labels out of the lake, walk-forward folds, a report, a fitted model.

Flow: 55 lake → 60 store → 70 models. Rows come from the lake where it has every trade date of the
span, else from the database by the same SQL. What a training did is in model.runs from its first
moment; whatever ends it early is there too, and nothing else of it is.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from thor import __version__, database
from thor.database import Connection
from thor.database.schema import SQL
from thor.domain.bar import FEATURE_WIDTHS
from thor.errors import NotFound, Rejected, ThorError
from thor.lake.query.connect import connect
from thor.lake.query.handed import from_database
from thor.lake.training import HORIZONS, TrainingSet, dates_with_features, training_set
from thor.learning import (
    artifacts,
    daily,
    feature_rows,
    feature_sets,
    fit,
    folds,
    profiles,
    registry,
    report,
    summary,
)
from thor.learning.feature_sets import FeatureSet
from thor.learning.rows import Days, Rows

TARGETS = ("direction", "magnitude", "volatility", "regime")
SOURCES = ("auto", "lake", "database")
MINUTES = {"1m": 1, "5m": 5, "15m": 15, "60m": 60}
_DAY_US = 86_400_000_000
_MINUTE_US = 60_000_000

Progress = Callable[[str, int, int], None]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What to train. A span without bounds is that of the stored features."""

    target: str
    horizon: str = "15m"
    symbols: tuple[str, ...] = ("ES",)
    set_name: str = "base"
    ts_from: datetime | None = None
    ts_to: datetime | None = None
    folds: int = 5
    mode: str = "expanding"
    seed: int = 7
    threads: int = 1
    jobs: int = 1
    backend: str = "loky"
    source: str = "auto"
    lake_url: str | None = None


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What a training found: its run, the fitted model, and the skill of the best one."""

    run_id: int
    version_id: int
    model: str
    baseline: str
    skill: float
    skill_low: float
    skill_high: float
    rows: int
    source: str
    sharpe: float | None
    deflated_sharpe: float | None


@dataclass(slots=True)
class _Asked:
    """A question with its bounds, and the number of its run."""

    ask: Ask
    features: FeatureSet
    span: tuple[datetime, datetime]
    run_id: int = 0
    source: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


def train(url: str, ask: Ask, progress: Progress = lambda *_: None) -> Trained:
    """Train and keep what was found; the fitted model is served once it is promoted.

    Raises `Rejected` for a question that has no answer, `NotFound` where there is no data, and
    `Unavailable` where a server is away. A training that fails stays as failed in model.runs.
    """
    _check(ask)
    with database.connect(url, "train") as connection:
        _end_interrupted(connection)
        asked = _asked(connection, ask)
        with _noted(connection, asked):
            return _train(connection, asked, progress)


def _check(ask: Ask) -> None:
    if ask.target not in TARGETS:
        raise Rejected(f"--target: {ask.target!r} is none of {', '.join(TARGETS)}")
    if ask.target != "regime" and ask.horizon not in HORIZONS:
        raise Rejected(f"--horizon: {ask.horizon!r} is none of {', '.join(HORIZONS)}")
    if ask.mode not in folds.MODES:
        raise Rejected(f"--mode: {ask.mode!r} is none of {', '.join(folds.MODES)}")
    if ask.source not in SOURCES:
        raise Rejected(f"--source: {ask.source!r} is none of {', '.join(SOURCES)}")
    if not ask.symbols:
        raise Rejected("--symbols: name one or more, ES,NQ say")
    for name in ("folds", "threads", "jobs"):
        if getattr(ask, name) < 1:
            raise Rejected(f"--{name}: {getattr(ask, name)} is below 1")
    if ask.ts_from is not None and ask.ts_to is not None and not ask.ts_from < ask.ts_to:
        raise Rejected(f"--from: {ask.ts_from.isoformat()} is not before --to")


def _asked(connection: Connection[Any], ask: Ask) -> _Asked:
    listed = {row["symbol"] for row in database.rows(connection, "series")}
    symbols = tuple(sorted({symbol.upper() for symbol in ask.symbols}))
    if unknown := [one for one in symbols if one not in listed]:
        raise Rejected(
            f"--symbols: {', '.join(unknown)}: not listed; `thor instruments list` shows them"
        )
    if ask.target == "regime":
        features = feature_sets.daily(connection, daily.code_hash())
        ask = msgspec.structs.replace(ask, horizon="1d", source="database", symbols=symbols)
        found = database.one(connection, "daily_bar_bounds", {"symbols": list(symbols)})
        # A day belongs to the span in which it is known.
        length = timedelta()
    else:
        features = feature_sets.current(connection, ask.set_name)
        ask = msgspec.structs.replace(ask, symbols=symbols)
        values = {"symbols": list(symbols), "width": features.width}
        found = database.one(connection, "stored_feature_bounds", values)
        length = FEATURE_WIDTHS[features.width]
    if found["first"] is None:
        raise NotFound(
            f"--symbols: there are no features of {', '.join(symbols)} at {features.width}; "
            "`thor features status` shows what is to be made"
        )
    first = ask.ts_from or found["first"]
    last = ask.ts_to or found["last"] + length
    if not first < last:
        raise Rejected(
            f"--from: {first.isoformat()} is not before {last.isoformat()}, where the bars end"
        )
    return _Asked(ask, features, (first, last))


@contextmanager
def _noted(connection: Connection[Any], asked: _Asked) -> Any:
    """Keep the run in model.runs, and how it ended."""
    ask = asked.ask
    asked.parameters = {
        "folds": ask.folds,
        "mode": ask.mode,
        "embargo": ask.horizon,
        "jobs": ask.jobs,
        "backend": ask.backend,
        "models": {name: fit.settings(name, ask.target) for name in fit.MODELS[ask.target]},
    }
    row = database.one(
        connection,
        "add_run",
        {
            "target": ask.target,
            "horizon": ask.horizon,
            "symbols": list(ask.symbols),
            "set_name": asked.features.name,
            "set_version": asked.features.version,
            "set_hash": asked.features.hash,
            "span_from": asked.span[0],
            "span_to": asked.span[1],
            "seed": ask.seed,
            "threads": ask.threads,
            "code_version": code_version(),
            "libraries": json.dumps(artifacts.libraries()),
            "parameters": json.dumps(asked.parameters),
        },
    )
    asked.run_id = row["run_id"]
    database.rows(connection, "hold_run", {"run_id": asked.run_id})
    is_done, reason = False, ""
    try:
        yield
        is_done = True
    except ThorError as error:
        reason = str(error)
        raise
    except MemoryError as error:
        reason = "memory is not enough for the rows"
        raise Rejected(f"--symbols: {reason}; take a shorter span or fewer symbols") from error
    finally:
        if not is_done and not connection.closed:
            failed = sys.exc_info()[1]
            reason = reason or f"{type(failed).__name__}: {failed}".rstrip(": ").splitlines()[0]
            database.rows(connection, "fail_run", {"run_id": asked.run_id, "reason": reason})


def _end_interrupted(connection: Connection[Any]) -> None:
    """Note trainings as failed that nobody is at any more: their process was killed."""
    for row in database.rows(connection, "running_runs"):
        if database.one(connection, "hold_run", row)["is_held"]:
            values = {**row, "reason": "interrupted: its process ended"}
            database.rows(connection, "fail_run", values)
            database.rows(connection, "release_run", row)


def _train(connection: Connection[Any], asked: _Asked, progress: Progress) -> Trained:
    ask = asked.ask
    steps = ask.folds + 3
    progress("reading rows", 0, steps)
    rows = _rows(connection, asked)
    odd = fit.checked(rows)
    progress(f"{len(rows.y):,} rows", 1, steps)
    embargo_us = _embargo_us(ask.horizon, rows)
    plan = fit.Plan(ask.seed, ask.threads, ask.jobs, ask.backend, embargo_us)
    cut = list(
        folds.walk_forward(rows.known_us, rows.label_end_us, ask.folds, embargo_us, ask.mode)
    )
    weights = folds.uniqueness(rows.known_us, rows.label_end_us, rows.symbol)
    done: list[int] = []

    def note(result: fit.FoldResult) -> None:
        done.append(result.fold.number)
        progress(f"fold {result.fold.number} of {ask.folds}", 1 + len(done), steps)

    results = fit.run(rows, cut, weights, plan, note)
    block = _block(rows, ask.horizon)
    trials = _trials(connection, asked)
    found = summary.summarise(rows, results, block, ask.seed, trials)
    progress(f"fitting {found.best} on the whole span", steps - 2, steps)
    model = fit.fit(found.best, rows, np.arange(len(rows.y)), weights, plan)
    trained = _kept(connection, asked, rows, model, found, odd, results)
    progress("done", steps, steps)
    return trained


def _rows(connection: Connection[Any], asked: _Asked) -> Rows:
    ask, features = asked.ask, asked.features
    if ask.target == "regime":
        asked.source = "database"
        return daily.days(connection, ask.symbols, asked.span)
    first, last = asked.span
    given: dict[str, Any] = {
        "target": ask.target,
        "horizon": ask.horizon,
        "symbols": ask.symbols,
        "names": features.names,
        "width": features.width,
        "first": first,
        "last": last,
    }
    lake = _lake(connection, asked) if ask.source != "database" else None
    asked.source = "database" if lake is None else "lake"
    if lake is None:
        lake = from_database(connection, features.width, list(ask.symbols), first, last)
    with closing(lake):
        found: TrainingSet = training_set(lake, **given)
    return found


def _lake(connection: Connection[Any], asked: _Asked) -> Any:
    """Return a connection to the lake; None where it lacks a date of the span and may."""
    ask, (first, last) = asked.ask, asked.span
    try:
        lake = connect(ask.lake_url)
    except ThorError:
        if ask.source == "lake":
            raise
        return None
    if ask.source == "lake":
        return lake
    values = {"symbols": list(ask.symbols), "ts_from": first, "ts_to": last}
    dates = {row["trade_date"] for row in database.rows(connection, "training_dates", values)}
    found = dates_with_features(lake, asked.features.width, ask.symbols)
    if dates and dates <= found:
        return lake
    lake.close()
    return None


def _embargo_us(horizon: str, rows: Rows) -> int:
    """Return one horizon; of the close the longest label, of a day a day."""
    if horizon in MINUTES:
        return MINUTES[horizon] * _MINUTE_US
    return _DAY_US if horizon == "1d" else int((rows.label_end_us - rows.known_us).max())


def _block(rows: Rows, horizon: str) -> int:
    """Return how many rows are drawn together: those of a label's time, an hour at least."""
    if horizon == "1d":
        return 5 * len(rows.symbols)
    return max(60, MINUTES.get(horizon, 23 * 60)) * len(rows.symbols)


def _trials(connection: Connection[Any], asked: _Asked) -> list[float | None]:
    values = {
        "target": asked.ask.target,
        "horizon": asked.ask.horizon,
        "symbols": list(asked.ask.symbols),
        "span_from": asked.span[0],
        "span_to": asked.span[1],
    }
    rows = database.rows(connection, "trials", values)
    return [one for row in rows for one in (row["sharpes"] or {}).values()]


def _kept(
    connection: Connection[Any],
    asked: _Asked,
    rows: Rows,
    model: fit.Fitted,
    found: summary.Summary,
    odd: dict[str, Any],
    results: list[fit.FoldResult],
) -> Trained:
    """Write everything that a training found, in one transaction."""
    ask, best = asked.ask, found.skills[found.best]
    facts: dict[str, Any] = {
        "target": ask.target,
        "horizon": ask.horizon,
        "symbols": list(ask.symbols),
        "set_hash": asked.features.hash,
        "span_from": asked.span[0].astimezone(UTC).isoformat(),
        "span_to": asked.span[1].astimezone(UTC).isoformat(),
        "seed": ask.seed,
        "data_checksum": rows.checksum,
        "names": list(rows.names),
        "columns": list(model.columns),
        "libraries": artifacts.libraries(),
    }
    if ask.target == "direction":
        facts["classes"] = [float(one) for one in fit.classes_of(rows)]
    if ask.target == "regime":
        facts["order"] = fit.regime_order(model)
    content, sha256 = artifacts.written(model.model, facts)
    metrics = {**found.metrics, **odd, "sharpes": found.sharpes}
    values = {
        "run_id": asked.run_id,
        "rows": len(rows.y),
        "data_checksum": rows.checksum,
        "data_source": asked.source,
        "best_model": found.best,
        "baseline": found.baseline,
        "skill": best.value,
        "skill_low": best.low,
        "skill_high": best.high,
        "sharpe": found.sharpe,
        "deflated_sharpe": found.deflated_sharpe,
        "trials": found.trials,
        "metrics": json.dumps(metrics),
    }
    with database.transaction(connection):
        database.rows(connection, "end_run", values)
        database.execute_many(
            connection,
            "add_fold",
            [{**row, "run_id": asked.run_id} for row in found.folds],
        )
        database.rows(connection, "add_artifact", {"sha256": sha256, "content": content})
        kept = {"run_id": asked.run_id, "sha256": sha256}
        version_id = database.one(connection, "add_version", kept)["id"]
        profiles.keep(connection, version_id, rows.names, rows.x, model.columns)
        run = registry.run(connection, asked.run_id)
        html = report.page(run, registry.folds(connection, asked.run_id), found.plots)
        database.rows(connection, "add_report", {"run_id": asked.run_id, "html": html})
        if isinstance(rows, TrainingSet):
            feature_rows.keep(
                connection,
                asked.features.hash,
                rows.symbols,
                rows.symbol,
                rows.bar_start_us,
                rows.changed_us,
                rows.x,
            )
        if isinstance(rows, Days):
            _keep_regimes(connection, version_id, rows, model, results)
    return Trained(
        run_id=asked.run_id,
        version_id=version_id,
        model=found.best,
        baseline=found.baseline,
        skill=best.value,
        skill_low=best.low,
        skill_high=best.high,
        rows=len(rows.y),
        source=asked.source,
        sharpe=found.sharpe,
        deflated_sharpe=found.deflated_sharpe,
    )


def _keep_regimes(
    connection: Connection[Any],
    version_id: int,
    rows: Days,
    model: fit.Fitted,
    results: list[fit.FoldResult],
) -> None:
    number, probability = fit.regimes(model, rows.x, fit.regime_order(model))
    is_blind = np.zeros(len(rows.y), bool)
    for result in results:
        # A day of a fold has the regime that could have been known at its end.
        for one in result.predicted:
            if one.regimes is not None:
                number[result.fold.test], probability[result.fold.test] = one.regimes
                is_blind[result.fold.test] = True
    database.execute_many(
        connection,
        "add_regime",
        [
            {
                "symbol": rows.symbols[rows.symbol[at]],
                "trade_date": rows.trade_date[at],
                "version_id": version_id,
                "regime": int(number[at]),
                "probability": float(min(1.0, probability[at])),
                "is_out_of_sample": bool(is_blind[at]),
            }
            for at in range(len(rows.y))
        ],
    )


def code_version() -> str:
    """Return Thor's version, and the first digits of the hash of the code that learns."""
    root = Path(__file__).resolve().parents[1]
    files = [*sorted((root / "learning").glob("*.py")), root / "lake" / "training.py"]
    files += [Path(__file__), *sorted((SQL / "60_store").glob("61[5-9]_*.sql"))]
    content = b"".join(file.read_bytes() for file in files)
    return f"{__version__}+{hashlib.sha256(content).hexdigest()[:12]}"
