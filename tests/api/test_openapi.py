"""The OpenAPI document describes the routes, and its page needs no other site."""

import re
from typing import Any

import pytest
from served import Api

ROUTES = {
    "/api/accounts": {"200", "404", "422", "500", "503"},
    "/api/accounts/{account_id}/fund": {"200", "404", "409", "422", "500", "503"},
    "/api/accounts/{account_id}/pnl": {"200", "404", "422", "500", "503"},
    "/api/accounts/{account_id}/reset": {"200", "404", "409", "422", "500", "503"},
    "/api/accounts/{account_id}/statement": {"200", "404", "422", "500", "503"},
    "/api/activity/today": {"200", "404", "422", "500", "503"},
    "/api/audit": {"200", "404", "422", "500", "503"},
    "/api/auth": {"200", "409", "500", "503"},
    "/api/auth/login": {"200", "401", "403", "404", "409", "422", "429", "500", "503"},
    "/api/auth/logout": {"204", "401", "403", "404", "409", "422", "429", "500", "503"},
    "/api/auth/password": {"204", "404", "409", "422", "429", "500", "503"},
    "/api/auth/refresh": {"200", "401", "403", "404", "409", "422", "429", "500", "503"},
    "/api/auth/register": {"202", "401", "403", "404", "409", "422", "429", "500", "503"},
    "/api/auth/setup": {"201", "401", "403", "404", "409", "422", "429", "500", "503"},
    "/api/bars/{symbol}": {"200", "404", "422", "500", "503"},
    "/api/board": {"200", "404", "422", "500", "503"},
    "/api/desk": {"200", "404", "422", "500", "503"},
    "/api/desk/{of_set}": {"200", "404", "422", "500", "503"},
    "/api/desk/{of_set}/{symbol}": {"200", "404", "422", "500", "503"},
    "/api/desk/{of_set}/{symbol}/undo": {"200", "404", "422", "500", "503"},
    "/api/desk/{of_set}/{symbol}/versions": {"200", "404", "422", "500", "503"},
    "/api/extremes": {"200", "404", "422", "500", "503"},
    "/api/extremes/events": {"200", "404", "422", "500", "503"},
    "/api/features": {"200", "500", "503"},
    "/api/features/{symbol}": {"200", "404", "422", "500", "503"},
    "/api/fills": {"200", "404", "422", "500", "503"},
    "/api/global-markets": {"200", "404", "422", "500", "503"},
    "/api/global-markets/composite": {"200", "404", "422", "500", "503"},
    "/api/global-markets/days": {"200", "404", "422", "500", "503"},
    "/api/global-markets/holidays": {"200", "404", "422", "500", "503"},
    "/api/global-markets/{market}/days": {"200", "404", "422", "500", "503"},
    "/api/global-markets/{market}/history": {"200", "404", "422", "500", "503"},
    "/api/instruments": {"200", "500", "503"},
    "/api/jobs": {"200", "500", "503"},
    "/api/jobs/{name}/pause": {"200", "404", "422", "500", "503"},
    "/api/jobs/{name}/resume": {"200", "404", "422", "500", "503"},
    "/api/jobs/{name}/run": {"202", "404", "409", "422", "500", "503"},
    "/api/jobs/{name}/runs": {"200", "404", "422", "500", "503"},
    "/api/jobs/{name}/runs/{run}": {"200", "404", "422", "500", "503"},
    "/api/keys": {"200", "404", "409", "422", "500", "503"},
    "/api/keys/{key_id}": {"204", "404", "409", "422", "500", "503"},
    "/api/market-opens": {"200", "404", "422", "500", "503"},
    "/api/market-opens/capture": {"201", "404", "409", "422", "500", "503"},
    "/api/market-opens/captures": {"200", "404", "422", "500", "503"},
    "/api/market-opens/latest": {"200", "404", "422", "500", "503"},
    "/api/market-opens/next": {"200", "404", "422", "500", "503"},
    "/api/market-opens/pending": {"200", "404", "422", "500", "503"},
    "/api/market-opens/stats": {"200", "404", "422", "500", "503"},
    "/api/market-opens/today": {"200", "404", "422", "500", "503"},
    "/api/market-opens/{row_id}": {"200", "404", "422", "500", "503"},
    "/api/me": {"200", "500", "503"},
    "/api/me/sessions": {"200", "404", "409", "422", "500", "503"},
    "/api/me/sessions/{session_id}": {"204", "404", "409", "422", "500", "503"},
    "/api/me/settings/{key}": {"204", "404", "409", "422", "500", "503"},
    "/api/me/totp": {"200", "404", "409", "422", "429", "500", "503"},
    "/api/me/totp/confirm": {"200", "404", "409", "422", "500", "503"},
    "/api/me/totp/off": {"200", "404", "409", "422", "429", "500", "503"},
    "/api/models": {"200", "404", "422", "500", "503"},
    "/api/models/aliases": {"200", "500", "503"},
    "/api/models/decay": {"200", "500", "503"},
    "/api/models/drift": {"200", "404", "422", "500", "503"},
    "/api/models/parity": {"200", "404", "422", "500", "503"},
    "/api/models/rollback": {"200", "404", "409", "422", "500", "503"},
    "/api/models/runs": {"200", "404", "422", "500", "503"},
    "/api/models/runs/{run}/folds": {"200", "404", "422", "500", "503"},
    "/api/models/runs/{run}/report": {"200", "404", "422", "500", "503"},
    "/api/models/silences": {"200", "500", "503"},
    "/api/models/skill": {"200", "500", "503"},
    "/api/models/{model}/calibration": {"200", "404", "422", "500", "503"},
    "/api/models/{model}/promote": {"200", "404", "409", "422", "500", "503"},
    "/api/notes": {"200", "404", "422", "500", "503"},
    "/api/orders": {"200", "404", "422", "500", "503"},
    "/api/orders/preview": {"200", "404", "422", "500", "503"},
    "/api/orders/{order_id}": {"200", "404", "422", "500", "503"},
    "/api/orders/{order_id}/story": {"200", "404", "422", "500", "503"},
    "/api/outlook": {"200", "500", "503"},
    "/api/positions": {"200", "404", "422", "500", "503"},
    "/api/positions/flatten": {"200", "404", "409", "422", "500", "503"},
    "/api/predict": {"200", "404", "422", "500", "503"},
    "/api/predictions": {"200", "404", "422", "500", "503"},
    "/api/quotes": {"200", "404", "422", "500", "503"},
    "/api/quotes/stream": {"200", "404", "422", "500", "503"},
    "/api/quotes/{symbol}": {"200", "404", "422", "500", "503"},
    "/api/risk/exposure": {"200", "404", "422", "500", "503"},
    "/api/risk/kill": {"200", "404", "422", "500", "503"},
    "/api/risk/limits": {"200", "404", "422", "500", "503"},
    "/api/risk/limits/versions": {"200", "404", "422", "500", "503"},
    "/api/session": {"200", "404", "422", "500", "503"},
    "/api/signals": {"200", "404", "422", "500", "503"},
    "/api/signals/desk": {"200", "404", "422", "500", "503"},
    "/api/signals/weights": {"200", "404", "422", "500", "503"},
    "/api/signals/weights/{signal}": {"200", "404", "422", "500", "503"},
    "/api/signals/weights/{signal}/undo": {"200", "404", "422", "500", "503"},
    "/api/signals/weights/{signal}/versions": {"200", "404", "422", "500", "503"},
    "/api/system": {"200", "500"},
    "/api/targets": {"200", "404", "422", "500", "503"},
    "/api/targets/{symbol}": {"200", "404", "422", "500", "503"},
    "/api/targets/{symbol}/undo": {"200", "404", "422", "500", "503"},
    "/api/targets/{symbol}/versions": {"200", "404", "422", "500", "503"},
    "/api/ticks/{symbol}": {"200", "404", "422", "500", "503"},
    "/api/total": {"200", "404", "422", "500", "503"},
    "/api/total/history": {"200", "404", "422", "500", "503"},
    "/api/trades": {"200", "404", "422", "500", "503"},
    "/api/users": {"200", "500", "503"},
    "/api/users/{user_id}": {"200", "404", "409", "422", "500", "503"},
    "/api/users/{user_id}/logout": {"204", "404", "409", "422", "500", "503"},
    "/health": {"200", "500", "503"},
    "/metrics": {"200", "500"},
}


# The routes that change something.
METHODS = {
    "/api/accounts/{account_id}/fund": "post",
    "/api/accounts/{account_id}/reset": "post",
    "/api/auth/login": "post",
    "/api/auth/logout": "post",
    "/api/auth/password": "post",
    "/api/auth/refresh": "post",
    "/api/auth/register": "post",
    "/api/auth/setup": "post",
    "/api/keys/{key_id}": "delete",
    "/api/me/sessions/{session_id}": "delete",
    "/api/me/settings/{key}": "put",
    "/api/me/totp": "post",
    "/api/me/totp/confirm": "post",
    "/api/me/totp/off": "post",
    "/api/users/{user_id}": "patch",
    "/api/users/{user_id}/logout": "post",
    "/api/desk/{of_set}/{symbol}": "patch",
    "/api/desk/{of_set}/{symbol}/undo": "post",
    "/api/models/rollback": "post",
    "/api/models/{model}/promote": "post",
    "/api/jobs/{name}/pause": "post",
    "/api/jobs/{name}/resume": "post",
    "/api/jobs/{name}/run": "post",
    "/api/market-opens/capture": "post",
    "/api/orders/preview": "post",
    "/api/positions/flatten": "post",
    "/api/targets/{symbol}": "patch",
    "/api/targets/{symbol}/undo": "post",
    "/api/signals/weights/{signal}": "patch",
    "/api/signals/weights/{signal}/undo": "post",
}


# They answer everybody; all others answer 401 and 403 too.
OPEN = {
    "/health",
    *("/api/auth", "/api/auth/login", "/api/auth/logout", "/api/auth/refresh"),
    *("/api/auth/register", "/api/auth/setup"),
}


@pytest.fixture
def document(asked_api: Api) -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = asked_api.get("/docs/openapi.json")
    return found


def test_every_route_is_in_the_document(document: dict[str, Any], asked_api: Api) -> None:
    app = asked_api.server.config.app
    served = {
        re.sub(r":\w+}", "}", route.path)
        for route in app.routes  # type: ignore[union-attr]
        if not route.path.startswith("/docs")
    }
    assert set(document["paths"]) == served == set(ROUTES)


@pytest.mark.parametrize("path", ROUTES)
def test_a_route_declares_its_answers_and_problems(document: dict[str, Any], path: str) -> None:
    answers = document["paths"][path][METHODS.get(path, "get")]["responses"]
    of_guard = set() if path in OPEN else {"401", "403"}
    assert set(answers) == ROUTES[path] | of_guard
    for status, answer in answers.items():
        if int(status) >= 400 and (path, status) != ("/health", "503"):
            form = answer["content"]["application/problem+json"]["schema"]
            assert form == {"$ref": "#/components/schemas/Problem"}


def test_the_forms_are_those_that_are_answered(document: dict[str, Any]) -> None:
    def form(path: str) -> Any:
        return document["paths"][path]["get"]["responses"]["200"]["content"]

    assert list(form("/api/quotes/stream")) == ["text/event-stream"]
    items = form("/api/ticks/{symbol}")["application/json"]["schema"]["items"]
    assert items == {"$ref": "#/components/schemas/TickRow"}
    bars = form("/api/bars/{symbol}")["application/json"]["schema"]["items"]
    assert bars == {"$ref": "#/components/schemas/BarRow"}
    features = form("/api/features/{symbol}")["application/json"]["schema"]["items"]
    assert features == {"$ref": "#/components/schemas/FeaturesRow"}
    tick_row = document["components"]["schemas"]["TickRow"]
    assert {"type": "string"}.items() <= tick_row["properties"]["ts"].items()
    price = tick_row["properties"]["last"]["oneOf"]
    assert [one["type"] for one in price] == ["string", "null"]


def test_the_parameters_have_the_names_that_are_taken(document: dict[str, Any]) -> None:
    def names(path: str) -> set[str]:
        return {one["name"] for one in document["paths"][path]["get"]["parameters"]}

    assert names("/api/ticks/{symbol}") == {"symbol", "from", "to", "limit", "before"}
    assert names("/api/bars/{symbol}") == {
        "symbol", "width", "from", "to", "limit", "adjusted", "rule",
    }  # fmt: skip
    assert names("/api/features/{symbol}") == {"symbol", "width", "from", "to", "names", "limit"}
    assert names("/api/quotes/stream") == {
        "symbols", "from", "Last-Event-ID", "mode", "events", "bars",
    }  # fmt: skip


def test_the_page_shows_every_route_and_asks_no_other_site(asked_api: Api) -> None:
    page = asked_api.http.get("/docs", follow_redirects=True)
    assert page.headers["content-type"].startswith("text/html")
    for path in ROUTES:
        assert f"{METHODS.get(path, 'get').upper()} {path}</h2>" in page.text
    assert "<script" not in page.text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page.text)
