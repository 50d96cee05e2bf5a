"""Predict with the promoted models as bars close, and hold what they predict to what happens.

Flow: 60 store → 70 models → 25 bus, and back by 90 feedback. What a model was shown and what it
predicted are committed together; only then is it published, by numbers of which the bus takes each
once. A model is changed between two bars by a row, and every bar that no model of its question was
shown is made up for, marked as such.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from thor import clock, database
from thor.database import Connection
from thor.domain import timestamps
from thor.domain.bar import FEATURE_WIDTHS
from thor.errors import NotFound, Refused, ThorError
from thor.learning import daily, feature_rows, feature_sets, predict, registry
from thor.learning.predict import Prediction, Served
from thor.market.bus.client import Bus
from thor.runtime import Stop, persist

Array = np.ndarray[Any, Any]

# The keeper of the features wakes this job; what others write is seen a second later.
_WAIT_S = 1.0
_STAND_BY_S = 1.0
# How often changed rows of the last day, symbols without a bar, outcomes and decay are looked for.
_WHOLE_EVERY_S = 30.0
_HOLES_EVERY_S = 5.0
_OUTCOMES_EVERY_S = 2.0
_DECAY_EVERY_S = 60.0
# A model's set is made of the same SQL as before: what `thor db up` may change beside a job.
_CHECK_EVERY_S = 60.0
_RECENT = timedelta(minutes=15)
_CHANGED = timedelta(days=1)
_DOWN_MAX = timedelta(days=5)
_DAYS_READ = timedelta(days=150)
_DAYS_APART = timedelta(days=14)
_SECOND = timedelta(seconds=1)
# A bar with a hole of more than this share of it is partial.
_HOLE_SHARE = 0.1
_AFTER_PREDICTIONS = timedelta(seconds=3)
# How long after a bar is known its row may still come.
_GRACE = timedelta(seconds=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row to predict at; without `shown`, the reason why there is none is `refused`."""

    symbol: str
    bar_start: datetime
    known_at: datetime
    changed_at: datetime | None
    shown: tuple[float, ...] = ()
    is_changed: bool = False
    refused: str | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a champion is asked, and the set that it is shown."""

    target: str
    horizon: str
    symbols: tuple[str, ...]
    version_id: int
    set_hash: str
    set_name: str | None
    width: str | None
    names: tuple[str, ...]

    @property
    def values(self) -> dict[str, Any]:
        """The question as statements take it."""
        return {"target": self.target, "horizon": self.horizon, "symbols": list(self.symbols)}


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """The market's clock and the database's; `behind` is how far a recording is behind."""

    ts: datetime
    now: datetime
    is_running: bool
    behind: timedelta


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn did: rows predicted, refused and published, outcomes joined, models demoted."""

    predicted: int = 0
    refused: int = 0
    published: int = 0
    outcomes: int = 0
    demoted: int = 0

    def __add__(self, other: "Done") -> "Done":
        """Return the sums."""
        return Done(
            **{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        )


class _Loaded(msgspec.Struct):
    """A model in memory, or why it cannot be served."""

    model: Served | None
    reason: str | None
    checked_s: float


class Inference:
    """Predicts over one connection and one bus; keeps the models that it has loaded."""

    def __init__(
        self,
        connection: Connection[Any],
        bus: Bus | None,
        on_refused: Callable[[int, str], None] = lambda *_: None,
    ) -> None:
        """Take a connection in autocommit, and the bus; without one nothing is published."""
        self._connection, self._bus, self._on_refused = connection, bus, on_refused
        self._models: dict[int, _Loaded] = {}
        # The newest rows that were shown live, by set and symbol, until the bus has them.
        self._newest: dict[str, dict[str, dict[str, str]]] = {}
        self._due_s: dict[str, float] = {}
        self._is_begun = False

    def turn(self, now_s: float) -> Done:
        """Do what is due at a moment of the monotonic clock, in seconds.

        Raises `Unavailable` where a server is away; what is committed stays.
        """
        done = Done()
        questions = served_questions(self._connection)
        self._forget({one.version_id for one in questions})
        is_whole = self._is_due("whole", _WHOLE_EVERY_S, now_s)
        has_holes = self._is_due("holes", _HOLES_EVERY_S, now_s)
        clocks = market_clock(self._connection)
        for question in questions:
            loaded = self._loaded(question, now_s)
            if question.target == "regime":
                found = self._days(question, clocks) if is_whole else []
            elif question.width is None:
                continue
            else:
                found = self._rows(question, clocks, is_whole=is_whole)
                if has_holes:
                    found += self._without_row(question, clocks)
            done += self._predict(question, loaded, found, clocks)
        # Last, so that a bus that is away keeps no bar from being predicted.
        done += self._publish()
        # A label is known as the next bar is: that bar's prediction comes first.
        if not done.predicted and self._is_due("outcomes", _OUTCOMES_EVERY_S, now_s):
            as_of = clocks.ts - _AFTER_PREDICTIONS
            joined = join_outcomes(self._connection, as_of, timedelta(hours=3))
            done += Done(outcomes=joined)
        if self._is_due("decay", _DECAY_EVERY_S, now_s):
            done += Done(demoted=len(demote_decayed(self._connection)))
        return done

    def _is_due(self, name: str, every_s: float, now_s: float) -> bool:
        if now_s < self._due_s.get(name, float("-inf")):
            return False
        self._due_s[name] = now_s + every_s
        return True

    def _forget(self, served: set[int]) -> None:
        for version_id in self._models.keys() - served:
            del self._models[version_id]

    def _loaded(self, question: Question, now_s: float) -> _Loaded:
        found = self._models.get(question.version_id)
        if found is not None and now_s < found.checked_s + _CHECK_EVERY_S:
            return found
        try:
            check_set(self._connection, question)
            if found is not None and found.model is not None:
                found.checked_s = now_s
                return found
            fresh = _Loaded(load(self._connection, question.version_id), None, now_s)
        except (Refused, NotFound) as error:
            reason = f"model {question.version_id} cannot be served: {error}"
            if found is None or found.reason != reason:
                self._on_refused(question.version_id, reason)
            fresh = _Loaded(None, reason, now_s)
        self._models[question.version_id] = fresh
        return fresh

    def _rows(self, question: Question, clocks: Clock, *, is_whole: bool) -> list[Row]:
        """Return the rows that are new or changed, in the order of bars."""
        assert question.width is not None
        link = self._connection
        bounds = database.one(link, "predicted_bounds", question.values)
        if bounds["last"] is None:
            asked = {"symbols": list(question.symbols), "width": question.width}
            first = database.one(link, "newest_feature_row", asked)["bar_start"]
            if first is None:
                return []
        else:
            back = _CHANGED if is_whole else _RECENT
            # Nothing before the question's first bar is made up for.
            first = max(bounds["first"], bounds["last"] - back, clocks.ts - _DOWN_MAX)
        text = database.one(
            link,
            "rows_to_predict_text",
            {"names": list(question.names), "width": question.width},
        )["rows_out"]
        rows = database.answers(link, text, **question.values, ts_from=first)
        length = FEATURE_WIDTHS[question.width]
        found = [
            Row(
                symbol=row["symbol"],
                bar_start=row["bar_start"],
                known_at=row["bar_start"] + length + _SECOND,
                changed_at=row["changed_at"],
                shown=tuple(np.nan if one is None else one for one in row["shown"]),
                is_changed=row["is_changed"],
            )
            for row in rows
        ]
        return _without_partial(link, found, length)

    def _without_row(self, question: Question, clocks: Clock) -> list[Row]:
        """Return the bars at which a symbol had no row although its market was open."""
        assert question.width is not None
        link, length = self._connection, FEATURE_WIDTHS[question.width]
        bounds = database.one(link, "predicted_bounds", question.values)
        if bounds["last"] is None:
            return []
        first = max(bounds["first"], clocks.ts - _CHANGED)
        values = {
            **question.values,
            "asked": list(question.symbols),
            "width": question.width,
            "ts_from": first,
            "ts_to": clocks.ts - length - _GRACE,
        }
        if not values["ts_from"] < values["ts_to"]:
            return []
        return [
            Row(
                symbol=row["symbol"],
                bar_start=row["bar_start"],
                known_at=row["bar_start"] + length + _SECOND,
                changed_at=None,
                refused="stale: the symbol has no trade in this bar, and its last row is older",
            )
            for row in database.rows(link, "bars_without_row", values)
        ]

    def _predict(
        self, question: Question, loaded: _Loaded, found: Sequence[Row], clocks: Clock
    ) -> Done:
        """Predict rows and commit them with what was shown, a transaction a bar."""
        done = Done()
        starts = sorted({row.bar_start for row in found})
        for start in starts:
            rows = [row for row in found if row.bar_start == start]
            done += self._commit(question, loaded, rows, clocks)
        return done

    def _commit(
        self, question: Question, loaded: _Loaded, rows: Sequence[Row], clocks: Clock
    ) -> Done:
        shown = [row for row in rows if row.refused is None]
        if loaded.model is None:
            answers = {row.symbol: Prediction(refused=loaded.reason) for row in rows}
            shown = []
        else:
            x = np.array([row.shown for row in shown], np.float64).astype(np.float32)
            given = predict.predict(loaded.model, x) if shown else []
            answers = {row.symbol: one for row, one in zip(shown, given, strict=True)}
        with database.transaction(self._connection):
            if shown:
                keep_shown(self._connection, question.set_hash, shown, x)
                same = {
                    "model_id": question.version_id,
                    "set_hash": question.set_hash,
                    "symbols": [row.symbol for row in shown if row.is_changed],
                    "bar_starts": [row.bar_start for row in shown if row.is_changed],
                    "changed_ats": [row.changed_at for row in shown if row.is_changed],
                }
                if same["symbols"]:
                    database.rows(self._connection, "note_same_rows", same)
            values = [answers.get(row.symbol, Prediction(refused=row.refused)) for row in rows]
            written = database.rows(
                self._connection,
                "add_predictions",
                {
                    "model_id": question.version_id,
                    "set_hash": question.set_hash,
                    "behind": clocks.behind,
                    "symbols": [row.symbol for row in rows],
                    "bar_starts": [row.bar_start for row in rows],
                    "known_ats": [row.known_at for row in rows],
                    "kinds": [_kind(question, row, clocks) for row in rows],
                    "changed_ats": [row.changed_at for row in rows],
                    "were_shown": [row in shown for row in rows],
                    "values": [one.value for one in values],
                    "probabilities": [one.probability for one in values],
                    "confidences": [one.confidence for one in values],
                    "lows": [one.low for one in values],
                    "highs": [one.high for one in values],
                    "refusals": [one.refused for one in values],
                },
            )
            if question.target == "regime":
                made = {"prediction_ids": [row["prediction_id"] for row in written]}
                database.rows(self._connection, "keep_regimes", made)
        live = {row["symbol"] for row in written if row["kind"] == "live"}
        if question.set_name is not None:
            newest = self._newest.setdefault(question.set_name, {})
            for at, row in enumerate(shown):
                if row.symbol in live:
                    newest[row.symbol] = _fields(question, row, x[at])
        refused = sum(row["refused"] is not None for row in written)
        return Done(predicted=len(written) - refused, refused=refused)

    def _days(self, question: Question, clocks: Clock) -> list[Row]:
        """Return the daily rows that are new or changed; at first the newest of each series."""
        link = self._connection
        first = clocks.ts - _DAYS_READ
        try:
            days = daily.days(link, question.symbols, (first, clocks.ts))
        except NotFound:
            return []
        asked = {**question.values, "ts_from": first}
        known = {
            (row["symbol"], row["bar_start"]): row["values"]
            for row in database.rows(link, "predicted_days", asked)
        }
        # Nothing before the question's first day is made up for.
        begun = min((start for _, start in known), default=_moment(days.bar_start_us.max()))
        found = []
        for at, x in enumerate(days.x):
            symbol, start = days.symbols[days.symbol[at]], _moment(days.bar_start_us[at])
            is_changed = (symbol, start) in known
            values = known.get((symbol, start))
            if start < begun or (
                is_changed and (values is None or np.array_equal(np.float32(values), x))
            ):
                continue
            known_at = _moment(days.known_us[at])
            found.append(
                Row(
                    symbol=symbol,
                    bar_start=start,
                    known_at=known_at,
                    changed_at=clocks.now if is_changed else known_at,
                    shown=tuple(float(one) for one in x),
                    is_changed=is_changed,
                )
            )
        return found

    def _publish(self) -> Done:
        """Publish what is committed and live, in order, and note that it was."""
        if self._bus is None:
            return Done()
        link = self._connection
        if not self._is_begun:
            newest = database.one(link, "newest_prediction_id")["prediction_id"]
            self._bus.begin_predictions(newest)
            self._is_begun = True
        for set_name, rows in self._newest.items():
            self._bus.remember_rows(set_name, rows)
        self._newest.clear()
        found = database.rows(link, "predictions_to_publish")
        if not found:
            return Done()
        # The process may have slept since the turn began.
        behind = market_clock(link).behind
        published = self._bus.publish_predictions(
            [
                (
                    row["prediction_id"],
                    _next_known_at(row["known_at"], row["width"]) + behind,
                    payload(row),
                )
                for row in found
            ]
        )
        late = {row["prediction_id"] for row in found} - published
        database.rows(link, "note_published", {"prediction_ids": list(published)})
        database.rows(link, "note_too_late", {"prediction_ids": list(late)})
        return Done(published=len(published))


def infer(
    url: str,
    redis_url: str,
    stop: Stop,
    on_done: Callable[[Done], None] = lambda _: None,
    on_wait: Callable[[str, int], None] = lambda *_: None,
    on_refused: Callable[[int, str], None] = lambda *_: None,
) -> None:
    """Predict until asked to stop; a server that is away is waited for, and nothing is lost.

    Of several processes one predicts, and another takes over when that ends.
    """
    bus = Bus(redis_url)
    worker = _Worker(url, bus, on_refused)
    try:
        while not stop:
            on_done(persist(lambda: worker.turn(stop), stop, on_wait))
    finally:
        worker.close()
        bus.close()


class _Worker:
    """Keeps one connection and the lock of the job that predicts."""

    def __init__(self, url: str, bus: Bus, on_refused: Callable[[int, str], None]) -> None:
        self._url, self._bus, self._on_refused = url, bus, on_refused
        self._connection: Connection[Any] | None = None
        self._inference: Inference | None = None

    def turn(self, stop: Stop) -> Done:
        try:
            return self._turn(stop)
        except BaseException:
            self.close()
            raise

    def _turn(self, stop: Stop) -> Done:
        if self._connection is None:
            self._connection = database.connect(self._url, "infer")
            database.rows(self._connection, "listen_features")
        if self._inference is None:
            if not database.one(self._connection, "hold_inference")["is_held"]:
                stop.wait(_STAND_BY_S)
                return Done()
            self._inference = Inference(self._connection, self._bus, self._on_refused)
        done = self._inference.turn(clock.monotonic_s())
        database.wait_for_notice(self._connection, _WAIT_S)
        # The loop's turn, which the heartbeat sees.
        stop.wait(0.0)
        return done

    def close(self) -> None:
        self._inference = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def served_questions(connection: Connection[Any]) -> list[Question]:
    """Return what the champions are asked, each with its set; names and width None: unknown."""
    return [
        Question(
            target=row["target"],
            horizon=row["horizon"],
            symbols=tuple(row["symbols"]),
            version_id=row["version_id"],
            set_hash=row["set_hash"],
            set_name=row["set_name"],
            width=row["width"],
            names=tuple(row["names"] or ()),
        )
        for row in database.rows(connection, "served_models")
    ]


def market_clock(connection: Connection[Any]) -> Clock:
    """Return the clock of the source that is furthest; the database's where there is none."""
    row = database.one(connection, "inference_clock")
    return Clock(
        ts=row["ts"] or row["now"],
        now=row["now"],
        is_running=row["is_running"],
        behind=row["behind"],
    )


def check_set(connection: Connection[Any], question: Question) -> None:
    """Raise `Refused` where the set's features are made by other SQL than the model learned of."""
    if question.set_name is None:
        raise Refused(f"set_hash {question.set_hash[:12]} is no feature set of this database")
    if question.target == "regime":
        found = feature_sets.daily(connection, daily.code_hash())
    else:
        assert question.width is not None
        found = feature_sets.define(connection, question.set_name, question.width, question.names)
    if found.hash != question.set_hash:
        raise Refused(
            f"it learned set {question.set_name} with hash {question.set_hash[:12]}; its features "
            f"are computed as {found.hash[:12]} now: train anew"
        )


def load(connection: Connection[Any], version_id: int) -> Served:
    """Return a model that may be served. Raises `Refused` by name where its file is another."""
    fitted, row = registry.load(connection, version_id)
    profiles = database.rows(connection, "model_profiles", {"model_id": version_id})
    return predict.served(fitted, row, profiles)


def keep_shown(connection: Connection[Any], set_hash: str, rows: Sequence[Row], x: Array) -> None:
    """Keep what a model is shown, within the caller's transaction."""
    symbols = tuple(dict.fromkeys(row.symbol for row in rows))
    feature_rows.keep(
        connection,
        set_hash,
        symbols,
        np.array([symbols.index(row.symbol) for row in rows], np.int32),
        _us([row.bar_start for row in rows]),
        _us([row.changed_at or row.known_at for row in rows]),
        x,
    )


def join_outcomes(
    connection: Connection[Any], as_of: datetime, back: timedelta, *, is_again: bool = False
) -> int:
    """Join predictions of a time back with what happened; returns how many rows were written.

    `is_again` looks at those with an outcome too, and corrects what changed.
    """
    # The trade date after a day may be days away.
    days = {"ts_from": as_of - back - _DAYS_APART, "as_of": as_of}
    written = len(database.rows(connection, "join_regimes", days))
    values = {"ts_from": as_of - back, "as_of": as_of, "is_again": is_again}
    for row in database.rows(connection, "due_outcomes", values):
        length = FEATURE_WIDTHS[row["width"]]
        first = row["first"]
        while first <= row["last"]:
            last = min(first + timedelta(days=1), row["last"] + length)
            asked = {
                "width": row["width"],
                "symbols": row["symbols"],
                "ts_from": first,
                "ts_to": last,
                "as_of": as_of,
            }
            written += len(database.rows(connection, "join_outcomes", asked))
            first = last
    return written


def demote_decayed(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Take champions out of service whose features or calibration left what they learned."""
    found = database.rows(connection, "decayed_models")
    for row in found:
        row["successor_id"] = registry.demote(connection, row)
    return found


def predict_at(
    connection: Connection[Any], symbols: Sequence[str], as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Return what the champions say of the newest row that was known at a moment; keeps nothing.

    A moment of None is the market's now. Rows are as they are stored today. A champion that
    cannot be served, and a symbol without a row, are answered by `refused`. Raises `NotFound`
    where no champion is asked about any of the symbols.
    """
    moment = as_of or market_clock(connection).ts
    found: list[dict[str, Any]] = []
    for question in served_questions(connection):
        asked = [symbol for symbol in symbols if symbol in question.symbols]
        if not asked or question.target == "regime" or question.width is None:
            continue
        found += _answers(connection, question, asked, moment)
    if not found:
        raise NotFound(
            f"symbol: no model is served for {', '.join(symbols)}; `thor models promote` serves one"
        )
    return found


def _answers(
    connection: Connection[Any], question: Question, symbols: list[str], moment: datetime
) -> list[dict[str, Any]]:
    assert question.width is not None
    asked = {"names": list(question.names), "width": question.width}
    rows: list[dict[str, Any]] = []
    try:
        check_set(connection, question)
        model = load(connection, question.version_id)
    except ThorError as error:
        answers = {one: Prediction(refused=str(error)) for one in symbols}
    else:
        text = database.one(connection, "row_at_text", asked)["rows_out"]
        rows = database.answers(connection, text, symbols=symbols, as_of=moment)
        shown = [[np.nan if one is None else one for one in row["shown"]] for row in rows]
        x = np.array(shown, np.float64).reshape(len(rows), len(question.names))
        given = predict.predict(model, x.astype(np.float32))
        answers = {row["symbol"]: one for row, one in zip(rows, given, strict=True)}
    starts = {row["symbol"]: row["bar_start"] for row in rows}
    none = Prediction(refused=f"it has no row of {question.width} before {moment.isoformat()}")
    length = FEATURE_WIDTHS[question.width]
    found = []
    for symbol in symbols:
        one, start = answers.get(symbol, none), starts.get(symbol)
        known_at = None if start is None else start + length + _SECOND
        if one.refused is None and known_at is not None and moment - known_at > 2 * length:
            age_s = (moment - known_at).total_seconds()
            one = Prediction(refused=f"stale: its newest row is {age_s:,.0f} s old")
        found.append(
            {
                "symbol": symbol,
                "target": question.target,
                "horizon": question.horizon,
                "model_id": question.version_id,
                "as_of": moment,
                "bar_start": start,
                "known_at": known_at,
                "value": one.value,
                "probability": one.probability,
                "confidence": one.confidence,
                "low": one.low,
                "high": one.high,
                "refused": one.refused,
            }
        )
    return found


def payload(row: dict[str, Any]) -> bytes:
    """Return a prediction as it is published: a JSON object, times ISO 8601 in UTC."""
    fields = {name: value for name, value in row.items() if name != "width"}
    for name in ("bar_start", "known_at"):
        fields[name] = timestamps.format_utc(row[name])
    return msgspec.json.encode(fields)


def _without_partial(connection: Connection[Any], rows: list[Row], length: timedelta) -> list[Row]:
    if not rows:
        return rows
    values = {
        "symbols": sorted({row.symbol for row in rows}),
        "ts_from": min(row.bar_start for row in rows),
        "ts_to": max(row.bar_start for row in rows) + length,
    }
    gaps = database.rows(connection, "gaps_within", values)
    return [_checked(row, gaps, length) for row in rows] if gaps else rows


def _checked(row: Row, gaps: list[dict[str, Any]], length: timedelta) -> Row:
    end = row.bar_start + length
    missing = sum(
        (
            max(min(gap["gap_end"], end) - max(gap["gap_start"], row.bar_start), timedelta())
            for gap in gaps
            if gap["symbol"] == row.symbol
        ),
        timedelta(),
    )
    if missing <= _HOLE_SHARE * length:
        return row
    reason = f"partial: {missing.total_seconds():.1f} s of the bar are a gap"
    return msgspec.structs.replace(row, refused=reason)


def _kind(question: Question, row: Row, clocks: Clock) -> str:
    if row.is_changed:
        return "changed"
    is_late = clocks.ts >= _next_known_at(row.known_at, question.width)
    is_made_up = row.changed_at is None or not clocks.is_running or is_late
    return "catch_up" if is_made_up else "live"


def _next_known_at(known_at: datetime, width: str | None) -> datetime:
    """Return when the bar after the one that was known at a moment is known."""
    return known_at + FEATURE_WIDTHS.get(width or "", timedelta(days=1))


def _fields(question: Question, row: Row, x: Array) -> dict[str, str]:
    values = {name: repr(float(x[at])) for at, name in enumerate(question.names)}
    return {
        "bar_start": timestamps.format_utc(row.bar_start),
        "known_at": timestamps.format_utc(row.known_at),
        "set_hash": question.set_hash,
        **values,
    }


def _moment(us: Any) -> datetime:
    return _EPOCH + int(us) * _US


def _us(moments: Sequence[datetime]) -> Array:
    return np.array([(one - _EPOCH) // _US for one in moments], np.int64)
