"""From a database that knows nobody to one that other machines reach: the first owner."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from command import ROOT, Command
from people_made import PASSWORD, account, person
from roles_made import as_role
from served import NO_BUS, NOBODY, Api, problem, serving
from ticks_made import settings

from api.access import ROUTES
from api.app import create_app
from api.hosts import client_of
from thor import database
from thor.domain.people import Role
from thor.errors import Refused, Rejected, Unavailable
from thor.people import accounts
from thor.people.reach import check_people, checked_proxies

PUBLIC = "https://thor.example.com"
HOST = {"Host": "thor.example.com"}


def link(url: str) -> str:
    """Return the token of a new set-up link."""
    with database.connect(as_role(url), "test") as connection:
        return accounts.make_link(connection, "a test")


def set_nature(url: str, nature: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("update ops.edition set nature = %s", (nature,))


def test_the_demo_asks_nobody_until_an_owner_is_set_up(database_url: str, redis_url: str) -> None:
    public = f"https://desk.example.com:8443, {PUBLIC}"
    with serving(database_url, redis_url, public_url=public) as api:
        assert api.get("/api/auth") == {
            "is_required": False, "is_set_up": False, "may_register": False,
        }  # fmt: skip
        me = api.get("/api/me")
        assert (me["name"], me["role"], me["user_id"]) == ("local", "OWNER", None)
        for path in ("/api/me/sessions", "/api/keys"):
            assert api.get(path) == []
        change = {"buy": "2", "reason": "to see"}
        # Not a page of another program of this machine, though.
        foreign = {"Origin": "http://localhost:3000"}
        answer = api.http.patch("/api/desk/desk/ES", json=change, headers=foreign)
        assert problem(answer, 403)["detail"].startswith("Origin:")
        changed = api.http.patch("/api/desk/desk/ES", json=change)
        assert changed.json()["changed_by"] == "local"
        problem(api.http.patch("/api/me", json={"display_name": "x"}), 409)
        given = {"email": "ann@example.com", "password": PASSWORD}
        problem(api.http.post("/api/auth/register", json=given), 409)
        # The public name is not answered before there is an owner.
        found = problem(api.http.get("/api/quotes", headers=HOST), 421)
        assert "once an owner is set up" in found["detail"]
        problem(api.http.post("/api/auth/setup", json={**given, "token": "wrong"}), 404)
        weak = {**given, "token": link(database_url), "password": "password123"}
        problem(api.http.post("/api/auth/setup", json=weak), 422)
        with person(api.url) as ann:
            # The link is good still, once.
            answer = ann.enter("/api/auth/setup", **{**weak, "password": PASSWORD})
            assert (answer.status_code, answer.json()["role"]) == (201, "OWNER")
            problem(ann.enter("/api/auth/setup", **{**weak, "password": PASSWORD}), 409)
            assert ann.send("GET", "/api/users").status_code == 200
        problem(api.http.get("/api/quotes"), 401)
        secure = api.http.post("/api/auth/login", json=given, headers={**HOST, "Origin": PUBLIC})
        assert secure.status_code == 200
        assert all("Secure" in one for one in secure.headers.get_list("set-cookie"))
        api.http.cookies.clear()
        problem(api.http.get("/api/quotes", headers=HOST), 401)
        problem(api.http.get("/api/quotes", headers={"Host": "desk.example.com:8443"}), 401)
        for host in ("evil.example.com", "desk.example.com", "thor.example.com.evil.example"):
            problem(api.http.get("/api/quotes", headers={"Host": host}), 421)
        problem(
            api.http.get("/api/quotes", headers={**HOST, "Origin": "https://evil.example"}), 403
        )
    texts = str(rows(database_url))
    assert (PASSWORD in texts, weak["token"] in texts) == (False, False)


def rows(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("select * from people.audit").fetchall()


def test_a_live_database_always_asks_and_is_never_served_without_login(
    database_url: str, redis_url: str
) -> None:
    set_nature(database_url, "live")
    with serving(database_url, redis_url) as api:
        problem(api.http.get("/api/quotes"), 401)
        assert api.get("/api/auth")["is_required"] is True
    with pytest.raises(Refused, match="THOR_AUTH: off is never for a live database"):
        check_people(settings(auth="off"), as_role(database_url))
    with serving(database_url, redis_url, auth="off") as api:
        found = problem(api.http.get("/api/quotes"), 409)
        assert found["detail"].startswith("THOR_AUTH: off is never for a live database")


def test_other_machines_are_served_once_an_owner_is_set_up(database_url: str) -> None:
    near = as_role(database_url)
    far = settings(api_host="0.0.0.0", public_url=PUBLIC)
    with pytest.raises(Refused, match="THOR_API_HOST: 0.0.0.0 .* no owner is set up"):
        check_people(far, near)
    with pytest.raises(Unavailable):
        check_people(far, NOBODY)
    check_people(settings(), NOBODY)
    account(database_url, "own@example.com", Role.OWNER)
    check_people(far, near)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"public_url": "http://thor.example.com"}, Rejected, "THOR_PUBLIC_URL: .* of https"),
        ({"public_url": "thor.example.com"}, Rejected, "THOR_PUBLIC_URL"),
        ({"public_url": f"{PUBLIC}/"}, Rejected, "THOR_PUBLIC_URL"),
        ({"public_url": PUBLIC, "auth": "off"}, Refused, "THOR_AUTH: off is for this machine"),
        ({"api_host": "0.0.0.0"}, Refused, "THOR_API_HOST"),
        ({"api_host": "0.0.0.0", "auth": "off"}, Refused, "THOR_API_HOST"),
        ({"proxies": "proxy.example.com"}, Rejected, "THOR_PROXIES: 'proxy.example.com'"),
    ],
)
def test_a_setting_that_would_open_it_is_refused_by_name(
    given: dict[str, str], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        create_app(settings(**given), NOBODY, NO_BUS)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        # What a client has written itself stands at the head.
        ("127.0.0.1", "203.0.113.1, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("192.0.2.9", "198.51.100.7", "192.0.2.9"),
    ],
)
def test_only_a_named_proxy_says_who_asks(peer: str, forwarded: str | None, client: str) -> None:
    proxies = checked_proxies(settings(proxies="127.0.0.1, 10.0.0.0/8"))
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    scope: Any = {"client": (peer, 5), "headers": headers}
    assert client_of(scope, proxies) == client


@pytest.fixture(scope="module")
def walked(kept_url: str, endpoints: Any) -> Iterator[Api]:
    """An API with an owner and a viewer."""
    account(kept_url, "own@example.com", Role.OWNER)
    account(kept_url, "view@example.com", Role.VIEWER)
    account(kept_url, "new@example.com", Role.TRADER, is_approved=False)
    with serving(kept_url, endpoints.redis_url) as api:
        yield api


def filled(path: str) -> str:
    """Return a route's path with a value for each parameter."""
    order = "00000000-0000-4000-8000-000000000001"
    for name, value in (("symbol", "ES"), ("of_set", "desk"), ("order_id", order)):
        path = path.replace(f"{{{name}}}", value)
    while "{" in path:
        path = path[: path.index("{")] + "1" + path[path.index("}") + 1 :]
    return path


def test_a_viewer_changes_nothing_but_the_own_account(walked: Api, kept_url: str) -> None:
    """Every route of the document that changes something refuses before it reads its body."""
    document = None
    with person(walked.url, "own@example.com") as owner:
        document = owner.send("GET", "/docs/openapi.json").json()
    routes = [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in ("post", "put", "patch", "delete")
        if method in item
    ]
    assert len(routes) > 20
    with person(walked.url, "view@example.com") as viewer:
        for route in routes:
            needed = ROUTES[route]
            method, path = route.split(" ")
            if needed.role is None or (needed.no_key and needed.role is Role.VIEWER):
                continue
            answer = viewer.send(method, filled(path), {"anything": 1})
            assert answer.status_code == 403, f"{route}: {answer.text}"
            assert "view@example.com has VIEWER" in answer.json()["detail"]
        for route in routes:
            method, path = route.split(" ")
            if ROUTES[route].role is not None:
                answer = httpx.request(method, f"{walked.url}{filled(path)}", json={"anything": 1})
                assert answer.status_code == 401, f"{route}: {answer.text}"
    with psycopg.connect(kept_url) as connection:
        found = connection.execute(
            "select count(*) from people.audit where who = 'view@example.com' and status = 403"
        ).fetchone()
    refused = [r for r in routes if (ROUTES[r].role or Role.VIEWER) > Role.VIEWER]
    assert found == (len(refused),)


def test_no_body_makes_a_route_break(walked: Api) -> None:
    """Every route answers what no page sends with a problem that names it, as each role."""
    bodies: list[Any] = [None, [], {}, {"x": "\0"}, {"email": 1}, "text", {"value": [{}]}]
    skipped = {"GET /api/quotes/stream", "POST /api/auth/logout", "GET /metrics", "GET /health"}
    with (
        person(walked.url, "own@example.com") as owner,
        person(walked.url, "view@example.com") as viewer,
        person(walked.url) as nobody,
    ):
        for n, route in enumerate(sorted(set(ROUTES) - skipped)):
            method, path = route.split(" ")
            for one in (owner, viewer, nobody):
                body = bodies[n % len(bodies)]
                path = filled(path).replace("/1/", f"/{2**63}/" if n % 3 == 0 else "/1/")
                answer = one.send(method, path, body)
                assert answer.status_code != 500, f"{route} {body}: {answer.text}"
                assert "Traceback" not in answer.text
                if answer.status_code >= 400:
                    kind = answer.headers["content-type"]
                    assert kind == "application/problem+json", f"{route}: {kind}"


def test_people_are_managed_from_the_command_line(
    walked: Api, kept_url: str, tmp_path: Path
) -> None:
    thor = Command(tmp_path, THOR_DATABASE_URL=as_role(kept_url)).run
    listed = json.loads(thor("user", "list", "--json").out)
    assert [(row["email"], row["role"]) for row in listed][:2] == [
        ("own@example.com", "OWNER"), ("view@example.com", "VIEWER"),
    ]  # fmt: skip
    assert "waits for approval" in thor("user", "list").out
    approved = thor("user", "approve", "NEW@example.com")
    assert (approved.code, "TRADER, may log in" in approved.out) == (0, True)
    last = thor("user", "role", "own@example.com", "viewer")
    assert (last.code, "is the last owner" in last.err) == (4, True)
    assert thor("user", "disable", "own@example.com").code == 4
    assert thor("user", "disable", "none@example.com").code == 3
    assert thor("user", "add", "x@example.com").code == 2
    assert thor("user", "setup-link").code == 4
    made = thor("key", "add", "view@example.com", "--name", "notebook", "--scope", "read")
    key = made.out.strip()
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{walked.url}/api/me", headers=headers).json()["name"] == "view@example.com"
    number = json.loads(thor("key", "list", "--json").out)[-1]["key_id"]
    assert thor("key", "revoke", str(number)).code == 0
    assert httpx.get(f"{walked.url}/api/me", headers=headers).status_code == 401
    audit = json.loads(thor("audit", "--json", "--limit", "3").out)
    assert [row["route"] for row in audit if row["method"] == "CLI"][:2] == [
        "thor key revoke", "thor key add",
    ]  # fmt: skip
    assert key not in str(audit)
    assert audit[-1]["who"].startswith("cli:")


def test_a_tunnel_is_refused_while_people_do_not_log_in(
    walked: Api, kept_url: str, database_url: str, tmp_path: Path
) -> None:
    given = {
        "THOR_DATABASE_URL": as_role(kept_url),
        "THOR_PUBLIC_URL": "https://thor-dev.example.com",
        "THOR_PROXIES": "127.0.0.1,::1",
        "THOR_API_PORT": "8000",
    }
    file = str(ROOT / "ops/cloudflared/config.yml")
    thor = Command(tmp_path, **given).run
    checked = thor("tunnel", "check", file)
    assert (checked.code, "4 rules, and people log in" in checked.out) == (0, True), checked.err
    for off in ({"THOR_DATABASE_URL": as_role(database_url)}, {"THOR_AUTH": "off"}):
        refused = thor("tunnel", "check", file, **off)
        assert (refused.code, "login is off" in refused.err) == (4, True)
    one_address = thor("tunnel", "check", file, THOR_PROXIES="")
    assert (one_address.code, "THOR_PROXIES: 127.0.0.1 is not in it" in one_address.err) == (
        2,
        True,
    )
    named = thor("tunnel", "check", file, THOR_PUBLIC_URL="https://other.example.com")
    assert (named.code, "is none of THOR_PUBLIC_URL" in named.err) == (2, True)


def test_the_start_names_the_way_in(database_url: str) -> None:
    from thor.cli.people import login_row

    with database.connect(as_role(database_url), "test") as connection:
        web = "http://127.0.0.1:8000"
        demo = login_row(connection, "auto", "simulated", web)
        assert demo == ("login", "nobody logs in yet", "thor user setup-link")
        what, _, url = login_row(connection, "auto", "live", web)
        assert (what, url.startswith(f"{web}/setup?token=")) == ("set up", True)
        given = accounts.NewAccount(email="ann@example.com", password=PASSWORD)
        token = url.partition("=")[2]
        assert accounts.set_up(connection, token, given, "127.0.0.1") > 0
        assert login_row(connection, "auto", "live", web)[1] == f"{web}/login"
