"""The built pages are served under `/`, deep links included; without them `/` says why."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import NO_BUS, NOBODY, Api, serving

HTML = {"accept": "text/html,application/xhtml+xml"}
INDEX = '<html><meta nonce="__THOR_NONCE__"><script src="/assets/a1.js" nonce="__THOR_NONCE__">'
SCRIPT = "console.log('a long enough script to be worth packing');" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of built pages, beside a file that must not be served."""
    (tmp_path / "dist/assets").mkdir(parents=True)
    (tmp_path / "dist/index.html").write_text(INDEX)
    (tmp_path / "dist/assets/a1.js").write_text(SCRIPT)
    (tmp_path / "secret.txt").write_text("nobody's business")
    return tmp_path / "dist"


@pytest.fixture
def api(folder: Path) -> Iterator[Api]:
    """The API with those pages, its servers away: pages need none."""
    with serving(NOBODY, NO_BUS, ui_dir=folder) as found:
        yield found


def page(api: Api, path: str) -> httpx.Response:
    """Ask as a browser does that follows a link."""
    return api.http.get(path, headers=HTML)


@pytest.mark.parametrize("path", ["/", "/chart/ES?width=5m", "/system", "/index.html"])
def test_every_page_is_the_index_with_a_nonce_of_its_own(api: Api, path: str) -> None:
    first, second = page(api, path), page(api, path)
    assert first.status_code == 200
    assert first.headers["cache-control"] == "no-store"
    nonces = set(re.findall(r'nonce="([^"]+)"', first.text))
    assert len(nonces) == 1
    assert nonces != set(re.findall(r'nonce="([^"]+)"', second.text))
    policy = first.headers["content-security-policy"]
    assert f"script-src 'self' 'nonce-{nonces.pop()}'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_an_asset_is_cached_for_ever_and_compressed_where_accepted(api: Api) -> None:
    packed = api.http.get("/assets/a1.js", headers={"accept-encoding": "gzip"})
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(gzip.compress(SCRIPT.encode(), 6, mtime=0))
    assert packed.text == SCRIPT
    plain = api.http.get("/assets/a1.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == SCRIPT


@pytest.mark.parametrize("path", ["/assets/b2.js", "/api/nowhere"])
def test_what_is_neither_page_nor_file_is_a_problem(api: Api, path: str) -> None:
    answer = page(api, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt"]
)
def test_nothing_outside_of_the_folder_is_served(api: Api, path: str) -> None:
    assert "business" not in api.http.get(path).text
    assert "<script" in page(api, "/").text


def test_a_program_that_errs_in_its_route_gets_no_page(api: Api) -> None:
    assert api.http.get("/quotes", headers={"accept": "*/*"}).status_code == 404
    assert api.http.post("/", headers=HTML).status_code in (404, 405)


def test_head_is_answered_without_a_body(api: Api) -> None:
    answer = api.http.head("/", headers=HTML)
    assert (answer.status_code, answer.text) == (200, "")
    assert int(answer.headers["content-length"]) > 0


def test_a_foreign_host_gets_no_page(api: Api) -> None:
    assert api.http.get("/", headers={**HTML, "host": "evil.example"}).status_code == 421


def test_pages_that_are_built_meanwhile_are_served_without_a_restart(tmp_path: Path) -> None:
    state, dist = tmp_path / "dist.state/build.json", tmp_path / "dist"
    state.parent.mkdir()
    with serving(NOBODY, NO_BUS, ui_dir=dist) as api:
        asked = page(api, "/chart/ES")
        assert asked.status_code == 503
        assert f"Run: python ui/build.py. They are looked for in {dist}" in asked.text
        assert "refresh" not in asked.text

        state.write_text(json.dumps({"state": "building"}))
        assert "The pages are being built." in page(api, "/").text
        assert 'http-equiv="refresh"' in page(api, "/").text

        state.write_text(json.dumps({"state": "failed", "reason": "npm found no <network>"}))
        assert "npm found no &lt;network&gt;" in page(api, "/").text

        dist.mkdir()
        (dist / "index.html").write_text(INDEX)
        assert page(api, "/").status_code == 200
        (dist / "index.html.new").write_text("built again")
        (dist / "index.html.new").replace(dist / "index.html")
        assert page(api, "/").text == "built again"
