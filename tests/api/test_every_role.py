"""Every route of the OpenAPI document, asked by schemathesis as nobody, each role and each key.

THOR_TEST_CASES sets how many requests are made of a route's description: 3 are the same ones in
every run, more are drawn anew.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import hypothesis
import msgspec
import psycopg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from people_made import account
from roles_made import as_role
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import Api, serving
from trading_made import made_desk

from api.access import ROUTES, Needed
from thor import clock, database
from thor.domain.people import Role, Scope, lowered, scopes_of
from thor.market.bus.client import Bus
from thor.people import keys, sessions, tokens

CASES = int(os.environ.get("THOR_TEST_CASES", "3"))
CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAM = "GET /api/quotes/stream"
# A kill switch that is latched refuses what the other routes are asked.
LAST = {"POST /api/risk/kill", "DELETE /api/risk/kill"}
# These answer 403 to what is asked, not to who asks.
FORBIDS = {
    *("POST /api/auth/password", "POST /api/me/totp", "POST /api/me/totp/off"),
    *("PATCH /api/users/{user_id}", "POST /api/users/{user_id}/logout"),
    *("GET /api/keys", "DELETE /api/keys/{key_id}"),
}
# Of these only refusals are in the audit.
UNAUDITED = {"POST /api/auth/refresh", "POST /api/orders/preview"}
KNOWN = {"symbol": "ES", "of_set": "desk", "account_id": "PAPER", "name": "dump", "market": "XNYS"}
PUT_BACK = """
update people.users set
    is_enabled = true, is_approved = true, role = upper(split_part(email, '@', 1));
update people.sessions set ended_at = null, end_reason = null;
update people.keys set revoked_at = null;
delete from people.attempts;
"""


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a role, null for nobody, and what proves it."""

    name: str
    role: Role | None = None
    is_key: bool = False
    headers: dict[str, str] = {}
    cookies: dict[str, str] = {}

    def may(self, needed: Needed) -> bool:
        """Return whether a route answers who asks."""
        if needed.role is None:
            return True
        if self.role is None or (needed.no_key and self.is_key):
            return False
        return self.role >= needed.role


class World(msgspec.Struct, frozen=True):
    """A running Thor with orders and accounts, its description, and all who may ask."""

    api: Api
    schema: Any
    everybody: list[Who]
    http: requests.Session
    link: Any

    def put_back(self) -> None:
        """Let everybody be again who they were."""
        self.link.execute(PUT_BACK)


def _everybody(url: str) -> list[Who]:
    found = [Who(name="nobody")]
    with database.connect(as_role(url), "test") as connection:
        key = tokens.signing_key(connection)
        for role in Role:
            user_id = account(url, f"{role.name.lower()}@example.com", role)
            begun = sessions.begin(connection, user_id, "127.0.0.1", "a test")
            access = tokens.signed(key, tokens.Access(user_id, begun.session_id), clock.now())
            found.append(
                Who(
                    name=role.name,
                    role=role,
                    headers={"X-CSRF-Token": tokens.csrf(key, begun.session_id)},
                    cookies={f"thor_access_{key.key_id}": access},
                )
            )
        for scope in Scope:
            made = keys.add(connection, user_id, scope, scopes_of([scope]), None)
            found.append(
                Who(
                    name=f"key of {scope}",
                    role=lowered(Role.OWNER, frozenset({scope})),
                    is_key=True,
                    headers={"Authorization": f"Bearer {made.key}"},
                )
            )
    return found


@pytest.fixture(scope="module")
def world(kept_url: str, endpoints: Any) -> Iterator[World]:
    """A database of its own: what is asked here stops, kills and forgets."""
    with (
        closing(Bus(endpoints.redis_url)) as bus,
        psycopg.connect(kept_url, autocommit=True) as link,
    ):
        desk = made_desk(kept_url, endpoints.redis_url, bus, link)
        desk.place("BUY", 1)
        desk.move("5001.00", "5001.25")
        desk.place("SELL", 1, "LIMIT", limit_price=Decimal("5100.00"))
        everybody = _everybody(kept_url)
        with serving(kept_url, endpoints.redis_url) as api, requests.Session() as http:
            app: Any = api.server.config.app
            schema = schemathesis.openapi.from_dict(app.openapi_schema.to_schema())
            yield World(api, schema, everybody, http, link)


def cases(operation: Any) -> list[Any]:
    """Return requests made of a route's description: right ones of known names, and others."""
    known = {one.name: KNOWN[one.name] for one in operation.path_parameters if one.name in KNOWN}
    made = []
    for mode, given in (
        (GenerationMode.POSITIVE, {"path_parameters": known} if known else {}),
        (GenerationMode.POSITIVE, {}),
        (GenerationMode.NEGATIVE, {}),
    ):
        strategy = operation.as_strategy(generation_mode=mode, **given)

        @hypothesis.settings(
            max_examples=max(CASES // 3, 1),
            phases=[Phase.generate],
            derandomize=CASES <= 3,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=strategy)
        def draw(case: Any) -> None:
            made.append(case)

        try:
            draw()
        except (hypothesis.errors.Unsatisfiable, pytest.skip.Exception):
            # There is nothing that could be wrong.
            continue
    return made


@pytest.mark.parametrize("route", sorted(ROUTES, key=lambda one: (one in LAST, one)))
def test_a_route_answers_as_described_those_who_may_and_nobody_else(
    world: World, route: str
) -> None:
    method, path = route.split(" ")
    operation = world.schema[path][method]
    able = [who for who in world.everybody if who.may(ROUTES[route])]
    unable = [who for who in world.everybody if who not in able]
    faults, audited = [], []
    for n, case in enumerate(cases(operation)):
        # All who may not, and those who may in turn.
        for who in [*(unable if n == 0 else []), able[n % len(able)], able[-1 - n % len(able)]]:
            if "people" in operation.tags:
                world.put_back()
            ask = asked_stream if route == STREAM else asked
            status, fault, request_id = ask(world, case, who)
            if who in unable and status != (401 if who.role is None else 403):
                fault = f"{status} for who may not"
            if who in able and status in (401, 403) and route not in FORBIDS:
                fault = f"{status} for who may" if ROUTES[route].role is not None else fault
            if fault is not None:
                faults.append(f"{who.name}: {fault}")
            if who.role is not None and method != "GET" and route not in UNAUDITED and request_id:
                audited.append(request_id)
    world.put_back()
    assert not faults, "\n\n".join(faults)
    found = world.link.execute(
        "select count(*) from people.audit where request_id = any(%s::uuid[])", (audited,)
    )
    assert found.fetchone() == (len(audited),), "every call that changes something is audited"


def asked(world: World, case: Any, who: Who) -> tuple[int, str | None, str]:
    """Send a request as somebody; returns its status, what is wrong with its answer, its number.

    One that is no route's has no number.
    """
    answer = case.call(
        base_url=world.api.url, session=world.http, headers=who.headers, cookies=who.cookies
    )
    world.http.cookies.clear()
    is_route = "is no route" not in answer.text
    request_id = answer.headers["thor-request-id"][0] if is_route else ""
    try:
        case.validate_response(answer, checks=CHECKS)
    except FailureGroup as error:
        return answer.status_code, str(error), request_id
    return answer.status_code, None, request_id


def asked_stream(world: World, case: Any, who: Who) -> tuple[int, str | None, str]:
    """Send a request whose answer does not end, and read how it begins."""
    given = case.as_transport_kwargs(base_url=world.api.url, headers=who.headers)
    with world.http.request(**{**given, "cookies": who.cookies}, stream=True) as answer:
        is_described = str(answer.status_code) in case.operation.definition.raw["responses"]
        fault = None if is_described else f"{answer.status_code}"
        return answer.status_code, fault, answer.headers["thor-request-id"]
