"""Write the audit: a row for every call that changes something, every login and every refusal.

Stands around the routes. A row is written before its answer is sent, so that what a page has seen
done is in it; secrets are left out.
"""

import uuid
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.access import route_of
from api.gate import READS, Gate
from api.hosts import answer
from thor import clock, database, observe
from thor.domain.people import Identity
from thor.errors import ThorError
from thor.people.audit import Entry

REQUEST_ID = b"thor-request-id"
_REFUSALS = frozenset({401, 403, 421, 429})
_BODY_MAX = 64 * 1024
# A body of these is secret, or nothing but secrets.
_CLOSED = ("/api/auth/", "/api/me/")
# What pages do by themselves every few minutes.
_SILENT = frozenset({("POST /api/auth/refresh", 200)})
# They ask with a body and change nothing; a ticket does so at every tick.
_ASKED = frozenset({"POST /api/orders/preview"})
# Nobody may fill the disk by being refused: so many rows a minute.
_OF_NOBODY_MAX, _MINUTE_S = 120, 60.0
_NOTE = "thor_audit"
_log = observe.logger("api")


class Note(msgspec.Struct):
    """What a route adds to its row: who, what it was about, and how that was before and after."""

    who: str | None = None
    role: str | None = None
    object: str | None = None
    before: Any = None
    after: Any = None


def note_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Note:
    """Return the note of a request, for its route to fill."""
    found: Note = connection.scope["state"].setdefault(_NOTE, Note())
    return found


class Auditor:
    """Adds rows, of requests that nobody is known for only so many a minute."""

    def __init__(self, gate: Gate, pool: Any) -> None:
        """Take the gate, which knows addresses, and the pool."""
        self._gate = gate
        self._pool = pool
        self._of_nobody: deque[float] = deque()

    async def refused(self, scope: Any, status: int) -> None:
        """Record that a change was refused before it reached its route."""
        if scope["method"] in READS:
            return
        entry = Entry(
            who="nobody",
            role=None,
            method=str(scope["method"]),
            route=scope["path"][:200],
            status=status,
            address=self._gate.address(scope),
        )
        try:
            await self.add(entry)
        except ThorError as error:
            _log.error("a refusal is not in the audit", reason=str(error))

    async def add(self, entry: Entry) -> None:
        """Add a row; raises `Unavailable`."""
        if entry.who == "nobody" and not self._may_nobody():
            return
        await database.fetch(self._pool, "add_audit", entry.values)

    def _may_nobody(self) -> bool:
        now_s = clock.monotonic_s()
        while self._of_nobody and now_s - self._of_nobody[0] > _MINUTE_S:
            self._of_nobody.popleft()
        if len(self._of_nobody) >= _OF_NOBODY_MAX:
            _log.error("more is refused than the audit takes", rows_a_minute=_OF_NOBODY_MAX)
            return False
        self._of_nobody.append(now_s)
        return True


class Audited:
    """The layer around the routes that records what they did."""

    def __init__(self, app: ASGIApp, auditor: Auditor, gate: Gate) -> None:
        """Take the application behind it."""
        self._app = app
        self._auditor = auditor
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and record its answer before it is sent."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        call = _Call(scope, receive, send, self._auditor, self._gate)
        await self._app(scope, call.receive, call.send)


class _Call:
    """One request: its number, its body, and whether its answer was replaced."""

    def __init__(
        self, scope: Any, receive: Receive, send: Send, auditor: Auditor, gate: Gate
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._auditor, self._gate = auditor, gate
        self._request_id = str(uuid.uuid4())
        self._is_read = scope["method"] in READS
        self._body = b""
        self._is_replaced = False

    async def receive(self) -> Any:
        message = await self._receive()
        if not self._is_read and message["type"] == "http.request":
            self._body += message.get("body", b"")[: _BODY_MAX + 1 - len(self._body)]
        return message

    async def send(self, message: Any) -> None:
        if self._is_replaced:
            return
        if message["type"] == "http.response.start":
            fault = await self._record(message["status"])
            if fault is not None and not self._is_read and message["status"] < 400:
                self._is_replaced = True
                detail = f"PostgreSQL: it was done, but is not in the audit: {fault}"
                await answer(self._send, self._scope["path"], 503, "Unavailable", detail)
                return
            named = (REQUEST_ID, self._request_id.encode())
            message = {**message, "headers": [*message["headers"], named]}
        await self._send(message)

    async def _record(self, status: int) -> str | None:
        """Add the row of the answer where it has one; returns why that was not possible."""
        template = self._scope.get("path_template")
        if template is None:
            return None
        method = str(self._scope["method"])
        route = route_of(method, template)
        if (route, status) in _SILENT:
            return None
        if (self._is_read or route in _ASKED) and status not in _REFUSALS:
            return None
        if status == 401 and not self._has_tried():
            # A page asks, and learns that it has to log in.
            return None
        try:
            await self._auditor.add(self._entry(method, route, status))
        except ThorError as error:
            _log.error("a call is not in the audit", route=route, reason=str(error))
            return str(error)
        return None

    def _entry(self, method: str, route: str, status: int) -> Entry:
        note: Note = self._scope["state"].get(_NOTE) or Note()
        user = self._scope.get("user")
        known = user if isinstance(user, Identity) else None
        values = self._scope.get("path_params") or {}
        after = note.after
        if after is None and not self._is_read and not route.partition(" ")[2].startswith(_CLOSED):
            after = self._given()
        return Entry(
            who=note.who or (known.name if known else "nobody"),
            role=note.role or (known.role.name if known else None),
            method=method,
            route=route.partition(" ")[2],
            status=status,
            object=note.object or "/".join(str(one)[:100] for one in values.values()) or None,
            before=note.before,
            after=after,
            request_id=self._request_id,
            address=self._gate.address(self._scope),
            key=known.key if known else None,
        )

    def _given(self) -> Any:
        """Return what the body asks for, and the query, which some routes take instead."""
        if len(self._body) > _BODY_MAX:
            return {"bytes": f"more than {_BODY_MAX}"}
        if not self._body:
            return dict(parse_qsl(self._scope["query_string"].decode("latin-1")[:500])) or None
        try:
            return msgspec.json.decode(self._body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {"bytes": str(len(self._body))}

    def _has_tried(self) -> bool:
        """Return whether the request carries anything that should say who asks."""
        if not self._is_read and str(self._scope["path"]) != "/api/auth/refresh":
            return True
        headers = dict(self._scope["headers"])
        return b"authorization" in headers or b"thor_" in headers.get(b"cookie", b"")
