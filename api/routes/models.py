"""Trainings and fitted models: what there is, how good it is, and which of them is served.

Reads model.*; promotes and rolls back through `thor.learning.registry`.
"""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter

from api.errors import AWAY, BAD_INPUT, ProblemOperation, declared
from api.state import SharedState
from thor import database
from thor.database import Connection
from thor.domain.people import Identity
from thor.errors import NotFound, Refused
from thor.learning import registry
from thor.services import mlflow_mirror
from thor.stream.quote import Instant
from thor.stream.rows import converted

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="The newest so many.")]
AliasName = Literal["champion", "challenger"]
_ASKED: dict[int, ResponseSpec] = {**BAD_INPUT, **declared(Refused)}
# The report holds its own style and no script.
_REPORT_HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted model: skill out of sample over its training's baseline, with its 95% interval.

    `alias` says how it is served: champion, challenger, or null.
    """

    id: int
    run_id: int
    model: str
    target: str
    horizon: str
    symbols: list[str]
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    span_from: Instant
    span_to: Instant
    made_at: Instant
    alias: str | None


class ModelRun(msgspec.Struct, frozen=True, kw_only=True):
    """A training: its question and its answer; `reason` says why it failed."""

    run_id: int
    target: str
    horizon: str
    symbols: list[str]
    state: Literal["running", "done", "failed"]
    reason: str | None
    set_name: str
    set_version: int
    span_from: Instant
    span_to: Instant
    rows: int | None
    data_source: str | None
    best_model: str | None
    baseline: str | None
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    sharpe: float | None
    deflated_sharpe: float | None
    trials: int | None
    started_at: Instant
    ended_at: Instant | None
    version_id: int | None


class ModelFold(msgspec.Struct, frozen=True, kw_only=True):
    """A model or baseline on a stretch of time that it had not seen."""

    run_id: int
    fold: int
    model: str
    is_baseline: bool
    test_from: Instant
    test_to: Instant
    train_rows: int
    purged_rows: int
    test_rows: int
    loss: float
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    trades: int | None
    profit_ticks: float | None


class ModelAlias(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is served for a target, horizon and symbols, or challenges it."""

    alias: AliasName
    target: str
    horizon: str
    symbols: list[str]
    version_id: int
    model: str
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    set_at: Instant
    set_by: str
    reason: str


class ModelPromotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The alias to give a model, and why."""

    alias: AliasName = "champion"
    reason: str | None = None


class ModelRollback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The question whose alias goes back to the model before."""

    target: str
    horizon: str
    symbols: list[str]
    alias: AliasName = "champion"


class ModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an alias is from now on, and was before; null: none."""

    alias: AliasName
    target: str
    horizon: str
    symbols: list[str]
    version_id: int | None
    was: int | None


@get("/api/models", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["models"])
async def model_list(shared: NamedDependency[SharedState], limit: Limit = 100) -> list[ModelRow]:
    """List the fitted models, the newest first; in SQL `select * from model.versions`."""
    rows = await database.fetch(shared.pool, "model_versions", {"limit": limit})
    return [converted(row, ModelRow) for row in rows]


@get("/api/models/runs", responses=BAD_INPUT, operation_class=ProblemOperation, tags=["models"])
async def model_runs(shared: NamedDependency[SharedState], limit: Limit = 100) -> list[ModelRun]:
    """List the trainings, the newest first, those that failed too."""
    rows = await database.fetch(shared.pool, "model_runs", {"limit": limit})
    return [converted(row, ModelRun) for row in rows]


@get("/api/models/aliases", responses=AWAY, operation_class=ProblemOperation, tags=["models"])
async def model_aliases(shared: NamedDependency[SharedState]) -> list[ModelAlias]:
    """List the champions and challengers."""
    rows = await database.fetch(shared.pool, "model_aliases", {})
    return [converted(row, ModelAlias) for row in rows]


@get(
    "/api/models/runs/{run:int}/folds",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["models"],
)
async def model_folds(shared: NamedDependency[SharedState], run: FromPath[int]) -> list[ModelFold]:
    """List the folds of a training, by number, baselines first; none while it runs."""
    if not await database.fetch(shared.pool, "model_run", {"run_id": run}):
        raise NotFound(f"run: there is no training {run}; GET /api/models/runs lists them")
    rows = await database.fetch(shared.pool, "model_folds", {"run_id": run})
    return [converted(row, ModelFold) for row in rows]


@get(
    "/api/models/runs/{run:int}/report",
    media_type="text/html",
    responses=BAD_INPUT,
    operation_class=ProblemOperation,
    tags=["models"],
)
async def model_report(shared: NamedDependency[SharedState], run: FromPath[int]) -> Response[str]:
    """Return the report of a training: one HTML page that needs nothing beside itself."""
    found = await database.fetch(shared.pool, "model_report", {"run_id": run})
    if not found:
        raise NotFound(f"run: training {run} has no report; GET /api/models/runs lists them")
    return Response(found[0]["html"], media_type="text/html", headers=_REPORT_HEADERS)


@post(
    "/api/models/{model:int}/promote",
    status_code=200,
    responses=_ASKED,
    operation_class=ProblemOperation,
    tags=["models"],
)
async def promote_model(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    model: FromPath[int],
    data: JSONBody[ModelPromotion],
) -> ModelChange:
    """Serve a fitted model; refused with the reason where it has not shown its skill."""

    def change(connection: Connection[Any]) -> registry.Change:
        return registry.promote(connection, model, data.alias, identity.name, data.reason)

    return await _change(shared, change)


@post(
    "/api/models/rollback",
    status_code=200,
    responses=_ASKED,
    operation_class=ProblemOperation,
    tags=["models"],
)
async def rollback_model(
    shared: NamedDependency[SharedState],
    identity: NamedDependency[Identity],
    data: JSONBody[ModelRollback],
) -> ModelChange:
    """Serve the model again that was served before; none where there was none."""

    def change(connection: Connection[Any]) -> registry.Change:
        return registry.rollback(
            connection, data.target, data.horizon, data.symbols, data.alias, identity.name
        )

    return await _change(shared, change)


async def _change(shared: SharedState, change: Any) -> ModelChange:
    def apply() -> registry.Change:
        with database.connect(shared.database_url, "api models") as connection:
            found: registry.Change = change(connection)
        mlflow_mirror.start(shared.database_url, shared.settings)
        return found

    done = await asyncio.to_thread(apply)
    return msgspec.convert(msgspec.structs.asdict(done), ModelChange)
