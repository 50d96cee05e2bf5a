"""What promoted models predict as bars close: none lost, none twice, held to what happened."""

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import redis
from features_made import fill_store, put_bars, put_sessions
from served import publish
from ticks_made import take_in, tick

from thor import database
from thor.domain.tick import Tick
from thor.errors import NotFound, Unavailable
from thor.flow import infer
from thor.flow.check_parity import check_parity
from thor.flow.infer import Inference, join_outcomes, predict_at
from thor.flow.train import Ask, Trained, train
from thor.flow.train_due import propose, train_due
from thor.lake.export.export import export
from thor.lake.export.trade_date import Ask as ExportAsk
from thor.lake.query.connect import connect
from thor.lake.store import Store
from thor.learning import feature_sets, registry
from thor.market.bus.client import Bus
from thor.runtime import Stop

Link = psycopg.Connection[Any]
# Most of Monday's session; what is live follows.
FIRST = datetime(2024, 2, 4, 23, tzinfo=UTC)
LIVE = datetime(2024, 2, 5, 18, tzinfo=UTC)
DAY = date(2024, 2, 5)
NAMES = ("log_return_1", "lead_nq_1width", "rsi_14", "realised_15min")
SET = "made"
SYMBOLS = ("ES", "NQ")
MINUTE = timedelta(minutes=1)
_TICK = Decimal("0.25")


class Market:
    """Minutes of ES and NQ, in which NQ's last minute moves both by half their deviation."""

    def __init__(self) -> None:
        self.rng, self.sign, self.at = random.Random(11), 0, FIRST
        self.close = {"ES": Decimal(5000), "NQ": Decimal(17000)}

    def next(self) -> list[tuple[Any, ...]]:
        """Return the bars of the next minute."""
        shared = self.rng.gauss(0, 5)
        moves = {
            symbol: round(shared + self.rng.gauss(0, 2) + 5 * self.sign) for symbol in self.close
        }
        self.sign = (moves["NQ"] > 0) - (moves["NQ"] < 0)
        found = []
        for symbol, move in moves.items():
            opened = self.close[symbol]
            self.close[symbol] = close = opened + _TICK * move
            volume = self.rng.randrange(50, 90)
            high, low = max(opened, close), min(opened, close)
            found.append((symbol, "1m", self.at, opened, high, low, close, volume))
        self.at += MINUTE
        return found

    def until(self, end: datetime) -> Iterator[tuple[Any, ...]]:
        """Yield the bars that begin before a moment."""
        while self.at < end:
            if self.at.hour == 22:
                self.at += MINUTE
                continue
            yield from self.next()


@pytest.fixture(scope="module")
def market() -> Market:
    """The market of this module."""
    return Market()


@pytest.fixture(scope="module")
def trained(kept_url: str, market: Market) -> Trained:
    """The minutes before `LIVE`, their features, and a direction of both series, promoted."""
    ask = Ask(
        target="direction", horizon="1m", symbols=SYMBOLS, set_name=SET, folds=3, source="database"
    )
    with psycopg.connect(kept_url, autocommit=True) as link:
        put_sessions(link, ("CME_EQUITY",))
        put_bars(link, market.until(LIVE))
        fill_store(link)
        feature_sets.define(link, SET, "1m", NAMES)
        link.execute("insert into market.source_clocks (source, ts) values ('SIM', %s)", (LIVE,))
        found = train(kept_url, ask)
        registry.promote(link, found.version_id, "champion", "test")
    return found


@pytest.fixture(scope="module")
def replayed_url(
    kept_url: str, trained: Trained, copied: Callable[[str], AbstractContextManager[str]]
) -> Iterator[str]:
    """Another database that is the same until `LIVE`."""
    with copied(kept_url) as url:
        yield url


@pytest.fixture(scope="module")
def link(kept_url: str, replayed_url: str) -> Iterator[Link]:
    """The database in which time goes on."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        yield found


@pytest.fixture
def bus(redis_url: str) -> Iterator[Bus]:
    """A bus of its own."""
    found = Bus(redis_url)
    yield found
    found.close()


def close_bar(link: Link, market: Market, symbols: tuple[str, ...] = SYMBOLS) -> datetime:
    """Let the next minute pass for these series; returns its start."""
    start = market.at
    put_bars(link, (row for row in market.next() if row[0] in symbols))
    pass_time(link, start + MINUTE + timedelta(seconds=1.2))
    fill_store(link)
    return start


def pass_time(link: Link, ts: datetime) -> None:
    """Move the source's clock."""
    link.execute("update market.source_clocks set ts = %s, changed_at = clock_timestamp()", (ts,))


def predicted(link: Link, start: datetime, columns: str = "symbol, kind, refused") -> list[Any]:
    """Return the predictions of a bar."""
    return link.execute(
        f"select {columns} from model.predictions where bar_start = %s"
        " order by symbol, prediction_id",
        (start,),
    ).fetchall()


def test_recorded_minutes_replayed_give_the_live_predictions_row_for_row(
    link: Link, kept_url: str, replayed_url: str, redis_url: str, market: Market, bus: Bus
) -> None:
    one, tape = Inference(link, bus), []
    one.turn(0)
    for minute in range(6):
        start = market.at
        bars = list(market.next())
        # A minute in which NQ does not trade.
        parts = [ticks_of(bar) for bar in bars if minute != 2 or bar[0] == "ES"]
        tape += parts
        publish(redis_url, *parts)
        take_in(redis_url, kept_url)
        pass_time(link, start + MINUTE + timedelta(seconds=1.2 if minute != 2 else 12))
        fill_store(link)
        one.turn(5 * minute)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    # The whole tape at once, by another database, which was down meanwhile.
    with psycopg.connect(replayed_url, autocommit=True) as again:
        Inference(again, bus).turn(0)
        publish(redis_url, *tape)
        take_in(redis_url, replayed_url)
        pass_time(again, market.at + timedelta(seconds=1.2))
        fill_store(again)
        Inference(again, bus).turn(0)
        live, replayed = all_predicted(link), all_predicted(again)
    assert len(live) == 14
    assert live == replayed
    # Of the minute without a trade, and of the two after it, which need NQ's return before.
    reasons = [row[-1].partition(":")[0] for row in live if row[-1] is not None]
    assert reasons == ["stale", *["incomplete"] * 4]
    made = "select count(*) from model.predictions where bar_start >= %s and kind = 'live'"
    # The minute without a trade is not of a bar that had just closed.
    assert link.execute(made, (LIVE,)).fetchone() == (11,)


def ticks_of(bar: tuple[Any, ...]) -> list[Tick]:
    """Return the trades of a minute: its open, high, low and close."""
    symbol, _, start, *prices, volume = bar
    number = int(start.timestamp()) * 10 + SYMBOLS.index(symbol) * 5
    return [
        tick(
            symbol=symbol, ts=start + timedelta(seconds=14 * at + 1), seq=number + at, last=price,
            bid=price - _TICK, ask=price + _TICK, last_size=volume,
        )
        for at, price in enumerate(prices)
    ]  # fmt: skip


def all_predicted(link: Link) -> list[Any]:
    """Return every prediction with what its model was shown, without how and when it was made."""
    return link.execute(
        "select p.bar_start, p.symbol, p.revision, p.known_at, p.value, p.probability,"
        " p.confidence, p.low, p.high, r.version, r.values::text, p.refused"
        " from model.predictions as p"
        " left join store.feature_rows as r on r.symbol = p.symbol and r.bar_start = p.bar_start"
        " and r.version = p.row_version order by p.bar_start, p.symbol, p.revision"
    ).fetchall()


def test_a_closed_bar_is_predicted_kept_and_published_once(
    link: Link, market: Market, trained: Trained, bus: Bus, client: "redis.Redis"
) -> None:
    one = Inference(link, bus)
    start = close_bar(link, market)
    assert (one.turn(0).predicted, one.turn(0.1).predicted) == (2, 0)
    assert predicted(link, start) == [("ES", "live", None), ("NQ", "live", None)]
    rows = link.execute(
        "select p.value, p.probability, p.confidence, p.row_version, p.latency_ms < 60000,"
        " p.published_at is not null, r.values[3] = f.rsi_14::real"
        " from model.predictions as p join store.feature_rows as r"
        " on r.symbol = p.symbol and r.bar_start = p.bar_start and r.version = p.row_version"
        " join store.features_1m as f on f.symbol = p.symbol and f.bar_start = p.bar_start"
        " where p.bar_start = %s",
        (start,),
    ).fetchall()
    assert len(rows) == 2
    for value, probability, confidence, *facts in rows:
        assert value in (-1, 0, 1)
        assert 0.3 < probability == confidence
        assert facts == [1, True, True, True]
    entries = [json.loads(fields[b"prediction"]) for _, fields in published(client)]
    assert [entry["symbol"] for entry in entries] == ["ES", "NQ"]
    assert entries[0]["known_at"] == (start + MINUTE + timedelta(seconds=1)).strftime(
        "%Y-%m-%dT%H:%M:%S.000000Z"
    )
    newest = client.hgetall("features:latest:made:ES")
    assert newest[b"bar_start"].decode().startswith(start.strftime("%Y-%m-%dT%H:%M"))
    assert set(map(str.encode, NAMES)) <= newest.keys()
    outlook = link.execute(
        "select symbol, horizon, is_live, direction is not null, confidence from model.outlook"
    ).fetchall()
    assert [row[:4] for row in outlook] == [("ES", "1m", True, True), ("NQ", "1m", True, True)]


def published(client: "redis.Redis") -> Any:
    """Return the entries of the stream of predictions."""
    return client.xrange("predictions:stream")


def test_bars_after_a_downtime_are_made_up_for_and_not_published(
    link: Link, market: Market, trained: Trained, bus: Bus, client: "redis.Redis"
) -> None:
    starts = [close_bar(link, market) for _ in range(3)]
    assert Inference(link, bus).turn(0).predicted == 6
    kinds = [{kind for _, kind, _ in predicted(link, start)} for start in starts]
    assert kinds == [{"catch_up"}, {"catch_up"}, {"live"}]
    assert len(published(client)) == 2


def test_predictions_of_a_feed_that_stands_still_are_not_live(
    link: Link, market: Market, trained: Trained
) -> None:
    start = close_bar(link, market)
    link.execute("update market.source_clocks set changed_at = changed_at - interval '1 minute'")
    Inference(link, None).turn(0)
    assert {kind for _, kind, _ in predicted(link, start)} == {"catch_up"}


def test_a_bus_that_is_away_loses_no_prediction_and_doubles_none(
    link: Link, market: Market, trained: Trained, bus: Bus, client: "redis.Redis"
) -> None:
    class Away(Bus):
        def publish_predictions(self, predictions: Any) -> Any:
            # The answer is lost: the entries are there.
            super().publish_predictions(predictions)
            raise Unavailable("Redis: away")

    start = close_bar(link, market)
    away = Away.__new__(Away)
    away.__dict__ = bus.__dict__
    with pytest.raises(Unavailable):
        Inference(link, away).turn(0)
    assert len(predicted(link, start)) == 2
    assert Inference(link, bus).turn(0).published == 2
    assert len(published(client)) == 2


def test_what_could_not_be_published_in_time_is_not_live(
    link: Link, market: Market, trained: Trained, bus: Bus, client: "redis.Redis"
) -> None:
    start = close_bar(link, market)
    Inference(link, None).turn(0)
    assert {kind for _, kind, _ in predicted(link, start)} == {"live"}
    pass_time(link, start + timedelta(minutes=2, seconds=1.2))
    Inference(link, bus).turn(0)
    assert {kind for _, kind, _ in predicted(link, start)} == {"catch_up"}
    assert not published(client)


def test_two_jobs_at_once_predict_a_bar_once(
    link: Link, kept_url: str, market: Market, trained: Trained, bus: Bus
) -> None:
    start = close_bar(link, market)
    with database.connect(kept_url, "infer") as other:
        # The second computes while the first has not committed: only the key keeps them apart.
        first, second = Inference(link, bus), Inference(other, bus)
        question = infer.served_questions(link)[0]
        clocks = infer.market_clock(link)
        one, two = first._loaded(question, 0), second._loaded(question, 0)
        rows = first._rows(question, clocks, is_whole=False)
        assert len(rows) == 2
        assert second._predict(question, two, rows, clocks).predicted == 2
        assert first._predict(question, one, rows, clocks).predicted == 0
    assert len(predicted(link, start)) == 2
    with (
        database.connect(kept_url, "infer") as holder,
        database.connect(kept_url, "infer") as waiter,
    ):
        assert database.one(holder, "hold_inference")["is_held"]
        assert not database.one(waiter, "hold_inference")["is_held"]


# Where a process is stopped: reading, before and in the transaction, committed, and published.
STEPS = ("rows_to_predict_text", "stage_feature_rows", "add_predictions", "predictions_to_publish",
         "publish", "note_published")  # fmt: skip


def in_process(url: str, redis_url: str, step: str, sign: signal.Signals) -> int:
    """Run the job's loop in another process, which gets a signal at a step; returns its id."""
    child = os.fork()
    if child:
        return child
    stop, run, send, left = Stop(), database.rows, Bus.publish_predictions, [step]

    def reached(name: str) -> None:
        if name in left:
            left.remove(name)
            os.kill(os.getpid(), sign)

    def rows(connection: Any, name: str, *given: Any) -> Any:
        reached(name)
        return run(connection, name, *given)

    def one(connection: Any, name: str, *given: Any) -> Any:
        return rows(connection, name, *given)[0]

    def sent(bus: Bus, predictions: Any) -> Any:
        reached("publish")
        # The minute that passes is the market's: the bus's clock is not moved, so its bound is.
        slept = MINUTE if step == "publish" else timedelta()
        return send(bus, [(number, late_at - slept, one) for number, late_at, one in predictions])

    try:
        hooked: Any = (rows, one, sent)
        database.rows, database.one, Bus.publish_predictions = hooked  # type: ignore[method-assign]
        infer._WAIT_S = 0.01
        infer.infer(url, redis_url, stop, lambda _: None if left else stop.set())
    finally:
        os._exit(0)


def kind_of(link: Link, client: "redis.Redis", start: datetime) -> str:
    """Return the kind of a bar's predictions: each is there once, on the stream where live."""
    rows = link.execute(
        "select p.prediction_id, p.symbol, p.kind, p.published_at is not null,"
        " (select count(*) from store.feature_rows as r where r.symbol = p.symbol"
        " and r.bar_start = p.bar_start) from model.predictions as p"
        " where p.bar_start = %s order by p.symbol",
        (start,),
    ).fetchall()
    ((kind, is_published),) = {row[2:4] for row in rows}
    assert [(row[1], row[4]) for row in rows] == [("ES", 1), ("NQ", 1)]
    assert is_published == (kind == "live")
    ids = [int(name.partition(b"-")[0]) for name, _ in published(client)]
    assert ids == ([row[0] for row in rows] if is_published else [])
    return str(kind)


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_at_any_step_loses_no_prediction_and_doubles_none(
    link: Link, kept_url: str, redis_url: str, market: Market, trained: Trained, bus: Bus,
    client: "redis.Redis", step: str,
) -> None:  # fmt: skip
    start = close_bar(link, market)
    child = in_process(kept_url, redis_url, step, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    Inference(link, bus).turn(0)
    assert kind_of(link, client, start) == "live"


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
@pytest.mark.parametrize("step", STEPS)
def test_a_process_frozen_at_any_step_goes_on_and_publishes_nothing_late(
    link: Link, kept_url: str, redis_url: str, market: Market, trained: Trained, bus: Bus,
    client: "redis.Redis", step: str,
) -> None:  # fmt: skip
    start = close_bar(link, market)
    child = in_process(kept_url, redis_url, step, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
    # Another job stands by as long as this one is alive.
    with database.connect(kept_url, "infer") as waiter:
        assert not database.one(waiter, "hold_inference")["is_held"]
    pass_time(link, start + timedelta(minutes=2, seconds=1.2))
    os.kill(child, signal.SIGCONT)
    assert os.waitpid(child, 0)[1] == 0
    Inference(link, bus).turn(0)
    was_published = step == "note_published"
    assert kind_of(link, client, start) == ("live" if was_published else "catch_up")


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_a_kill_after_the_publishing_is_not_taken_for_a_late_prediction(
    link: Link, kept_url: str, redis_url: str, market: Market, trained: Trained, bus: Bus,
    client: "redis.Redis",
) -> None:  # fmt: skip
    start = close_bar(link, market)
    child = in_process(kept_url, redis_url, "note_published", signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    pass_time(link, start + timedelta(minutes=9))
    Inference(link, bus).turn(0)
    assert kind_of(link, client, start) == "live"


def test_a_model_swapped_in_a_burst_loses_no_bar_and_doubles_none(
    link: Link, market: Market, trained: Trained
) -> None:
    other = _another_version(link, trained.version_id)
    one = Inference(link, None)
    starts = []
    for number in range(4):
        starts.append(close_bar(link, market))
        if number == 2:
            registry.promote(link, other, "champion", "test")
        one.turn(number)
    registry.rollback(link, "direction", "1m", list(SYMBOLS), "champion", "test")
    found = [predicted(link, start, "symbol, model_id, kind") for start in starts]
    assert [[row[1] for row in rows] for rows in found] == [
        [trained.version_id] * 2, [trained.version_id] * 2, [other] * 2, [other] * 2,
    ]  # fmt: skip
    assert {row[2] for rows in found for row in rows} == {"live"}


def _another_version(link: Link, version_id: int) -> int:
    row = link.execute(
        "insert into model.versions (run_id, model, target, horizon, symbols, set_hash, span_from,"
        " span_to, data_checksum, seed, code_version, libraries, artifact_sha256, skill,"
        " skill_low, skill_high, metrics) select run_id, model, target, horizon, symbols,"
        " set_hash, span_from, span_to, data_checksum, seed, code_version, libraries,"
        " artifact_sha256, skill, skill_low, skill_high, metrics from model.versions where id = %s"
        " returning id",
        (version_id,),
    ).fetchone()
    assert row is not None
    link.execute(
        "insert into model.profiles select %s, feature, place, is_used, rows, nulls, low, high,"
        " edges, shares, usual_psi from model.profiles where model_id = %s",
        (row[0], version_id),
    )
    return int(row[0])


def test_a_bar_that_changed_leaves_its_prediction_with_another_beside_it(
    link: Link, market: Market, trained: Trained
) -> None:
    start = close_bar(link, market)
    one = Inference(link, None)
    one.turn(0)
    before = predicted(link, start, "symbol, value, probability, row_version")
    link.execute(
        "update market.bars_imported set close = close + 3, high = high + 3"
        " where symbol = 'ES' and width = '1m' and bar_start = %s",
        (start,),
    )
    fill_store(link)
    one.turn(0.1)
    after = predicted(link, start, "symbol, value, probability, row_version")
    assert [row for row in after if row in before] == before
    assert [row[3] for row in after if row[0] == "ES"] == [1, 2]
    kinds = predicted(link, start, "symbol, kind, revision")
    assert [row for row in kinds if row[0] == "ES"] == [("ES", "live", 1), ("ES", "changed", 2)]


def test_a_row_that_may_not_be_shown_is_a_row_that_says_why(
    link: Link, market: Market, trained: Trained
) -> None:
    one = Inference(link, None)
    # Stale: NQ has no trade in a minute in which ES has.
    start = close_bar(link, market, ("ES",))
    pass_time(link, start + timedelta(seconds=75))
    one.turn(0)
    (_, _, reason) = predicted(link, start)[1]
    assert reason.startswith("stale: the symbol has no trade in this bar")
    # The minutes after it know nothing of NQ's minute before.
    close_bar(link, market)
    close_bar(link, market)
    # Partial: seven seconds of the bar are a gap.
    start = market.at
    link.execute(
        "insert into market.gaps (symbol, source, trade_date, gap_start, gap_end, cause)"
        " values ('NQ', 'SIM', '2024-02-05', %s, %s, 'symbol silent')",
        (start + timedelta(seconds=50), start + timedelta(seconds=57)),
    )
    close_bar(link, market)
    one.turn(1)
    assert [row[2] for row in predicted(link, start)] == [
        None, "partial: 7.0 s of the bar are a gap",
    ]  # fmt: skip
    # Out of range: a return that the training never saw.
    start = close_bar(link, market)
    link.execute(
        "update store.features_1m set log_return_1 = 0.5 where symbol = 'ES' and bar_start = %s",
        (start,),
    )
    # Incomplete: a feature that was never null.
    link.execute(
        "update store.features_1m set rsi_14 = null where symbol = 'NQ' and bar_start = %s",
        (start,),
    )
    one.turn(2)
    first, second = (row[2] for row in predicted(link, start))
    assert first.startswith("out of range: log_return_1 is 0.5; the model learned ")
    assert second.startswith("incomplete: rsi_14 is null, and was so in ")


def test_a_model_of_other_features_or_with_a_changed_byte_predicts_nothing(
    link: Link, market: Market, trained: Trained
) -> None:
    sha256 = "select artifact_sha256 from model.versions where id = %s"
    (name,) = link.execute(sha256, (trained.version_id,)).fetchone() or ("",)
    flip = "update model.artifacts set content = set_byte(content, 99, 255 - get_byte(content, 99))"
    link.execute(f"{flip} where sha256 = %s", (name,))
    refused: list[str] = []
    start = close_bar(link, market)
    Inference(link, None, lambda _, why: refused.append(why)).turn(0)
    (reason,) = {row[2] for row in predicted(link, start)}
    assert reason.startswith(f"model {trained.version_id} cannot be served: artifact")
    assert "changed after training" in reason
    assert refused == [reason]
    link.execute(f"{flip} where sha256 = %s", (name,))
    old = "update store.feature_texts set sha256 = reverse(sha256) where family = 'returns'"
    link.execute(old)
    start = close_bar(link, market)
    Inference(link, None).turn(0)
    link.execute(old)
    (reason,) = {row[2] for row in predicted(link, start)}
    assert f"it learned set {SET} with hash" in reason
    assert reason.endswith("train anew")


def test_a_day_made_up_for_gives_the_live_predictions_to_the_last_digit(
    link: Link, market: Market, trained: Trained
) -> None:
    one = Inference(link, None)
    starts = [close_bar(link, market) for _ in range(6) if one.turn(0) is not None]
    one.turn(1)
    again = _another_version(link, trained.version_id)
    # Asked anew as of the first bar: the same file, all bars at once.
    link.execute("update model.versions set horizon = '5m' where id = %s", (again,))
    link.execute(
        "insert into model.predictions (model_id, symbol, bar_start, known_at, kind, refused,"
        " latency_ms) values (%s, 'ES', %s, %s, 'live', 'the first', 0)",
        (again, starts[0] - MINUTE, starts[0]),
    )
    question = next(iter(infer.served_questions(link)))
    replay = Inference(link, None)
    asked = msgspec.structs.replace(question, version_id=again, horizon="5m")
    loaded = infer._Loaded(infer.load(link, trained.version_id), None, 0)
    rows = replay._rows(asked, infer.market_clock(link), is_whole=True)
    # And those of the minute before the first.
    assert replay._predict(asked, loaded, rows, infer.market_clock(link)).predicted == 14
    figures = "symbol, bar_start, value, probability, confidence, row_version"
    found = [
        link.execute(
            f"select {figures} from model.predictions where model_id = %s and bar_start >= %s"
            " and revision = 1 order by bar_start, symbol",
            (model, starts[0]),
        ).fetchall()
        for model in (trained.version_id, again)
    ]
    assert len(found[0]) == 12
    assert found[0] == found[1]
    link.execute("delete from model.predictions where model_id = %s", (again,))


def test_outcomes_are_joined_as_the_horizon_passes_and_corrected_later(
    link: Link, market: Market, trained: Trained
) -> None:
    one = Inference(link, None)
    start = close_bar(link, market)
    one.turn(0)
    joined = (
        "select p.symbol, o.actual = l.direction, o.is_hit = (p.value = l.direction), o.loss > 0"
        " from feedback.outcomes as o join model.predictions as p using (prediction_id)"
        " join feat.labels('1m', array['ES', 'NQ'], %(at)s, %(to)s) as l"
        " on l.symbol = p.symbol and l.bar_start = p.bar_start and l.horizon = '1m'"
        " where p.bar_start = %(at)s order by 1"
    )
    values = {"at": start, "to": start + MINUTE}
    assert not link.execute(joined, values).fetchall()
    pass_time(link, close_bar(link, market) + timedelta(seconds=65))
    # The new bar is predicted first, its outcomes are joined in the next turn.
    one.turn(10)
    one.turn(11)
    assert link.execute(joined, values).fetchall() == [
        ("ES", True, True, True), ("NQ", True, True, True),
    ]  # fmt: skip
    # The minute after is corrected by its vendor, far enough to turn every direction.
    link.execute(
        "update market.bars_imported set close = close + 90, high = high + 90"
        " where symbol = 'ES' and width = '1m' and bar_start = %s",
        (start + MINUTE,),
    )
    clocks = infer.market_clock(link)
    assert join_outcomes(link, clocks.ts, timedelta(hours=1)) == 0
    join_outcomes(link, clocks.ts, timedelta(hours=1), is_again=True)
    (found,) = link.execute(
        "select o.actual from feedback.outcomes as o join model.predictions as p"
        " using (prediction_id) where p.symbol = 'ES' and p.bar_start = %s and p.revision = 1",
        (start,),
    ).fetchone() or (None,)
    assert found == 1
    days = link.execute(
        "select symbol, predictions > 15, outcomes > 15, hit_rate > 0.34, refused > 0"
        " from feedback.skill_daily where model_id = %s order by symbol",
        (trained.version_id,),
    ).fetchall()
    assert days == [("ES", True, True, True, True), ("NQ", True, True, True, True)]


def test_any_moment_can_be_asked_and_leaves_no_row(
    link: Link, market: Market, trained: Trained
) -> None:
    start = close_bar(link, market)
    Inference(link, None).turn(0)
    count = "select count(*) from model.predictions"
    before = link.execute(count).fetchone()
    (one,) = predict_at(link, ["NQ"])
    assert (one["bar_start"], one["refused"]) == (start, None)
    kept = predicted(link, start, "symbol, value, probability")[1]
    assert (one["symbol"], one["value"], one["probability"]) == kept
    (old,) = predict_at(link, ["NQ"], start)
    assert old["bar_start"] == start - 2 * MINUTE
    (late,) = predict_at(link, ["NQ"], start + timedelta(hours=5))
    assert late["refused"].startswith("stale: its newest row is ")
    with pytest.raises(NotFound, match="no model is served for CL"):
        predict_at(link, ["CL"])
    assert link.execute(count).fetchone() == before


def test_what_was_shown_is_what_the_lake_gives_and_a_difference_is_named(
    link: Link, kept_url: str, market: Market, trained: Trained, tmp_path: Path
) -> None:
    ask = ExportAsk(days=(DAY,), what=("bars", "reference"))
    done = list(export(kept_url, Store(str(tmp_path)), ask, datetime(2024, 7, 20, tzinfo=UTC)))
    assert [one.failed for one in done] == [[]] * len(done)
    start = link.execute(
        "update store.feature_rows as r set values[3] = 12.5 from model.predictions as p"
        " where p.symbol = r.symbol and p.bar_start = r.bar_start and p.row_version = r.version"
        " and r.symbol = 'NQ' and p.bar_start = (select max(bar_start) from model.predictions"
        " where row_version is not null) returning r.bar_start, r.values[4]"
    ).fetchall()[0][0]
    with connect(str(tmp_path)) as lake:
        es, nq = check_parity(link, lake, DAY)
    # Those that were written by hand above, and the last one.
    assert (es.symbol, es.missing, es.different) == ("ES", 0, 1)
    assert es.worst_feature == "log_return_1"
    assert es.worst_shown == 0.5
    assert (nq.symbol, nq.missing, nq.different) == ("NQ", 0, 2)
    assert nq.equal > 15
    kept = link.execute(
        "select symbol, rows = equal + different from feedback.parity order by 1"
    ).fetchall()
    assert kept == [("ES", True), ("NQ", True)]
    assert start is not None


def test_drift_hands_over_to_the_challenger_and_then_to_silence_with_its_cause(
    link: Link, market: Market, trained: Trained
) -> None:
    challenger = _another_version(link, trained.version_id)
    registry.promote(link, challenger, "challenger", "test")
    # 500 rows that the model learned from, shown again: what is like the training is no drift.
    _show(link, trained.version_id, 0, 0)
    assert infer.demote_decayed(link) == []
    # The same rows with one feature far off.
    _show(link, trained.version_id, 60, 1)
    (found,) = infer.demote_decayed(link)
    assert (found["cause"], found["feature"]) == ("drift", "rsi_14")
    assert found["successor_id"] == challenger
    assert infer.served_questions(link)[0].version_id == challenger
    # What the challenger is shown next drifts as well, and nothing is left.
    _show(link, challenger, 60, 2)
    (found,) = infer.demote_decayed(link)
    assert found["successor_id"] is None
    assert infer.served_questions(link) == []
    assert infer.demote_decayed(link) == []
    rows = link.execute(
        "select model_id, successor_id, feature, measured > threshold, reason"
        " from model.demotions order by demotion_id"
    ).fetchall()
    assert [row[:4] for row in rows] == [
        (trained.version_id, challenger, "rsi_14", True), (challenger, None, "rsi_14", True),
    ]  # fmt: skip
    assert rows[0][4].startswith("drift of rsi_14: PSI ")
    (silence,) = database.rows(link, "silences")
    assert (silence["model_id"], silence["symbols"]) == (challenger, list(SYMBOLS))
    with pytest.raises(NotFound):
        predict_at(link, ["ES"])
    # Both demotions make one training due, once.
    (due,) = propose(link)
    assert propose(link) == [due]
    assert (due["target"], due["horizon"], due["set_name"]) == ("direction", "1m", SET)


def test_a_training_that_is_due_is_run_once_and_served_by_a_promotion_alone(
    link: Link, kept_url: str, trained: Trained
) -> None:
    ((due, found),) = train_due(kept_url, folds=2, source="database")
    assert due["reason"].startswith("drift of rsi_14: PSI ")
    row = registry.version(link, found.version_id)
    assert (row["target"], row["horizon"], row["symbols"]) == ("direction", "1m", list(SYMBOLS))
    assert row["span_to"] > registry.version(link, trained.version_id)["span_to"]
    answered = link.execute(
        "select run_id, closed_at is not null from model.training_proposals"
    ).fetchall()
    assert answered == [(found.run_id, True)]
    assert list(train_due(kept_url, folds=2, source="database")) == []
    assert infer.served_questions(link) == []
    registry.promote(link, found.version_id, "champion", "test")
    assert [one.version_id for one in infer.served_questions(link)] == [found.version_id]
    assert database.rows(link, "silences") == []


def _show(link: Link, model: int, shift: float, year: int) -> None:
    """Show a model 250 minutes of its training anew, both series, a feature of them moved."""
    first = datetime(2025 + year, 1, 6, tzinfo=UTC)
    values = {"model": model, "shift": shift, "first": first}
    link.execute(
        "insert into store.feature_rows (set_hash, symbol, bar_start, changed_at, values)"
        " select r.set_hash, r.symbol, %(first)s::timestamptz + r.n * interval '1 minute', now(),"
        " array[r.values[1], r.values[2], (r.values[3] + %(shift)s)::real, r.values[4]]"
        " from (select f.*, row_number() over (partition by f.symbol order by f.bar_start) as n"
        " from store.feature_rows as f where f.set_hash = (select set_hash from model.versions"
        " where id = %(model)s) and f.version = 1"
        " and f.bar_start >= '2024-02-05 01:00Z' and f.bar_start < '2024-02-06Z') as r"
        " where r.n <= 250",
        values,
    )
    link.execute(
        "insert into model.predictions (model_id, symbol, bar_start, known_at, kind, row_version,"
        " row_changed_at, value, probability, latency_ms) select %(model)s, s.symbol,"
        " %(first)s::timestamptz + n * interval '1 minute', %(first)s, 'live', 1, now(), 1, 0.5, 9"
        " from generate_series(1, 250) as g (n) cross join (values ('ES'), ('NQ')) as s (symbol)",
        values,
    )
