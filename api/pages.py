"""Serve the built pages under `/`, deep links included, or explain why there are none.

Wraps the routes: a path that is not the API's is a page. Reads the folder that `ui/build.py`
writes.
"""

import gzip
import json
import mimetypes
import secrets
from html import escape
from pathlib import Path

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from thor import clock

SOURCE = Path(__file__).resolve().parents[1] / "ui"
NONCE = b"__THOR_NONCE__"
# Paths of the API and its tools: every other one under `/` is a page.
_API = ("/api", "/docs", "/health", "/metrics", "/schwab")
_FOR_EVER = b"public, max-age=31536000, immutable"
_COMPRESSED = {".js", ".css", ".svg", ".json", ".html"}
_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# An older build was killed.
_BUILD_S = 600
_SAFE = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]
_STAND_IN = """<!doctype html><html lang=en><meta charset=utf-8>
<meta name=viewport content="width=device-width,initial-scale=1">{refresh}<title>Thor</title>
<style nonce="{nonce}">body{{font:15px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;
padding:0 1rem}}:root{{color-scheme:light dark}}</style>
<h1>Thor</h1><p><b>{title}</b></p><p>{text}</p>
<p>Everything else runs: <a href="/docs">the API</a>, <a href="/api/quotes">the quotes</a>,
<code>thor db psql</code>.</p></html>"""


class File(msgspec.Struct, frozen=True):
    """A built file as a response."""

    body: bytes
    packed: bytes | None
    kind: bytes
    is_hashed: bool


class Pages:
    """Serves the built pages for paths that are not the API's."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        """Take the API behind it, and the folder of the built pages."""
        self._app = app
        self._folder = folder
        self._files: dict[str, File] = {}
        self._built: tuple[int, int] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a page, or pass the request on."""
        if scope["type"] != ScopeType.HTTP or not _is_page(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        path = scope["path"].lstrip("/") or "index.html"
        files = self._read()
        found = files.get(path)
        if found is None and _wants_html(headers, path):
            path, found = "index.html", files.get("index.html")
        is_head = scope["method"] == "HEAD"
        if found is None and (files or not _wants_html(headers, path)):
            await self._app(scope, receive, send)
        elif found is None:
            await _send(send, 503, *self._stand_in(), is_head=is_head)
        elif path == "index.html":
            nonce = secrets.token_urlsafe(16)
            body = found.body.replace(NONCE, nonce.encode())
            await _send(send, 200, _page_headers(nonce), body, is_head=is_head)
        else:
            await _send(send, 200, *_packed(found, headers), is_head=is_head)

    def _read(self) -> dict[str, File]:
        """Return the built files by path; a new build is read again."""
        index = self._folder / "index.html"
        try:
            stat = index.stat()
        except OSError:
            return {}
        built = (stat.st_mtime_ns, stat.st_ino)
        if built != self._built:
            try:
                self._files = {
                    path.relative_to(self._folder).as_posix(): _file(path, self._folder)
                    for path in self._folder.rglob("*")
                    if path.is_file() and not path.name.startswith(".")
                }
            except OSError:  # it is just being replaced
                return self._files
            self._built = built
        return self._files

    def _stand_in(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return the page that says why there are no pages."""
        path = self._folder.parent / f"{self._folder.name}.state" / "build.json"
        try:
            said = json.loads(path.read_text())
            age_s = clock.now().timestamp() - path.stat().st_mtime
        except (OSError, ValueError):
            said, age_s = {}, 0.0
        refresh = ""
        if said.get("state") == "building" and age_s < _BUILD_S:
            title, refresh = "The pages are being built.", '<meta http-equiv="refresh" content="2">'
            reason = "This takes about a minute the first time. They open by themselves."
        elif said.get("state") == "failed":
            title, reason = "The pages could not be built.", str(said.get("reason"))
            reason += ". Then run: python ui/build.py"
        else:
            title = "The pages are not built."
            reason = f"Run: python ui/build.py. They are looked for in {self._folder}"
        nonce = secrets.token_urlsafe(16)
        page = _STAND_IN.format(
            nonce=nonce, title=escape(title), text=escape(reason), refresh=refresh
        )
        return _page_headers(nonce), page.encode()


def _is_page(method: str, path: str) -> bool:
    if method not in {"GET", "HEAD"}:
        return False
    return not any(path == one or path.startswith(f"{one}/") for one in _API)


def _wants_html(headers: dict[bytes, bytes], path: str) -> bool:
    # A browser that follows a link accepts HTML; a program with a wrong route does not.
    is_asset = path.startswith("assets/")
    return b"text/html" in headers.get(b"accept", b"") and not is_asset


def _file(path: Path, folder: Path) -> File:
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = None
    if path.suffix in _COMPRESSED and path.name != "index.html":
        packed = gzip.compress(body, 6, mtime=0)
    return File(body, packed, kind.encode(), path.parent == folder / "assets")


def _page_headers(nonce: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", _POLICY.format(nonce=nonce).encode()),
        *_SAFE,
    ]


def _packed(file: File, headers: dict[bytes, bytes]) -> tuple[list[tuple[bytes, bytes]], bytes]:
    found = [
        (b"content-type", file.kind),
        (b"cache-control", _FOR_EVER if file.is_hashed else b"no-cache"),
        (b"vary", b"accept-encoding"),
        *_SAFE,
    ]
    if file.packed is not None and b"gzip" in headers.get(b"accept-encoding", b""):
        return [*found, (b"content-encoding", b"gzip")], file.packed
    return found, file.body


async def _send(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, *, is_head: bool
) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    body = b"" if is_head else body
    await send({"type": "http.response.body", "body": body, "more_body": False})
