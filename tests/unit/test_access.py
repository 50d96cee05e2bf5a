"""Every route is in the table of roles, and nobody passes a route that is not."""

import json
from typing import Any

import pytest

from api.access import ROUTES, needed_for
from api.openapi_document import document
from thor.domain.people import Identity, Role, Scope, lowered
from thor.errors import Broken

_METHODS = ("get", "post", "put", "patch", "delete")


def documented() -> dict[str, dict[str, Any]]:
    """Return the operations of the OpenAPI document by route."""
    return {
        f"{method.upper()} {path}": item[method]
        for path, item in json.loads(document())["paths"].items()
        for method in _METHODS
        if method in item
    }


def test_every_route_of_the_document_has_its_line_in_the_table() -> None:
    missing = sorted(set(documented()) - set(ROUTES))
    assert missing == [], "give each route the role it asks for, in ROUTES of api/access.py"
    gone = sorted(set(ROUTES) - set(documented()))
    assert gone == [], "take the line out of ROUTES in api/access.py"


def test_a_route_that_changes_something_asks_for_more_than_a_viewer() -> None:
    wrong = [
        route
        for route, needed in ROUTES.items()
        if not route.startswith("GET ")
        and needed.role is not None
        and needed.role < Role.TRADER
        and not needed.no_key
    ]
    assert wrong == []


def test_a_guarded_route_declares_that_it_refuses() -> None:
    for route, operation in documented().items():
        if ROUTES[route].role is not None:
            assert {"401", "403"} <= set(operation["responses"]), route


def test_a_route_that_takes_something_declares_that_it_refuses_what_is_wrong() -> None:
    for route, operation in documented().items():
        if "requestBody" in operation or operation.get("parameters"):
            assert "422" in operation["responses"], route


def test_a_route_without_a_line_answers_nobody() -> None:
    assert needed_for("GET", "/api/ticks/{symbol:str}").role is Role.VIEWER
    assert needed_for("GET", "/docs/openapi.json").role is Role.VIEWER
    with pytest.raises(Broken, match="POST /api/new/{n} has no role"):
        needed_for("POST", "/api/new/{n:int}")


def test_a_higher_role_may_what_a_lower_one_may() -> None:
    trader = Identity(name="a@example.com", role=Role.TRADER)
    assert [role.name for role in Role if trader.may(role)] == ["VIEWER", "TRADER"]


@pytest.mark.parametrize(
    ("role", "scopes", "found"),
    [
        (Role.OWNER, {Scope.READ}, Role.VIEWER),
        (Role.OWNER, {Scope.READ, Scope.TRADE}, Role.TRADER),
        (Role.OWNER, {Scope.ADMIN}, Role.ADMIN),
        (Role.VIEWER, {Scope.ADMIN}, Role.VIEWER),
        (Role.OWNER, set(), Role.VIEWER),
    ],
)
def test_a_key_may_what_its_widest_scope_covers_and_its_owner_may(
    role: Role, scopes: set[Scope], found: Role
) -> None:
    assert lowered(role, frozenset(scopes)) is found
