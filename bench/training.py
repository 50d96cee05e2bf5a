"""What a training costs beside the libraries it stands on: `python bench/training.py [--quick]`.

Two ratios, each of two ways in one run, taking turns:

matrix   A lake of minutes of eleven series with all stored features. `thor.lake.training_set`
         beside DuckDB running the very same query into an Arrow table: what is above 1 is the
         making of the matrix. Peak memory is that of a process of its own, less what it had once
         everything was imported and the lake was open, in multiples of the matrix.

folds    Walk-forward folds on a made training set: `fit.run` with one model and no baseline or
         importance, beside scikit-learn fitting and predicting the same rows, which were cut and
         copied beforehand. What is above 1 is purge, weights, columns that vary, losses. In seconds
         of CPU, on one thread: they hold on a busy machine too.
"""

import argparse
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from workbench import arguments, goal, machine, reported, table

from thor.lake import connect, manifest, training, training_set
from thor.lake.query import sql
from thor.lake.query.connect import bar_columns, feature_columns
from thor.learning import fit, folds

SYMBOLS = ("CL", "DX", "ES", "GC", "HG", "NQ", "RTY", "SI", "VX", "YM", "ZB")
FIRST = datetime(2024, 1, 2, tzinfo=UTC)
MINUTES_A_DAY = 1320
TURNS = 3


def make_lake(root: Path, rows: int) -> None:
    """Write minutes, their features and what labels read, a file a date and symbol."""
    days = max(1, rows // (MINUTES_A_DAY * len(SYMBOLS)))
    columns, shapes, tables = feature_columns(), bar_columns(), sql.tables()
    names = [name for name in columns if columns[name] == "double"]
    with duckdb.connect() as made:
        made.execute("set timezone = 'UTC'")
        for number in range(days):
            day = FIRST + timedelta(days=number)
            listed = ", ".join(f"'{one}'" for one in SYMBOLS)
            made.execute(
                "create or replace temp table bars as select symbol, "
                f"timestamptz '{day.isoformat()}' + n * interval '1 minute' as bar_start, "
                "5000 + (hash(symbol, n) % 400) / 4 as close "
                f"from unnest([{listed}]) as s (symbol), range({MINUTES_A_DAY}) as r (n)"
            )
            known = {
                "bar_start": "bar_start",
                "bar_end": "bar_start + interval '1 minute'",
                "known_at": "bar_start + interval '61 seconds'",
                "trade_date": f"date '{day.date()}'",
                "bid_close": "close - 0.125",
                "ask_close": "close + 0.125",
                "trades": "10",
                "volume": "50",
                "ticks": "20",
                "is_imported": "false",
            }
            prices = dict.fromkeys(("open", "high", "low", "close"), "close")
            shown = ", ".join(
                f"({(known | prices).get(name, 'null')})::{kind} as {name}"
                for name, kind in shapes["bars_1m"].items()
                if name != "symbol"
            )
            values = ", ".join(f"random()::float as {name}" for name in names)
            own = "bar_start, 20::bigint as bar_ticks, now() as made_at, now() as changed_at"
            for symbol in SYMBOLS:
                of = f"from bars where symbol = '{symbol}' order by bar_start"
                write(
                    made,
                    f"select {shown} {of}",
                    root / manifest.bars_path(day.date(), symbol, "1m"),
                )
                path = root / manifest.features_path(day.date(), symbol, "1m")
                write(made, f"select {own}, {values} {of}", path)
            text(root / manifest.path_of(day.date()), '{"format": 1, "parts": []}')
        of_reference(made, root, tables, days)
    text(root / "lake.json", '{"format": 1, "made_by": "bench", "nature": "simulated"}')


def of_reference(made: Any, root: Path, tables: Any, days: int) -> None:
    """Write the series, instruments and sessions that labels join."""
    series = ", ".join(f"('{one}')" for one in SYMBOLS)
    own = {
        "reference.series": (
            {"symbol": "s.symbol", "root": "s.symbol"}, f"(values {series}) as s (symbol)"
        ),
        "reference.instruments": (
            {"symbol": "s.symbol", "tick_size": "0.25", "multiplier": "50", "calendar": "'X'"},
            f"(values {series}) as s (symbol)",
        ),
        "reference.sessions": (
            {
                "calendar": "'X'",
                "trade_date": "(b + interval '1 hour')::date",
                "open_at": "b",
                "close_at": f"b + {MINUTES_A_DAY} * interval '1 minute'",
            },
            f"(select timestamptz '{FIRST.isoformat()}' + n * interval '1 day' as b "
            f"from range({days}) as r (n)) as s",
        ),
    }  # fmt: skip
    for name, (given, source) in own.items():
        shown = ", ".join(
            f"({given.get(column, 'null')})::{kind} as {column}"
            for column, kind in tables[name].items()
        )
        write(made, f"select {shown} from {source}", root / manifest.reference_path(name))


def write(made: Any, query: str, path: Path) -> None:
    """Write a query's rows as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.execute(f"copy ({query}) to '{path}' (format parquet, compression zstd)")


def text(path: Path, content: str) -> None:
    """Write a small file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


class Asked(Exception):
    """Carries the query of a training set out of it, unrun."""


class Recorder:
    """A connection whose first long query ends it."""

    def __init__(self, connection: Any) -> None:
        """Take the connection for everything else."""
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        """Pass on what is asked."""
        return getattr(self._connection, name)

    def sql(self, query: str, params: Any) -> Any:
        """Raise the query."""
        raise Asked(query, params)


def query_of(lake: Any) -> tuple[str, Any]:
    """Return the query that a training set runs, and its values."""
    try:
        training_set(Recorder(lake), horizon="15m")
    except Asked as asked:
        return asked.args[0], asked.args[1]
    raise AssertionError("no query was run")


def by_thor(lake: Any) -> Any:
    """Return the training set."""
    return training_set(lake, horizon="15m")


def by_duckdb(lake: Any) -> Any:
    """Return the rows of its query as Arrow."""
    query, values = query_of(lake)
    return lake.sql(query, params=values).to_arrow_table()


WAYS: dict[str, Callable[[Any], Any]] = {"training_set": by_thor, "DuckDB into Arrow": by_duckdb}


def measured(way: str, url: str, found: Any) -> None:
    """Send seconds, peak bytes above the open lake, and rows; in a process of its own."""
    with connect(url) as lake:
        lake.execute("set enable_progress_bar = false")
        lake.execute("select count(*) from store.features_1m").fetchall()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.perf_counter()
        given = WAYS[way](lake)
        took = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        rows = len(given.y) if way == "training_set" else given.num_rows
        found.send((took, 1024 * peak, rows))


def in_process(way: str, url: str) -> tuple[float, int, int]:
    """Return what a process of its own measured."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measured, args=(way, url, theirs))
    process.start()
    theirs.close()
    answer: tuple[float, int, int] = ours.recv()
    process.join()
    return answer


def matrix(rows: int) -> None:
    """Measure a training matrix beside DuckDB's own Arrow."""
    with tempfile.TemporaryDirectory(prefix="thor-bench-", dir="/dev/shm") as folder:
        reported(f"writing a lake of {rows:,} bars")
        make_lake(Path(folder), rows)
        runs: dict[str, list[tuple[float, int, int]]] = {way: [] for way in WAYS}
        for _ in range(TURNS):
            for way in WAYS:
                reported(way)
                runs[way].append(in_process(way, folder))
    features = len(feature_columns()) - 5
    size = runs["training_set"][0][2] * features * 4
    seconds = {way: statistics.median(one[0] for one in found) for way, found in runs.items()}
    peaks = {way: statistics.median(one[1] for one in found) / size for way, found in runs.items()}
    shape = f"{runs['training_set'][0][2]:,} × {features}"
    table(
        [f"matrix of {shape}, {size / 1e6:,.0f} MB", "s", "peak, matrices"],
        [[way, f"{seconds[way]:.2f}", f"{peaks[way]:.2f}"] for way in WAYS],
    )
    ratio = seconds["training_set"] / seconds["DuckDB into Arrow"]
    goal("time beside DuckDB into Arrow ≤ 1.3", f"{ratio:.2f}", ratio <= 1.3)
    peak = peaks["training_set"]
    goal("peak memory ≤ 2.5 matrices", f"{peak:.2f}", peak <= 2.5)


def made_rows(rows: int, target: str) -> training.TrainingSet:
    """Return a minute a row of 50 features, two of which move the label a little."""
    rng = np.random.default_rng(7)
    x = np.asfortranarray(rng.normal(size=(rows, 50)), np.float32)
    x[rng.random(x.shape) < 0.02] = np.nan
    known = np.arange(rows) * 60_000_000
    move = 0.1 * np.nan_to_num(x[:, 1]) + 0.1 * np.nan_to_num(x[:, 2]) + rng.normal(size=rows)
    flat = np.ones(rows)
    return training.TrainingSet(
        target=target,
        horizon="5m",
        width="1m",
        names=tuple(f"f{number}" for number in range(50)),
        symbols=("ES",),
        x=x,
        y=np.sign(np.round(move)) if target == "direction" else move / 1000,
        known_us=known,
        label_end_us=known + 300_000_000,
        bar_start_us=known,
        changed_us=known,
        symbol=np.zeros(rows, np.int32),
        magnitude_ticks=move,
        cost_ticks=flat,
        last_return=flat,
        vol_forecast=flat,
    )


def bare_folds(rows: Any, cut: list[folds.Fold], weights: Any, plan: fit.Plan, name: str) -> Any:
    """Return a function that fits and predicts the same with scikit-learn alone."""
    classes = fit.classes_of(rows)
    codes = np.searchsorted(classes, rows.y) if rows.target == "direction" else rows.y
    tasks = []
    for fold in cut:
        part, kept = fold.train, None
        if rows.target == "direction":
            first = int(len(part) * 0.8)
            kept = part[first:]
            part = folds.purged(
                rows.known_us, rows.label_end_us, part[:first], kept, plan.embargo_us
            )
        at = [each for each in (part, kept, fold.test) if each is not None]
        tasks.append([(rows.x[each], codes[each], weights[each]) for each in at])

    def run() -> None:
        # The model has its weights already; these are for the calibration alone.
        warnings.simplefilter("ignore", UserWarning)
        for given in tasks:
            model = fit._model(name, rows.target, plan.seed)
            (x, y, w), (x_test, _, _) = given[0], given[-1]
            model = fit._fit(model, x, y, w)
            if len(given) == 3:
                model = CalibratedClassifierCV(FrozenEstimator(model), method="temperature")
                model.fit(given[1][0], given[1][1], sample_weight=given[1][2])
                model.predict_proba(x_test)
            else:
                model.predict(x_test)

    return run


def of_folds(rows: int) -> None:
    """Measure walk-forward folds beside bare fits."""
    shown = []
    met = []
    whole = fit._importance
    for target, name, limit in (
        ("direction", "boosting", 1.1),
        ("magnitude", "boosting", 1.1),
        ("direction", "logistic", 1.5),
        ("magnitude", "ridge", 1.5),
    ):
        reported(f"{name} of {target}")
        made = made_rows(rows, target)
        plan = fit.Plan(7, 1, 1, "sequential", 300_000_000)
        fit.MODELS[target], fit.BASELINES[target] = (name,), ()

        def ours(made: Any = made, plan: Any = plan) -> None:
            cut = folds.walk_forward(made.known_us, made.label_end_us, 5, plan.embargo_us)
            weights = folds.uniqueness(made.known_us, made.label_end_us, made.symbol)
            fit.run(made, cut, weights, plan)

        cut = list(folds.walk_forward(made.known_us, made.label_end_us, 5, plan.embargo_us))
        weights = folds.uniqueness(made.known_us, made.label_end_us, made.symbol)
        theirs = bare_folds(made, cut, weights, replace(plan), name)
        times: dict[str, list[float]] = {"thor": [], "bare": [], "with importance": []}
        for _ in range(TURNS):
            fit._importance = lambda *_: np.zeros(1)
            with fit.threadpool_limits(1):
                times["bare"].append(timed(theirs))
            times["thor"].append(timed(ours))
            fit._importance = whole
            times["with importance"].append(timed(ours))
        s = {way: statistics.median(found) for way, found in times.items()}
        ratio = s["thor"] / s["bare"]
        shown.append(
            [f"{name} of {target}", f"{s['bare']:.2f}", f"{s['thor']:.2f}", f"{ratio:.2f}",
             f"{s['with importance'] - s['thor']:.2f}"]
        )  # fmt: skip
        met.append((f"folds of {name}, {target}, beside bare fits ≤ {limit}", ratio, limit))
    table(
        [f"5 folds of {rows:,} × 50", "bare, CPU s", "Thor, CPU s", "ratio", "importance, CPU s"],
        shown,
    )
    for words, ratio, limit in met:
        goal(words, f"{ratio:.2f}", ratio <= limit)


def timed(run: Callable[[], Any]) -> float:
    """Return how many seconds of CPU it takes."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def options(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's own options."""
    parser.add_argument("--only", choices=("matrix", "folds"), help="one of the two")


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "", options)
    machine()
    share = 10 if given.quick else 1
    if given.only != "folds":
        matrix(1_000_000 // share)
    if given.only != "matrix":
        of_folds(60_000 // share)


if __name__ == "__main__":
    main()
