"""Assemble the API: routes, errors, the host guard, and their state.

Gives the ASGI application; `api.serve` runs it.
"""

from typing import Any

from litestar import Litestar, Response
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from api.access import guard, identity
from api.audit import Audited, Auditor
from api.docs import Page
from api.errors import HANDLERS
from api.headers import Headers
from api.hosts import HostGuard
from api.leaving import Leaving
from api.metrics import Metrics, Observed
from api.pages import SOURCE, Pages
from api.routes import trading
from api.routes.auth import (
    auth_state,
    change_password,
    log_in,
    log_out,
    refresh,
    register,
    set_up,
)
from api.routes.bars import bars
from api.routes.board import board
from api.routes.desk import (
    change_desk_numbers,
    change_signal_weight,
    desk_numbers,
    desk_sets,
    desk_signals,
    desk_total,
    desk_total_history,
    desk_versions,
    extreme_events,
    extremes,
    signal_weight_versions,
    signal_weights,
    undo_desk_numbers,
    undo_signal_weight,
)
from api.routes.features import features, features_of
from api.routes.instruments import instruments
from api.routes.jobs import (
    job_list,
    job_run_log,
    job_runs,
    pause_job,
    resume_job,
    run_job,
)
from api.routes.market_opens import (
    capture_market_open,
    change_targets,
    list_market_opens,
    list_targets,
    market_captures,
    market_open,
    market_open_stats,
    market_opens_latest,
    market_opens_next,
    market_opens_pending,
    market_opens_today,
    targets_versions,
    undo_targets,
)
from api.routes.markets import (
    global_composite,
    global_days,
    global_days_of_all,
    global_history,
    global_holidays,
    global_markets,
)
from api.routes.me import (
    change_me,
    confirm_totp,
    drop_setting,
    drop_totp,
    end_session,
    me,
    my_sessions,
    offer_totp,
    set_setting,
)
from api.routes.models import (
    model_aliases,
    model_folds,
    model_list,
    model_report,
    model_runs,
    promote_model,
    rollback_model,
)
from api.routes.ops import health, metrics
from api.routes.people import (
    add_key,
    audit,
    change_user,
    end_sessions,
    key_list,
    revoke_key,
    users,
)
from api.routes.predictions import (
    model_calibration,
    model_decay,
    model_drift,
    model_parity,
    model_silences,
    model_skill,
    outlook,
    predict,
    predictions,
)
from api.routes.quotes import quote, quotes
from api.routes.session import session
from api.routes.stream import stream
from api.routes.system import system
from api.routes.ticks import ticks
from api.state import SharedState
from thor import __version__
from thor.config import Settings
from thor.people.reach import checked_host, checked_origins

_DESCRIPTION = """Quotes, ticks, bars and features of Thor.

Prices are exact decimals in JSON strings, in points: in quotes and rows with as many
decimals as they need and at least the instrument's, in the stream's ticks as in the record. Times
are UTC, ISO 8601. The header Thor-Nature says whether the data are simulated or live. Errors are
application/problem+json. People log in by POST /api/auth/login, which sets cookies; a program sends
a key as Authorization: Bearer. A foreign Host is refused with 421, a foreign Origin with 403."""


def create_app(settings: Settings, database_url: str, redis_url: str) -> Litestar:
    """Return the application; neither server needs to run yet.

    Raises `Refused` where the settings would let it answer other machines.
    """
    checked_host(settings)
    shared = SharedState(settings, database_url, redis_url)
    measures = Metrics(shared)

    def name_nature(response: Response[Any]) -> Response[Any]:
        if shared.reference.known is not None:
            response.headers["Thor-Nature"] = shared.reference.known.nature
        return response

    app = Litestar(
        route_handlers=[
            *(desk_signals, desk_total, desk_total_history),
            *(desk_sets, desk_numbers, change_desk_numbers),
            *(desk_versions, undo_desk_numbers, extremes, extreme_events),
            *(list_market_opens, market_opens_today, market_opens_latest, market_opens_pending),
            *(market_opens_next, market_captures, market_open_stats, market_open),
            *(capture_market_open, list_targets, change_targets, targets_versions, undo_targets),
            *(signal_weights, change_signal_weight, signal_weight_versions, undo_signal_weight),
            *(instruments, board, quotes, stream, quote, ticks, bars),
            *(job_list, job_runs, job_run_log, run_job, pause_job, resume_job),
            *(model_list, model_runs, model_aliases, model_folds, model_report),
            *(promote_model, rollback_model),
            *(predictions, predict, outlook, model_skill, model_calibration, model_decay),
            *(model_drift, model_silences, model_parity),
            *trading.ROUTES,
            *(session, global_markets, global_composite),
            *(global_holidays, global_days_of_all, global_days, global_history),
            *(features, features_of, health, metrics, system),
            *(auth_state, log_in, log_out, refresh, register, set_up, change_password),
            *(me, change_me, set_setting, drop_setting, my_sessions, end_session),
            *(offer_totp, confirm_totp, drop_totp, key_list, add_key, revoke_key),
            *(users, change_user, end_sessions, audit),
        ],
        dependencies={
            "shared": Provide(lambda: shared, sync_to_thread=False),
            "measures": Provide(lambda: measures, sync_to_thread=False),
            "identity": Provide(identity, sync_to_thread=False),
        },
        guards=[guard],
        exception_handlers=HANDLERS,
        lifespan=[shared.opened],
        after_request=name_nature,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="Thor",
            version=__version__,
            description=_DESCRIPTION,
            path="/docs",
            render_plugins=[Page(path="/"), JsonRenderPlugin()],
            use_handler_docstrings=True,
        ),
    )
    app.state.shared = shared
    auditor = Auditor(shared.gate, shared.pool)
    audited = Audited(app.asgi_handler, auditor, shared.gate)
    observed = Observed(audited, measures.requests)
    left = Leaving(observed)
    origins = checked_origins(settings)
    dressed = Headers(left, origins)
    pages = Pages(dressed, settings.ui_dir or SOURCE / "dist")
    app.asgi_handler = HostGuard(
        pages, origins, shared.gate.public, shared.gate.has_owner, auditor.refused
    )
    return app
