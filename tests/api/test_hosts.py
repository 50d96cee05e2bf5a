"""Requests from other machines are refused, unless they are named and people log in."""

import socket

import pytest
from served import NO_BUS, NOBODY, Api, problem
from ticks_made import settings

from api.app import create_app
from api.serve import bound
from thor.errors import Refused, Unavailable
from thor.people.reach import is_loopback

PATHS = ["/api/instruments", "/api/quotes/stream", "/health", "/metrics", "/docs", "/nothing"]


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_is_refused_on_every_route(asked_api: Api, path: str) -> None:
    answer = asked_api.http.get(path, headers={"Host": "rebound.example"})
    found = problem(answer, 421)
    assert found["detail"].startswith("Host: 'rebound.example' is not this machine")


@pytest.mark.parametrize(
    "host",
    ["example.com", "localhost.example.com", "127.0.0.1.example.com", "192.168.1.5", "0.0.0.0",
     "user@localhost", "[::2]", "", "localhost:port", "10.0.0.1:8000", "2130706433"],
)  # fmt: skip
def test_a_host_that_is_not_loopback_is_refused(asked_api: Api, host: str) -> None:
    problem(asked_api.http.get("/api/instruments", headers={"Host": host}), 421)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "127.8.8.8", "[::1]:8000"]
)
def test_this_machines_names_are_let_in_on_any_port(asked_api: Api, host: str) -> None:
    assert asked_api.http.get("/api/instruments", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://192.168.1.5", "file://"])
def test_a_page_of_another_site_is_refused(asked_api: Api, origin: str) -> None:
    answer = asked_api.http.get("/api/instruments", headers={"Origin": origin})
    assert problem(answer, 403)["detail"].startswith(f"Origin: '{origin}' is another site")


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:8000"])
def test_a_page_of_this_machine_is_let_in(asked_api: Api, origin: str) -> None:
    answer = asked_api.http.get("/api/instruments", headers={"Origin": origin})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "thor.example", ""])
def test_an_address_that_others_reach_is_not_bound(host: str) -> None:
    with pytest.raises(Refused, match="THOR_API_HOST"):
        bound(settings(api_host=host, api_port=0))
    with pytest.raises(Refused, match="THOR_API_HOST"):
        create_app(settings(api_host=host), NOBODY, NO_BUS)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"THOR_API_PORT: 127.0.0.1 port {port} "):
            bound(settings(api_port=port))


def test_only_loopback_is_loopback() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("localhost.")
    assert not is_loopback("::ffff:8.8.8.8")
