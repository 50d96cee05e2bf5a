"""Regimes as days close: each once, held to the next, in the table of regimes and the outlook."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from features_made import put_bars, put_sessions

from thor.flow.infer import Inference, join_outcomes
from thor.flow.train import Ask, Trained, train
from thor.learning import daily, registry

Link = psycopg.Connection[Any]
# A Sunday evening: the days before it are learned from.
NOW = datetime(2024, 2, 4, 23, tzinfo=UTC)
DAY = timedelta(days=1)
_TICK = Decimal("0.25")


def made_days() -> Iterator[tuple[Any, ...]]:
    """Yield days of ES to June 2024, calm for fifty and wild for fifty by turns."""
    rng, close = random.Random(7), Decimal(4000)
    for number in range(700):
        at = datetime(2022, 7, 1, 23, tzinfo=UTC) + number * DAY
        if at.weekday() in (4, 5):
            continue
        size = 60 if number // 50 % 2 else 12
        opened, close = close, close + _TICK * round(rng.gauss(0, size))
        reach = _TICK * (size + rng.randrange(size))
        high, low = max(opened, close) + reach, min(opened, close) - reach
        yield "ES", "1d", at, opened, high, low, close, rng.randrange(1000, 1200)


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """A database with days, one of which is under way."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        put_sessions(found, ("CME_EQUITY",))
        put_bars(found, (row for row in made_days() if row[2] <= NOW))
        found.execute("insert into market.source_clocks (source, ts) values ('SIM', %s)", (NOW,))
        yield found


@pytest.fixture(scope="module")
def trained(link: Link, kept_url: str) -> Trained:
    """Regimes of ES, served."""
    found = train(kept_url, Ask(target="regime", symbols=("ES",), folds=2))
    registry.promote(link, found.version_id, "champion", "test")
    return found


def pass_days(link: Link, ts: datetime) -> None:
    """Move the source's clock; the days until then have bars."""
    (last,) = link.execute("select max(ts) from market.source_clocks").fetchone() or (NOW,)
    put_bars(link, (row for row in made_days() if last < row[2] <= ts))
    link.execute("update market.source_clocks set ts = %s, changed_at = clock_timestamp()", (ts,))


def kept(link: Link) -> list[Any]:
    """Return the predictions, each with its regime in the table of regimes."""
    return link.execute(
        "select b.trade_date::text, p.kind, p.revision, p.value = r.regime, r.is_out_of_sample"
        " from model.predictions as p join market.bars_1d as b using (symbol, bar_start)"
        " join model.regimes as r on r.trade_date = b.trade_date and r.version_id = p.model_id"
        " where p.refused is null order by p.prediction_id"
    ).fetchall()


def test_a_day_under_way_is_not_learned_from(link: Link, trained: Trained) -> None:
    row = registry.version(link, trained.version_id)
    # Friday's bar, known a second after 17:00 in Chicago.
    assert row["span_to"] == datetime(2024, 2, 2, 23, 0, 1, tzinfo=UTC)
    found = daily.days(link, ["ES"], (NOW - 150 * DAY, NOW))
    assert found.trade_date[-1].isoformat() == "2024-02-02"


def test_a_closed_day_has_one_regime_which_stands_in_the_outlook(
    link: Link, trained: Trained
) -> None:
    one = Inference(link, None)
    # On Sunday the newest day is Friday's, more than a day after it was known.
    assert (one.turn(0).predicted, one.turn(100).predicted) == (1, 0)
    pass_days(link, datetime(2024, 2, 5, 18, tzinfo=UTC))
    assert one.turn(200).predicted == 0
    pass_days(link, datetime(2024, 2, 5, 23, 0, 2, tzinfo=UTC))
    assert one.turn(300).predicted == 1
    # Three days while it was down.
    pass_days(link, datetime(2024, 2, 8, 23, 0, 30, tzinfo=UTC))
    assert Inference(link, None).turn(0).predicted == 3
    assert kept(link) == [
        ("2024-02-02", "catch_up", 1, True, True),
        ("2024-02-05", "live", 1, True, True),
        ("2024-02-06", "catch_up", 1, True, True),
        ("2024-02-07", "catch_up", 1, True, True),
        ("2024-02-08", "live", 1, True, True),
    ]
    # A horizon of minutes carries it beside its own targets.
    link.execute(
        "with v as (insert into model.versions (run_id, model, target, horizon, symbols, set_hash,"
        " span_from, span_to, libraries, artifact_sha256) select run_id, 'boosting', 'direction',"
        " '5m', symbols, set_hash, span_from, span_to, libraries, artifact_sha256"
        " from model.versions returning id), a as (insert into model.aliases (target, horizon,"
        " symbols, alias, version_id, reason) select 'direction', '5m', '{ES}', 'champion', id, 'x'"
        " from v) insert into model.predictions (model_id, symbol, bar_start, known_at, kind,"
        " row_version, value, latency_ms) select id, 'ES', %(at)s, %(at)s, 'live', 1, 1, 9 from v",
        {"at": datetime(2024, 2, 8, 15, tzinfo=UTC)},
    )
    newest = "select value from model.newest_predictions where target = 'regime'"
    (regime,) = link.execute(newest).fetchone() or (None,)
    outlook = link.execute(
        "select horizon, direction, regime, is_live from model.outlook order by 1"
    ).fetchall()
    assert outlook == [("1d", None, regime, True), ("5m", 1, regime, True)]
    link.execute("delete from model.aliases where target = 'direction'")


def test_a_regime_is_held_to_that_of_the_next_day_and_a_changed_day_has_another_row(
    link: Link, trained: Trained
) -> None:
    joined = (
        "select o.actual = n.value, o.is_hit = (p.value = n.value), o.label_end = n.known_at"
        " from feedback.outcomes as o join model.predictions as p using (prediction_id)"
        " join lateral (select f.value, f.known_at from model.predictions as f"
        " where f.bar_start > p.bar_start and f.value is not null"
        " order by f.bar_start, f.revision desc limit 1) as n on true order by p.prediction_id"
    )
    as_of = datetime(2024, 2, 8, 23, 0, 30, tzinfo=UTC)
    assert join_outcomes(link, as_of, timedelta(hours=3)) == 4
    assert link.execute(joined).fetchall() == [(True, True, True)] * 4
    assert join_outcomes(link, as_of, timedelta(hours=3)) == 0
    before = link.execute("select prediction_id, value from model.predictions").fetchall()
    # The vendor corrects Thursday: a price that never was.
    link.execute(
        "update market.bars_imported set high = high + 900000"
        " where width = '1d' and bar_start = '2024-02-07 23:00Z'"
    )
    one = Inference(link, None)
    assert (one.turn(0).refused, one.turn(100).predicted + one.turn(200).refused) == (1, 0)
    link.execute(
        "update market.bars_imported set high = high - 899990"
        " where width = '1d' and bar_start = '2024-02-07 23:00Z'"
    )
    assert one.turn(300).predicted == 1
    after = link.execute("select prediction_id, value from model.predictions").fetchall()
    assert [row for row in after if row in before] == before
    kinds = link.execute(
        "select kind, revision, left(refused, 12) from model.predictions"
        " where bar_start = '2024-02-07 23:00Z' order by revision"
    ).fetchall()
    assert kinds == [
        ("live", 1, None), ("changed", 2, "out of range"), ("changed", 3, None),
    ]  # fmt: skip
    # Wednesday's regime is held to the newest of Thursday's.
    join_outcomes(link, as_of, timedelta(hours=3))
    assert link.execute(joined).fetchall() == [(True, True, True)] * 4
    skill = link.execute(
        "select sum(outcomes), max(expected) from feedback.skill_daily where target = 'regime'"
    ).fetchone()
    assert skill == (4, None)
    assert link.execute("select count(*) from feedback.calibration").fetchone() == (0,)
