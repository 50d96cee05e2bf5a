"""Accounts for tests, made without the routes, and clients that act for them."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
from roles_made import as_role

from thor import database
from thor.domain.people import Role
from thor.people import accounts
from thor.people.accounts import NewAccount

PASSWORD = "seven lanterns over Wismar"
OTHER = "nine kettles under Dover"


def account(
    url: str, email: str, role: Role, *, is_approved: bool = True, is_home: bool = False
) -> int:
    """Make an account, approved by a test; returns its number.

    The URL of a home, whose roles have passwords of their own, is taken as it is.
    """
    with database.connect(url if is_home else as_role(url), "test") as connection:
        given = NewAccount(email=email, password=PASSWORD)
        by = "a test" if is_approved else None
        made = accounts.add(connection, given, role, by)
    assert made is not None
    return made


class Person:
    """A browser: it keeps cookies, and sends back what Me gives it as csrf."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)
        self.csrf: str | None = None

    def login(self, email: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
        """Log in; the answer may be a problem."""
        given = {"email": email, "password": password, **more}
        return self._entered(self.http.post("/api/auth/login", json=given))

    def enter(self, path: str, **given: Any) -> httpx.Response:
        """Set up an owner, say: a route that begins a session."""
        return self._entered(self.http.post(path, json=given))

    def refresh(self) -> httpx.Response:
        """Renew the session."""
        return self._entered(self.http.post("/api/auth/refresh"))

    def send(self, method: str, path: str, given: Any = None, **headers: str) -> httpx.Response:
        """Ask as a page does."""
        own = {} if self.csrf is None else {"X-CSRF-Token": self.csrf}
        return self.http.request(method, path, json=given, headers={**own, **headers})

    def cookie(self, kind: str) -> tuple[str, str]:
        """Return the name and the value of a cookie: of access, or of refresh."""
        found = [
            (one.name, str(one.value)) for one in self.http.cookies.jar if f"_{kind}_" in one.name
        ]
        assert len(found) == 1, found
        return found[0]

    def _entered(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            self.csrf = answer.json()["csrf"]
        return answer


@contextlib.contextmanager
def person(url: str, email: str | None = None, password: str = PASSWORD) -> Iterator[Person]:
    """Open a browser, logged in where an address is given."""
    made = Person(url)
    try:
        if email is not None:
            answer = made.login(email, password)
            assert answer.status_code == 200, answer.text
        yield made
    finally:
        made.http.close()
