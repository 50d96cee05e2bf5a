"""Which role each route asks for, in one table, and the guard that keeps to it.

A route that is not in the table answers nobody; a test compares the table with the OpenAPI
document.
"""

import re
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from api.gate import Gate
from thor.domain.people import Identity, Role
from thor.errors import Broken, Forbidden


class Needed(msgspec.Struct, frozen=True):
    """What a route asks for: a role, null where everybody may; `no_key`: a person in a session."""

    role: Role | None
    no_key: bool = False


OPEN = Needed(None)
VIEWER = Needed(Role.VIEWER)
TRADER = Needed(Role.TRADER)
ADMIN = Needed(Role.ADMIN)
# One's own account.
PERSON = Needed(Role.VIEWER, no_key=True)
ADMIN_PERSON = Needed(Role.ADMIN, no_key=True)

# One line a route, in the order of its path.
ROUTES: dict[str, Needed] = {
    "GET /api/accounts": VIEWER,
    "POST /api/accounts/{account_id}/fund": ADMIN,
    "POST /api/accounts/{account_id}/reset": ADMIN,
    "GET /api/accounts/{account_id}/pnl": VIEWER,
    "GET /api/accounts/{account_id}/statement": VIEWER,
    "GET /api/activity/today": VIEWER,
    "GET /api/audit": ADMIN,
    "GET /api/auth": OPEN,
    "POST /api/auth/login": OPEN,
    "POST /api/auth/logout": OPEN,
    "POST /api/auth/password": PERSON,
    "POST /api/auth/refresh": OPEN,
    "POST /api/auth/register": OPEN,
    "POST /api/auth/setup": OPEN,
    "GET /api/bars/{symbol}": VIEWER,
    "GET /api/board": VIEWER,
    "GET /api/desk": VIEWER,
    "GET /api/desk/{of_set}": VIEWER,
    "PATCH /api/desk/{of_set}/{symbol}": TRADER,
    "POST /api/desk/{of_set}/{symbol}/undo": TRADER,
    "GET /api/desk/{of_set}/{symbol}/versions": VIEWER,
    "GET /api/extremes": VIEWER,
    "GET /api/extremes/events": VIEWER,
    "GET /api/features": VIEWER,
    "GET /api/features/{symbol}": VIEWER,
    "GET /api/fills": VIEWER,
    "GET /api/global-markets": VIEWER,
    "GET /api/global-markets/composite": VIEWER,
    "GET /api/global-markets/days": VIEWER,
    "GET /api/global-markets/holidays": VIEWER,
    "GET /api/global-markets/{market}/days": VIEWER,
    "GET /api/global-markets/{market}/history": VIEWER,
    "GET /api/instruments": VIEWER,
    "GET /api/jobs": VIEWER,
    "POST /api/jobs/{name}/pause": ADMIN,
    "POST /api/jobs/{name}/resume": ADMIN,
    "POST /api/jobs/{name}/run": ADMIN,
    "GET /api/jobs/{name}/runs": VIEWER,
    "GET /api/jobs/{name}/runs/{run}": VIEWER,
    "GET /api/keys": PERSON,
    "POST /api/keys": PERSON,
    "DELETE /api/keys/{key_id}": PERSON,
    "GET /api/market-opens": VIEWER,
    "POST /api/market-opens/capture": TRADER,
    "GET /api/market-opens/captures": VIEWER,
    "GET /api/market-opens/latest": VIEWER,
    "GET /api/market-opens/next": VIEWER,
    "GET /api/market-opens/pending": VIEWER,
    "GET /api/market-opens/stats": VIEWER,
    "GET /api/market-opens/today": VIEWER,
    "GET /api/market-opens/{row_id}": VIEWER,
    "GET /api/me": VIEWER,
    "PATCH /api/me": PERSON,
    "GET /api/me/sessions": PERSON,
    "DELETE /api/me/sessions/{session_id}": PERSON,
    "PUT /api/me/settings/{key}": PERSON,
    "DELETE /api/me/settings/{key}": PERSON,
    "POST /api/me/totp": PERSON,
    "POST /api/me/totp/confirm": PERSON,
    "POST /api/me/totp/off": PERSON,
    "GET /api/models": VIEWER,
    "GET /api/models/aliases": VIEWER,
    "GET /api/models/decay": VIEWER,
    "GET /api/models/drift": VIEWER,
    "GET /api/models/parity": VIEWER,
    "POST /api/models/rollback": ADMIN,
    "GET /api/models/runs": VIEWER,
    "GET /api/models/runs/{run}/folds": VIEWER,
    "GET /api/models/runs/{run}/report": VIEWER,
    "GET /api/models/silences": VIEWER,
    "GET /api/models/skill": VIEWER,
    "GET /api/models/{model}/calibration": VIEWER,
    "GET /api/notes": VIEWER,
    "POST /api/notes": TRADER,
    "GET /api/orders": VIEWER,
    "POST /api/orders": TRADER,
    "POST /api/orders/preview": TRADER,
    "DELETE /api/orders/{order_id}": TRADER,
    "GET /api/orders/{order_id}": VIEWER,
    "PATCH /api/orders/{order_id}": TRADER,
    "GET /api/orders/{order_id}/story": VIEWER,
    "GET /api/outlook": VIEWER,
    "GET /api/positions": VIEWER,
    "POST /api/positions/flatten": TRADER,
    "GET /api/predict": VIEWER,
    "GET /api/predictions": VIEWER,
    "POST /api/models/{model}/promote": ADMIN,
    "GET /api/quotes": VIEWER,
    "GET /api/quotes/stream": VIEWER,
    "GET /api/quotes/{symbol}": VIEWER,
    "GET /api/risk/exposure": VIEWER,
    "DELETE /api/risk/kill": ADMIN,
    "GET /api/risk/kill": VIEWER,
    "POST /api/risk/kill": TRADER,
    "GET /api/risk/limits": VIEWER,
    "PATCH /api/risk/limits": ADMIN,
    "GET /api/risk/limits/versions": VIEWER,
    "GET /api/session": VIEWER,
    "GET /api/signals": VIEWER,
    "POST /api/signals": TRADER,
    "GET /api/signals/desk": VIEWER,
    "GET /api/signals/weights": VIEWER,
    "PATCH /api/signals/weights/{signal}": TRADER,
    "POST /api/signals/weights/{signal}/undo": TRADER,
    "GET /api/signals/weights/{signal}/versions": VIEWER,
    "GET /api/system": VIEWER,
    "GET /api/targets": VIEWER,
    "PATCH /api/targets/{symbol}": TRADER,
    "POST /api/targets/{symbol}/undo": TRADER,
    "GET /api/targets/{symbol}/versions": VIEWER,
    "GET /api/ticks/{symbol}": VIEWER,
    "GET /api/total": VIEWER,
    "GET /api/total/history": VIEWER,
    "GET /api/trades": VIEWER,
    "GET /api/users": ADMIN,
    "PATCH /api/users/{user_id}": ADMIN_PERSON,
    "POST /api/users/{user_id}/logout": ADMIN_PERSON,
    "GET /health": OPEN,
    "GET /metrics": VIEWER,
}
_DOCS = "/docs"
_TYPED = re.compile(r":\w+}")


def route_of(method: str, template: str) -> str:
    """Return the name of a route in the table: its method and its path without types."""
    return f"{method} {_TYPED.sub('}', template)}"


def needed_for(method: str, template: str) -> Needed:
    """Return what a route asks for; raises `Broken` for one that the table lacks."""
    if method == "OPTIONS":
        return OPEN
    if template == _DOCS or template.startswith(f"{_DOCS}/"):
        return VIEWER
    route = route_of(method, template)
    found = ROUTES.get(route)
    if found is None:
        raise Broken(f"{route} has no role: add its line to ROUTES in api/access.py")
    return found


async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Find out who asks, and pass on who may; everybody else gets a 401 or 403 problem."""
    scope = connection.scope
    method, template = str(scope.get("method")), str(scope["path_template"])
    needed = needed_for(method, template)
    gate: Gate = connection.app.state.shared.gate
    if needed.role is None:
        gate.check_origin(connection)
        return
    found = await gate.identity(connection)
    scope["user"] = found
    gate.check_origin(connection)
    route = route_of(method, template)
    if needed.no_key and found.key is not None:
        raise Forbidden(f"{route} is for a person who has logged in, not for a key")
    if not found.may(needed.role):
        raise Forbidden(
            f"{route} asks for the role {needed.role.name}, and {found.name} has "
            f"{found.role.name} here: ask an ADMIN"
        )


def identity(request: Request[Any, Any, Any]) -> Identity:
    """Return who asks, as the guard found it: the dependency `identity` of the routes."""
    found: Identity = request.scope["user"]
    return found
