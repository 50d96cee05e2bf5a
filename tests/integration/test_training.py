"""A training end to end: rows, folds, a report, a fitted model, and which of them is served."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import notebooks
import numpy as np
import psycopg
import pytest
from bars_written import Stream
from features_made import fill_store, put_bars, put_sessions
from lake_made import write_lake
from roles_made import as_role
from ticks_made import settings, tick, wait_for

from thor import database
from thor.cli.train import recorded
from thor.domain.tick import Tick
from thor.errors import NotFound, Refused, Rejected, Unavailable
from thor.flow import mirror_models
from thor.flow.train import Ask, Trained, train
from thor.lake import training_set
from thor.lake.export.export import export
from thor.lake.export.trade_date import Ask as ExportAsk
from thor.lake.query.handed import from_database
from thor.lake.store import Store
from thor.learning import feature_sets, feature_store, fit, folds, registry
from thor.market.ticks.writer import TickWriter
from thor.services import mlflow_mirror
from thor.services.mlflow_mirror import Mirrored

Link = psycopg.Connection[Any]
# The sessions of Monday and Tuesday, 23 hours each.
FIRST = datetime(2024, 2, 4, 23, tzinfo=UTC)
LAST = datetime(2024, 2, 6, 22, tzinfo=UTC)
DAYS = (date(2024, 2, 5), date(2024, 2, 6))
NAMES = ("log_return_1", "lead_nq_1width", "rsi_14", "minutes_since_open", "day_of_week")
SET = "made"
TICKS_FROM = datetime(2024, 2, 7, tzinfo=UTC)
# Of ticks too: what was quoted, and who traded.
TICK_NAMES = ("log_return_1", "rsi_14", "realised_15min", "spread_mean_ticks", "trade_size_mean")
ASK = Ask(
    target="direction", horizon="1m", symbols=("ES",), set_name=SET, folds=2, source="database"
)
_TICK = Decimal("0.25")


def bars() -> Iterator[tuple[Any, ...]]:
    """Yield minutes of ES and NQ; the sign of NQ's last minute moves ES by half its deviation."""
    rng = random.Random(7)
    close, sign = {"ES": Decimal(5000), "NQ": Decimal(17000)}, 0
    at = FIRST
    while at < LAST:
        if at.hour != 22:
            # They go together, as in the simulated market.
            shared = rng.gauss(0, 7)
            moves = {"NQ": shared + rng.gauss(0, 2), "ES": shared + rng.gauss(0, 2) + 4 * sign}
            moves = {symbol: round(move) for symbol, move in moves.items()}
            sign = (moves["NQ"] > 0) - (moves["NQ"] < 0)
            for symbol, move in moves.items():
                opened, close[symbol] = close[symbol], close[symbol] + _TICK * move
                high, low = max(opened, close[symbol]), min(opened, close[symbol])
                yield symbol, "1m", at, opened, high, low, close[symbol], rng.randrange(50, 90)
        at += timedelta(minutes=1)


def daily() -> Iterator[tuple[Any, ...]]:
    """Yield days of ES, calm for fifty and wild for fifty by turns."""
    rng, close = random.Random(7), Decimal(4000)
    for number in range(400):
        at = datetime(2022, 6, 1, 22, tzinfo=UTC) + timedelta(days=number)
        if at.weekday() in (4, 5):
            continue
        size = 60 if number // 50 % 2 else 12
        opened, close = close, close + _TICK * round(rng.gauss(0, size))
        reach = _TICK * (size + rng.randrange(size))
        high, low = max(opened, close) + reach, min(opened, close) - reach
        yield "ES", "1d", at, opened, high, low, close, rng.randrange(1000, 1200)


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """A database with two days of minutes, their features, and days before them."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        put_sessions(found, ("CME_EQUITY",))
        put_bars(found, bars())
        put_bars(found, daily())
        fill_store(found)
        feature_sets.define(found, SET, "1m", NAMES)
        # A training whose process was killed: nobody holds its lock.
        found.execute(
            "insert into model.runs (target, horizon, symbols, set_name, set_version, set_hash,"
            " span_from, span_to, seed, threads, code_version, libraries, parameters)"
            " values ('direction', '1m', '{ES}', 'x', 1, 'x', now(), now() + interval '1 day',"
            " 7, 1, 'x', '{}', '{}')"
        )
        yield found


class Fits:
    """The fits of a training: another of the same question, about writing, need not fit again."""

    def __init__(self) -> None:
        self.run, self.fit = fit.run, fit.fit
        self.folds: Any = None
        self.model: Any = None

    def keep(self, patch: pytest.MonkeyPatch) -> None:
        """Keep what the next training fits."""

        def run(*given: Any) -> Any:
            self.folds = self.run(*given)
            return self.folds

        def fit_whole(*given: Any) -> Any:
            self.model = self.fit(*given)
            return self.model

        patch.setattr(fit, "run", run)
        patch.setattr(fit, "fit", fit_whole)

    def give(self, patch: pytest.MonkeyPatch) -> None:
        """Give the next training what was kept."""
        patch.setattr(fit, "run", lambda *_: self.folds)
        patch.setattr(fit, "fit", lambda *_: self.model)


@pytest.fixture(scope="module")
def fits() -> Fits:
    """The fits of `trained`, once it is there."""
    return Fits()


@pytest.fixture(scope="module")
def trained(link: Link, kept_url: str, fits: Fits) -> Trained:
    """A training of ES's direction."""
    with pytest.MonkeyPatch.context() as patch:
        fits.keep(patch)
        return train(kept_url, ASK)


def test_a_training_finds_what_there_is_to_be_learned(link: Link, trained: Trained) -> None:
    assert trained.skill_low > 0
    run = registry.run(link, trained.run_id)
    assert (run["state"], run["data_source"], run["rows"]) == ("done", "database", trained.rows)
    assert run["seed"] == 7
    assert run["threads"] == 1
    assert run["libraries"]["scikit-learn"]
    assert run["trials"] == 2
    rows = registry.folds(link, trained.run_id)
    assert [row["model"] for row in rows if row["fold"] == 1] == [
        "last_return", "majority", "boosting", "logistic",
    ]  # fmt: skip
    for row in rows:
        assert row["train_to"] + timedelta(minutes=2) <= row["test_from"]
        # The last minute's label and one horizon of embargo.
        assert row["purged_rows"] == 2
    best = [row["skill"] for row in rows if row["model"] == trained.model]
    assert min(best) > 0


def test_the_report_needs_nothing_beside_itself(link: Link, trained: Trained) -> None:
    html = registry.report(link, trained.run_id)
    assert html.startswith("<!doctype html>")
    assert html.count("<svg") == 5
    for word in ("Calibration", "after costs", "Stability", "lead_nq_1width", "deflated"):
        assert word in html
    assert "http" not in html
    assert "<script" not in html


def test_what_a_model_was_shown_is_kept_once(link: Link, trained: Trained) -> None:
    row = registry.version(link, trained.version_id)
    found = link.execute(
        "select count(*), max(version), min(cardinality(values)) from store.feature_rows"
        " where set_hash = %s",
        (row["set_hash"],),
    ).fetchone()
    assert found == (trained.rows, 1, len(NAMES))
    shown = link.execute(
        "select r.values[3] = coalesce(f.rsi_14::real, 'NaN'), r.changed_at = f.changed_at"
        " from store.feature_rows as r join store.features_1m as f using (symbol, bar_start)"
        " where r.set_hash = %s group by 1, 2",
        (row["set_hash"],),
    ).fetchall()
    assert shown == [(True, True)]


def test_an_interrupted_training_is_noted_by_the_next(link: Link, trained: Trained) -> None:
    found = link.execute("select state, reason from model.runs where set_name = 'x'").fetchone()
    assert found == ("failed", "interrupted: its process ended")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The THOR_HOME of the command."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def again(link: Link, kept_url: str, trained: Trained, home: Path) -> dict[str, Any]:
    """The same training by the command, as thor_app, once the first one's model is promoted."""
    registry.promote(link, trained.version_id, "champion", "a test")
    command = [sys.executable, "-m", "thor", "train", "--json", "--target", "direction"]
    command += ["--horizon", "1m", "--set", SET, "--folds", "2", "--source", "database"]
    settings = {"THOR_DATABASE_URL": as_role(kept_url), "THOR_HOME": str(home)}
    done = subprocess.run(
        command, env=os.environ | settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "MLflow is in step: 3 trainings and 2 models added" in done.stderr
    (found,) = json.loads(done.stdout)
    return dict(found)


def ticks(cut: datetime | None = None) -> Iterator[Tick]:
    """Yield five hours of quotes and trades of ES and NQ; every one after the cut is another."""
    rng = random.Random(7)
    last, seq = {"ES": Decimal(5000), "NQ": Decimal(17000)}, 0
    for minute in range(300):
        for second in (3, 21, 48):
            for symbol in last:
                seq += 1
                last[symbol] += _TICK * rng.randrange(-9, 10)
                price, size, is_trade, wide = last[symbol], rng.randrange(1, 9), second != 3, _TICK
                ts = TICKS_FROM + timedelta(minutes=minute, seconds=second)
                if cut is not None and ts > cut:
                    price, size, is_trade, wide = 2 * price, size + 3, second != 21, 4 * _TICK
                names = ("last", "last_size", "volume_delta")
                trade = (price, size, size) if is_trade else (None, None, None)
                yield tick(
                    symbol=symbol, ts=ts, seq=seq, bid=price - wide, ask=price + wide,
                    is_trade=is_trade, **dict(zip(names, trade, strict=True)),
                )  # fmt: skip


def learned_of(link: Link, made: Iterator[Tick]) -> tuple[Any, list[folds.Fold]]:
    """Return the rows and folds of ticks that an ingestor wrote; nothing of them stays."""
    hours = (TICKS_FROM, TICKS_FROM + timedelta(hours=5))
    with link.transaction(force_rollback=True):
        TickWriter(link, "ingest").write([Stream().entry([*made])])
        feature_store.fill_holes(link, ("1m",), *hours)
        with from_database(link, "1m", ["ES"], *hours) as lake:
            rows = training_set(lake, horizon="5m", names=TICK_NAMES, symbols=["ES"])
    return rows, list(folds.walk_forward(rows.known_us, rows.label_end_us, 3, 300_000_000))


def test_no_row_label_or_fold_before_a_cut_moves_with_the_ticks_after_it(link: Link) -> None:
    # Within a minute, in the last fold.
    cut = TICKS_FROM + timedelta(hours=4, minutes=10, seconds=30)
    before, cut_before = learned_of(link, ticks())
    after, cut_after = learned_of(link, ticks(cut))
    assert len(before.y) == len(after.y) == 295
    cut_us = int(cut.timestamp() * 1e6)
    shown = before.known_us <= cut_us
    assert shown.sum() == 250
    assert np.array_equal(before.x[shown], after.x[shown], equal_nan=True)
    assert not np.array_equal(before.x[250:], after.x[250:], equal_nan=True)
    # A label is known five minutes later.
    known = before.label_end_us <= cut_us
    assert known.sum() == 245
    for name in ("y", "known_us", "label_end_us", "cost_ticks", "magnitude_ticks", "last_return"):
        one, other = getattr(before, name), getattr(after, name)
        assert np.array_equal(one[known], other[known], equal_nan=True), name
    assert not np.array_equal(before.magnitude_ticks, after.magnitude_ticks)
    for one, other in zip(cut_before, cut_after, strict=True):
        assert np.array_equal(one.train, other.train)
        assert np.array_equal(one.test, other.test)


def test_the_same_rows_and_seed_give_the_same_model_in_another_process(
    link: Link, trained: Trained, again: dict[str, Any]
) -> None:
    one, _ = registry.load(link, trained.version_id)
    other, row = registry.load(link, again["version_id"])
    rows = _rows(link)
    assert row["data_checksum"] == rows.checksum
    every, classes = np.arange(len(rows.y)), np.unique(rows.y)
    given = fit.predict(one, rows, every)
    assert np.array_equal(given, fit.predict(other, rows, every))
    assert given.shape == (len(rows.y), len(classes))
    assert _learned(one.model) == _learned(other.model)
    assert [again[name] for name in ("skill", "skill_low", "skill_high")] == [
        trained.skill, trained.skill_low, trained.skill_high,
    ]  # fmt: skip


def test_mlflow_has_what_the_database_has_in_a_schema_of_its_own(
    link: Link, trained: Trained, again: dict[str, Any], home: Path
) -> None:
    runs = link.execute(
        "select r.status, t.value, p.value, m.value from mlflow.runs as r"
        " join mlflow.tags as t on t.run_uuid = r.run_uuid and t.key = 'thor.run_id'"
        " left join mlflow.params as p on p.run_uuid = r.run_uuid and p.key = 'data_checksum'"
        " left join mlflow.latest_metrics as m on m.run_uuid = r.run_uuid and m.key = 'skill'"
        " order by t.value::int"
    ).fetchall()
    interrupted = link.execute("select run_id from model.runs where set_name = 'x'").fetchone()
    assert interrupted is not None
    checksum = registry.version(link, trained.version_id)["data_checksum"]
    assert runs == [
        ("FAILED", str(interrupted[0]), None, None),
        ("FINISHED", str(trained.run_id), checksum, trained.skill),
        ("FINISHED", str(again["run_id"]), checksum, trained.skill),
    ]
    versions = dict(
        link.execute(
            "select t.value, a.value from mlflow.model_version_tags as t"
            " join mlflow.model_version_tags as a using (name, version)"
            " where t.key = 'thor.version_id' and a.key = 'thor.artifact_sha256'"
        ).fetchall()
    )
    kept = {path.name: path for path in (home / "mlflow").rglob("*") if path.is_file()}
    assert sorted(kept) == ["model.skops", "report.html"]
    files = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (home / "mlflow").rglob("model.skops")
    }
    assert {*versions} == {str(trained.version_id), str(again["version_id"])}
    assert files == {*versions.values()}
    folds = link.execute(
        "select count(*) from mlflow.metrics as m join mlflow.tags as t using (run_uuid)"
        " where t.key = 'thor.run_id' and t.value = %s and m.key = 'fold_skill/boosting'",
        (str(trained.run_id),),
    ).fetchone()
    assert folds == (2,)
    assert _mlflow_aliases(link) == [("champion", str(trained.version_id))]


def test_mlflow_follows_a_promotion_and_a_roll_back(
    link: Link, kept_url: str, again: dict[str, Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in mlflow_mirror._ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    url = mirror_models.in_schema(as_role(kept_url))

    def mirrored() -> Mirrored:
        return mirror_models.mirror(as_role(kept_url), url, home / "mlflow")

    question = ("direction", "1m", ["ES"])
    registry.promote(link, again["version_id"], "champion", "a test")
    registry.promote(link, again["version_id"], "challenger", "a test")
    assert mirrored() == Mirrored(runs=0, models=0, aliases=2)
    now = str(again["version_id"])
    assert _mlflow_aliases(link) == [("challenger", now), ("champion", now)]
    for alias in ("challenger", "champion", "champion"):
        registry.rollback(link, *question, alias, "a test")
    assert mirrored() == Mirrored(runs=0, models=0, aliases=2)
    assert _mlflow_aliases(link) == []
    # One that was killed before its run was whole: the next completes it, twice nothing.
    link.execute(
        "update mlflow.runs set status = 'RUNNING' from mlflow.tags as t"
        " where t.run_uuid = runs.run_uuid and t.key = 'thor.run_id' and t.value = %s",
        (str(again["run_id"]),),
    )
    assert mirrored() == Mirrored(runs=1, models=0, aliases=0)
    assert mirrored() == Mirrored(runs=0, models=0, aliases=0)
    with pytest.raises(Unavailable, match="PostgreSQL"):
        mirror_models.mirror(kept_url, "postgresql://x@127.0.0.1:1/x", home)


def test_a_training_is_kept_while_mlflow_is_away(kept_url: str, tmp_path: Path) -> None:
    given = settings(home=tmp_path, mlflow_url="postgresql://thor:hidden@127.0.0.1:1/x")
    words = recorded(as_role(kept_url), given)
    assert words.startswith("MLflow lacks this training: THOR_MLFLOW_URL: ")
    assert "`thor models mirror` brings MLflow in step" in words
    assert "hidden" not in words


def _mlflow_aliases(link: Link) -> list[tuple[Any, ...]]:
    return link.execute(
        "select a.alias, t.value from mlflow.registered_model_aliases as a"
        " join mlflow.model_version_tags as t on t.name = a.name and t.version = a.version"
        " where t.key = 'thor.version_id' order by 1"
    ).fetchall()


def _learned(model: Any) -> list[Any]:
    frozen = model.estimator.estimator
    trees = [tree.nodes.tobytes() for one in frozen._predictors for tree in one]
    return [*trees, model.calibrated_classifiers_[0].calibrators[0].beta_]


def _rows(link: Link, **given: Any) -> Any:
    with from_database(link, "1m", ["ES"], FIRST, LAST) as lake:
        asked = {"target": "direction", "horizon": "1m", "names": NAMES, "symbols": ["ES"]}
        return training_set(lake, **(asked | {"first": FIRST, "last": LAST} | given))


@pytest.fixture(scope="module")
def lake_url(link: Link, kept_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake with the bars, features and reference data of the database."""
    folder = str(tmp_path_factory.mktemp("lake"))
    asked = ExportAsk(days=DAYS, what=("bars", "features", "reference"))
    done = list(export(kept_url, Store(folder), asked, datetime(2024, 7, 20, tzinfo=UTC)))
    assert [one.failed for one in done] == [[]] * 3
    return folder


def test_the_notebook_of_a_training_set_runs_on_a_lake(
    lake_url: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = notebooks.FOLDER / "a_training_set.ipynb"
    newest, moves, skill = notebooks.tables(notebooks.shown(path, lake_url, tmp_path, monkeypatch))
    assert all(name in newest for name in ("known_at", "label_end", "lead_nq_1width"))
    assert "next_move_bp" in moves
    assert "shape: (3, 5)" in skill


def test_the_lake_gives_the_rows_that_the_database_gives(
    link: Link, lake_url: str, trained: Trained
) -> None:
    rows = training_set(lake_url, target="direction", horizon="1m", names=NAMES, symbols=["ES"])
    assert rows.checksum == _rows(link).checksum
    frame, polar = rows.pandas(), rows.polars()
    assert list(frame.columns) == polar.columns
    assert len(frame) == len(polar) == trained.rows
    # Without names all features: the trade date, by which the lake is cut, is none.
    every = training_set(lake_url, horizon="1m", symbols=["ES"]).names
    assert {*NAMES} < {*every}
    assert "trade_date" not in every
    asked: Any = {"horizon": "1m", "names": NAMES, "symbols": ["ES"]}
    assert training_set(lake_url, **asked, as_="polars").equals(polar, null_equal=True)
    x, y = training_set(lake_url, **asked, as_="numpy")
    assert (np.array_equal(x, rows.x, equal_nan=True), y.tolist()) == (True, rows.y.tolist())
    with pytest.raises(Rejected, match="as_: 'csv' is none of numpy, pandas, polars, arrow"):
        training_set(lake_url, **asked, as_="csv")
    assert rows.x.flags.f_contiguous
    assert rows.x.dtype == np.float32


def test_a_model_is_promoted_and_rolled_back(
    link: Link, kept_url: str, trained: Trained, fits: Fits, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ("direction", "1m", ["ES"], "champion")
    with pytest.raises(NotFound, match="alias: direction of ES at 1m has no champion"):
        registry.rollback(link, *question, "a test")
    assert registry.promote(link, trained.version_id, "champion", "a test").was is None
    row = registry.version(link, trained.version_id)
    assert row["alias"] == "champion"
    fits.give(monkeypatch)
    other = train(kept_url, ASK).version_id
    assert registry.promote(link, other, "champion", "a test").was == trained.version_id
    assert registry.rollback(link, *question, "a test").version_id == trained.version_id
    assert registry.rollback(link, *question, "a test").version_id is None
    assert registry.aliases(link) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("update model.versions set skill_low = -0.001", "the whole interval has to be above 0"),
        ("update model.versions set data_checksum = null", "it has no data_checksum"),
        ("update model.versions set code_version = null", "it has no code_version"),
        ("update model.versions set set_hash = repeat('0', 64)", "is no feature set of this"),
        ("update model.versions set span_to = span_to + interval '1 day'", "is not that of its"),
        ("update model.artifacts set content = set_byte(content, 900, 7)", "it was changed after"),
        ("update model.versions set seed = 8", "seed is 7 in its file and 8 in the database"),
    ],
)
def test_what_is_not_as_it_was_trained_is_refused_by_name(
    link: Link, trained: Trained, change: str, words: str
) -> None:
    with link.transaction(force_rollback=True):
        link.execute(change.encode())
        with pytest.raises(Refused, match=words):
            registry.promote(link, trained.version_id, "champion", "a test")
    assert registry.aliases(link) == []


def test_each_target_has_its_baselines_and_models(link: Link, kept_url: str) -> None:
    for target, horizon in (("magnitude", "5m"), ("volatility", "15m"), ("regime", "1d")):
        found = train(
            kept_url,
            Ask(
                target=target,
                horizon=horizon,
                symbols=("ES",),
                set_name=SET,
                folds=2,
                source="database",
            ),
        )
        names = {row["model"] for row in registry.folds(link, found.run_id)}
        assert names == {*fit.BASELINES[target], *fit.MODELS[target]}
    rows = database.rows(link, "model_runs", {"limit": 1})
    regimes = link.execute(
        "select regime, count(*), min(probability) > 0 from model.regimes where version_id = %s"
        " group by regime order by regime",
        (rows[0]["version_id"],),
    ).fetchall()
    assert [number for number, _, _ in regimes] == [0, 1, 2]
    assert rows[0]["target"] == "regime"
    # Days after the first stretch of three: by what was known before them, as the database has it.
    blind = link.execute(
        "select is_out_of_sample, count(*), min(trade_date) from model.regimes"
        " where version_id = %s group by 1 order by 1",
        (rows[0]["version_id"],),
    ).fetchall()
    (_, seen, first), (_, unseen, then) = blind
    assert (seen + unseen, seen == rows[0]["rows"] // 3, first < then) == (rows[0]["rows"],) + (
        True,
    ) * 2
    # The wild days, whose range is four times that of the calm ones.
    wild = link.execute(
        "select avg(r.regime) filter (where b.high - b.low > 20) >"
        " 1 + avg(r.regime) filter (where b.high - b.low < 12)"
        " from model.regimes as r join market.bars_1d as b using (symbol, trade_date)"
        " where r.version_id = %s and r.is_out_of_sample",
        (rows[0]["version_id"],),
    ).fetchone()
    assert wild == (True,)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"target": "price"}, Rejected, "--target: 'price' is none of direction"),
        ({"horizon": "2m"}, Rejected, "--horizon: '2m' is none of 1m"),
        ({"symbols": ("XX",)}, Rejected, "--symbols: XX: not listed"),
        ({"symbols": ("GC",)}, NotFound, "there are no features of GC at 1m"),
        ({"set_name": "none"}, NotFound, "--set: none: there is no such set"),
        ({"ts_from": LAST + timedelta(days=9)}, Rejected, "where the bars end"),
        (
            {"ts_to": FIRST + timedelta(minutes=61)},
            Rejected,
            "folds: fold 1 of 2 has 18 rows to learn from after the purge, 50 are the least",
        ),
        ({"ts_from": LAST - timedelta(minutes=30), "horizon": "60m"}, NotFound, "has a label of"),
        ({"folds": 0}, Rejected, "--folds: 0 is below 1"),
        ({"backend": "none"}, Rejected, "THOR_JOBLIB_BACKEND: 'none' is none of loky"),
    ],
)
def test_a_question_without_an_answer_is_refused(
    link: Link, kept_url: str, given: dict[str, Any], error: type[Exception], words: str
) -> None:
    asked = {name: getattr(ASK, name) for name in ASK.__struct_fields__} | given
    with pytest.raises(error, match=words):
        train(kept_url, Ask(**asked))
    running = link.execute("select count(*) from model.runs where state = 'running'").fetchone()
    assert running == (0,)


# In one process, whose imports count.
COMMANDS = """
import sys
from typer.testing import CliRunner
from thor.cli import app
version, target = sys.argv[1], ["--target", "direction", "--horizon", "1m", "--symbols", "ES"]
for words in (
    ["list"], ["runs"], ["show", version], ["compare", version, version + "0"],
    ["promote", version, "--as", "challenger"], ["rollback", *target, "--as", "challenger"],
):
    done = CliRunner().invoke(app, ["models", *words])
    print(words[0], done.exit_code, *done.output.splitlines()[-1:])
print(*({"mlflow", "sklearn", "skops", "scipy", "pandas", "numpy", "duckdb"} & {*sys.modules}))
"""


def test_the_commands_of_models_import_nothing_that_fits_or_tracks(
    kept_url: str, trained: Trained
) -> None:
    given = {"THOR_DATABASE_URL": as_role(kept_url), "THOR_MLFLOW_URL": "none"}
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, str(trained.version_id)],
        env=os.environ | given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    *lines, imported = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["list", "0"], ["runs", "0"], ["show", "0"], ["compare", "1"], ["promote", "0"],
        ["rollback", "0"],
    ]  # fmt: skip
    number = trained.version_id
    assert lines[-2].endswith(f"challenger of direction at 1m of ES: model {number}, before none")
    assert lines[-1].endswith(f"challenger of direction at 1m of ES: none, before model {number}")
    assert imported == ""


def test_features_that_cannot_be_learned_from_are_refused(link: Link, kept_url: str) -> None:
    with pytest.raises(Rejected, match="features: rsi_15: not known"):
        feature_sets.define(link, "wrong", "1m", ["rsi_14", "rsi_15"])
    feature_sets.define(link, "still", "1m", ["is_early_close"])
    asked = {name: getattr(ASK, name) for name in ASK.__struct_fields__}
    with pytest.raises(Rejected, match="features: is_early_close: constant over the span"):
        train(kept_url, Ask(**(asked | {"set_name": "still"})))
    row = database.rows(link, "model_runs", {"limit": 1})[0]
    assert (row["state"], "constant" in row["reason"]) == ("failed", True)


def test_a_lake_without_features_is_named(link: Link, tmp_path: Path) -> None:
    url = write_lake(link, tmp_path, ["bars_1m"])
    with pytest.raises(NotFound, match="lake: it has no features of 1m"):
        training_set(url, symbols=["ES"])


def test_a_set_whose_features_change_is_another_version(link: Link) -> None:
    one = feature_sets.define(link, "grows", "1m", ["rsi_14"])
    assert feature_sets.define(link, "grows", "1m", ["rsi_14"]) == one
    two = feature_sets.define(link, "grows", "1m", ["rsi_14", "roc_10"])
    assert (one.version, two.version, one.hash == two.hash) == (1, 2, False)
    assert feature_sets.current(link, "grows") == two
    assert feature_sets.current(link, "base").version == 1


def killed_at(statement: str, act: Callable[[], Any]) -> None:
    """Do something in another process, which is killed before it runs a statement."""
    child = os.fork()
    if child == 0:
        run = database.rows

        def rows(connection: Any, name: str, *given: Any) -> Any:
            if name == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            return run(connection, name, *given)

        try:
            database.rows = rows
            act()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def kept(link: Link) -> list[Any]:
    """Return how many rows there are of all that a training writes at its end."""
    tables = ("versions", "artifacts", "folds", "reports", "aliases", "alias_changes")
    return [link.execute(f"select count(*) from model.{one}".encode()).fetchone() for one in tables]


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_a_training_that_is_killed_while_it_writes_keeps_nothing_and_is_noted(
    link: Link, kept_url: str, trained: Trained, fits: Fits, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept(link)
    fits.give(monkeypatch)
    killed_at("add_report", lambda: train(kept_url, ASK))
    assert kept(link) == before
    newest = "select state, reason from model.runs order by run_id desc limit 1"
    assert link.execute(newest).fetchone() == ("running", None)
    asked = {name: getattr(ASK, name) for name in ASK.__struct_fields__} | {"symbols": ("XX",)}

    def is_noted() -> bool:
        with pytest.raises(Rejected, match="not listed"):
            train(kept_url, Ask(**asked))
        return link.execute(newest).fetchone() == ("failed", "interrupted: its process ended")

    wait_for(is_noted, "the end of the killed process's connection")


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_a_promotion_that_is_killed_changes_no_alias(
    link: Link, kept_url: str, trained: Trained
) -> None:
    before = kept(link)

    def promote() -> None:
        with database.connect(kept_url, "cli") as connection:
            registry.promote(connection, trained.version_id, "challenger", "a test")

    killed_at("note_alias", promote)
    assert kept(link) == before
    with link.transaction(force_rollback=True):
        # Nothing is held by it.
        registry.promote(link, trained.version_id, "challenger", "a test")
        assert len(registry.aliases(link)) == 1


def test_a_full_disk_fails_a_training_by_name_and_keeps_no_half_of_it(
    link: Link, kept_url: str, trained: Trained, fits: Fits, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept(link)
    fits.give(monkeypatch)
    run = database.rows

    def rows(connection: Any, name: str, *given: Any) -> Any:
        if name == "add_artifact":
            with database.translated():
                raise psycopg.errors.DiskFull("could not extend file: No space left on device")
        return run(connection, name, *given)

    monkeypatch.setattr(database, "rows", rows)
    with pytest.raises(Unavailable, match="No space left on device"):
        train(kept_url, ASK)
    monkeypatch.undo()
    assert kept(link) == before
    row = database.rows(link, "model_runs", {"limit": 1})[0]
    assert (row["state"], "No space left" in row["reason"]) == ("failed", True)
