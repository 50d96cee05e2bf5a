"""What the promoted models predict, what came true of it, and why one is silent.

Reads model.predictions, model.outlook and feedback.*.
"""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from api import params
from api.errors import AWAY, BAD_INPUT, ProblemOperation
from api.routes.bars import From, To
from api.routes.models import Limit
from api.state import SharedState
from thor import database
from thor.stream.quote import Instant
from thor.stream.rows import converted

Symbol = Annotated[str | None, QueryParameter(description="A series, ES say; all if left out.")]
Target = Annotated[
    Literal["direction", "magnitude", "volatility", "regime"] | None,
    QueryParameter(description="What is predicted; all if left out."),
]
Horizon = Annotated[
    Literal["1m", "5m", "15m", "60m", "close", "1d"] | None,
    QueryParameter(description="How far ahead; all if left out."),
]
Model = Annotated[int | None, QueryParameter(description="A model's id; all if left out.")]
Asked = Annotated[str, QueryParameter(name="symbol", description="Series: `ES`, or `ES,NQ`.")]
At = Annotated[
    str | None,
    QueryParameter(description="A moment, 2026-11-20T14:30:00Z; the market's now if left out."),
]
Level = Literal["well", "warns", "decayed", "unknown"]


class PredictionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction beside what happened.

    `value` is 1, 0 or -1 of a direction, a log return of a magnitude, a root of summed squared log
    returns of a volatility, a regime's number; null where it was `refused`. `kind` is live,
    catch_up (made up for after a downtime) or changed (the bar changed after a prediction).
    """

    prediction_id: int
    model_id: int
    target: str
    horizon: str
    symbol: str
    bar_start: Instant
    revision: int
    known_at: Instant
    kind: Literal["live", "catch_up", "changed"]
    value: float | None
    probability: float | None
    confidence: float | None
    low: float | None
    high: float | None
    refused: str | None
    latency_ms: float
    label_end: Instant | None
    actual: float | None
    is_hit: bool | None
    no_label: str | None


class PredictionNow(msgspec.Struct, frozen=True, kw_only=True):
    """What a champion says of the newest row of a symbol at a moment; it is not kept."""

    symbol: str
    target: str
    horizon: str
    model_id: int
    as_of: Instant
    bar_start: Instant | None
    known_at: Instant | None
    value: float | None
    probability: float | None
    confidence: float | None
    low: float | None
    high: float | None
    refused: str | None


class OutlookRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the champions expect of a symbol at its newest bar, all targets of a horizon."""

    symbol: str
    horizon: str
    bar_start: Instant
    known_at: Instant
    is_live: bool
    direction: float | None
    magnitude: float | None
    magnitude_low: float | None
    magnitude_high: float | None
    volatility: float | None
    regime: float | None
    confidence: float | None
    refused: str | None
    model_ids: list[int]


class ModelSkill(msgspec.Struct, frozen=True, kw_only=True):
    """How a model did while it was served; `expected` is what its hit rate should be."""

    model_id: int
    target: str
    horizon: str
    predictions: int
    live: int
    refused: int
    outcomes: int
    hits: int
    hit_rate: float | None
    hit_rate_low: float | None
    hit_rate_high: float | None
    expected: float | None
    latency_ms: float | None


class CalibrationBin(msgspec.Struct, frozen=True, kw_only=True):
    """A tenth of the probability: what was predicted in it, and how often it came true."""

    model_id: int
    bin: int
    outcomes: int
    predicted: float
    happened: float


class CalibrationDecay(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the newest 500 outcomes of a model come true as often as it says."""

    model_id: int
    target: str
    horizon: str
    outcomes: int
    expected: float
    happened: float
    gap: float
    error: float
    level: Level


class FeatureDrift(msgspec.Struct, frozen=True, kw_only=True):
    """How far a feature's newest 500 values are from those that a model learned, by PSI."""

    model_id: int
    feature: str
    rows: int
    known_at: Instant | None
    psi: float | None
    usual_psi: float
    warns_at: float
    demotes_at: float
    level: Level


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A question whose champion decayed, so that nothing is predicted, and why."""

    target: str
    horizon: str
    symbols: list[str]
    model_id: int
    cause: Literal["drift", "calibration"]
    feature: str | None
    measured: float
    threshold: float
    reason: str
    demoted_at: Instant


class ParityRow(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that models were shown on a trade date against the lake's own, bit for bit."""

    trade_date: str
    set_name: str
    set_version: int
    symbol: str
    rows: int
    equal: int
    different: int
    missing: int
    worst_feature: str | None
    worst_bar: Instant | None
    worst_shown: float | None
    worst_computed: float | None
    checked_at: Instant


@get(
    "/api/predictions", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["predictions"]
)
async def predictions(
    shared: NamedDependency[SharedState],
    symbol: Symbol = None,
    target: Target = None,
    horizon: Horizon = None,
    model: Model = None,
    ts_from: From = None,
    ts_to: To = None,
    limit: Limit = 100,
) -> list[PredictionRow]:
    """List predictions of bars with from <= bar_start < to, the newest first, with outcomes.

    In SQL `select * from feedback.predictions`.
    """
    asked = None if symbol is None else await shared.reference.symbols_of([symbol])
    values = {
        "symbol": None if asked is None else next(iter(asked)),
        "target": target,
        "horizon": horizon,
        "model_id": model,
        "limit": limit,
        **params.span(ts_from, ts_to, params.moment),
    }
    rows = await database.fetch(shared.pool, "predictions_page", values)
    return [converted(row, PredictionRow) for row in rows]


@get("/api/predict", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["predictions"])
async def predict(
    shared: NamedDependency[SharedState], symbol: Asked, at: At = None
) -> list[PredictionNow]:
    """Ask the champions about the newest row of symbols, now or at a moment; keeps nothing.

    A row that is stale, incomplete or out of range is answered by `refused`.
    """
    asked = await shared.reference.symbols_of(params.names("symbol", symbol) or [])
    moment = params.instant("at", at)

    def answer() -> list[dict[str, Any]]:
        # scikit-learn is loaded by the first question alone.
        from thor.flow.infer import predict_at

        with database.connect(shared.database_url, "api predict") as connection:
            return predict_at(connection, list(asked), moment)

    rows = await asyncio.to_thread(answer)
    return [converted(row, PredictionNow) for row in rows]


@get("/api/outlook", responses=AWAY, operation_class=ProblemOperation, tags=["predictions"])
async def outlook(shared: NamedDependency[SharedState]) -> list[OutlookRow]:
    """List what the champions expect, a row a symbol and horizon; in SQL `model.outlook`."""
    rows = await database.fetch(shared.pool, "outlook")
    return [converted(row, OutlookRow) for row in rows]


@get("/api/models/skill", responses=AWAY, operation_class=ProblemOperation, tags=["models"])
async def model_skill(shared: NamedDependency[SharedState]) -> list[ModelSkill]:
    """List how models did while they were served; by day it is `feedback.skill_daily`."""
    rows = await database.fetch(shared.pool, "model_skill")
    return [converted(row, ModelSkill) for row in rows]


@get(
    "/api/models/{model:int}/calibration",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["models"],
)
async def model_calibration(
    shared: NamedDependency[SharedState], model: FromPath[int]
) -> list[CalibrationBin]:
    """List how often live predictions came true, by tenths of their probability."""
    rows = await database.fetch(shared.pool, "model_calibration", {"model_id": model})
    return [converted(row, CalibrationBin) for row in rows]


@get("/api/models/decay", responses=AWAY, operation_class=ProblemOperation, tags=["models"])
async def model_decay(shared: NamedDependency[SharedState]) -> list[CalibrationDecay]:
    """List whether models are still calibrated; in SQL `feedback.calibration_decay`."""
    rows = await database.fetch(shared.pool, "model_decay")
    return [converted(row, CalibrationDecay) for row in rows]


@get("/api/models/drift", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["models"])
async def model_drift(
    shared: NamedDependency[SharedState], model: Model = None
) -> list[FeatureDrift]:
    """List how far features have drifted, a row a served model and feature, the worst first."""
    rows = await database.fetch(shared.pool, "model_drift", {"model_id": model})
    return [converted(row, FeatureDrift) for row in rows]


@get("/api/models/silences", responses=AWAY, operation_class=ProblemOperation, tags=["models"])
async def model_silences(shared: NamedDependency[SharedState]) -> list[Silence]:
    """List the questions that nothing answers since what was served decayed, and why."""
    rows = await database.fetch(shared.pool, "silences")
    return [converted(row, Silence) for row in rows]


@get("/api/models/parity", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["models"])
async def model_parity(shared: NamedDependency[SharedState], limit: Limit = 100) -> list[ParityRow]:
    """List whether what models were shown is what the lake gives, the newest trade date first."""
    rows = await database.fetch(shared.pool, "parity", {"limit": limit})
    return [converted(row, ParityRow) for row in rows]
