"""What every answer carries, and what is read of every request."""

import gzip

import pytest
from served import NO_BUS, NOBODY, Api, serving

from thor.config import Settings
from thor.errors import Rejected
from thor.people.reach import checked_origins

UI = "http://desk.example:5173"


@pytest.mark.parametrize("path", ["/api/instruments", "/health", "/api/nothing", "/docs"])
def test_every_answer_says_how_it_is_to_be_taken(asked_api: Api, path: str) -> None:
    headers = asked_api.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "cache-control" in headers


def test_json_is_packed_for_who_takes_it(asked_api: Api) -> None:
    plain = asked_api.http.get("/api/instruments", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with asked_api.http.stream(
        "GET", "/api/instruments", headers={"accept-encoding": "gzip"}
    ) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        body = b"".join(packed.iter_raw())
    assert int(packed.headers["content-length"]) == len(body) < len(plain.content)
    assert gzip.decompress(body) == plain.content


@pytest.mark.parametrize("path", ["/api/instruments", "/health", "/docs", "/metrics"])
def test_head_is_get_without_a_body(asked_api: Api, path: str) -> None:
    head, get = asked_api.http.head(path), asked_api.http.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]


def test_a_query_value_that_says_nothing_is_absent(asked_api: Api) -> None:
    assert asked_api.get("/api/quotes", symbols="") == asked_api.get("/api/quotes")
    bars = "/api/bars/ES"
    assert asked_api.http.get(f"{bars}?width=1m&from=&to=&limit=").status_code == 200


@pytest.mark.parametrize("path", ["/api/features/ES", "/api/bars/ES", "/api/ticks/ES"])
@pytest.mark.parametrize("ts", ["9999-12-31", "0001-01-01", "9999-12-31T23:59:59Z"])
def test_a_time_that_no_market_has_is_refused_by_name(asked_api: Api, path: str, ts: str) -> None:
    for field in ("from", "to"):
        answer = asked_api.http.get(path, params={field: ts})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(f"{field}: ")


def test_a_page_of_an_origin_that_is_named_may_ask() -> None:
    with serving(NOBODY, NO_BUS, api_origins=f"{UI}, https://other.example") as api:
        answer = api.http.get("/health", headers={"origin": UI})
        assert answer.headers["access-control-allow-origin"] == UI
        asked = {"origin": UI, "access-control-request-method": "PUT"}
        preflight = api.http.options("/api/desk/sets", headers=asked)
        assert preflight.status_code == 204
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        refused = api.http.get("/health", headers={"origin": "http://evil.example"})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("origins", ["*", "desk.example", "http://desk.example/path"])
def test_what_is_no_origin_is_refused_at_the_start(origins: str) -> None:
    with pytest.raises(Rejected, match="THOR_API_ORIGINS: "):
        checked_origins(Settings(api_origins=origins, _env_file=None))  # type: ignore[call-arg]
