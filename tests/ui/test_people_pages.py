"""The pages of people, in a real browser: one server, from its set-up link on."""

from typing import Any

import psycopg
import pytest
from browser import CHROMIUM, build, drive, missing
from people_made import PASSWORD
from roles_made import as_role
from served import serving

from thor import database
from thor.people import accounts

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
]


def test_people_set_up_log_in_are_approved_and_lose_no_form(kept_url: str, endpoints: Any) -> None:
    build()
    with database.connect(as_role(kept_url), "test") as connection:
        token = accounts.make_link(connection, "a test")
    with serving(kept_url, endpoints.redis_url) as api:
        given = {
            "THOR_URL": api.url,
            "THOR_CHROMIUM": CHROMIUM,
            "THOR_SETUP": f"/setup?token={token}",
            "THOR_PASSWORD": PASSWORD,
        }
        drive(given, "people.spec.ts")
    with psycopg.connect(kept_url) as connection:
        found = connection.execute("select email, role from people.users order by email").fetchall()
        changed = connection.execute(
            "select changed_by, reason from studies.thresholds where set = 'desk' and symbol = 'ES'"
        ).fetchall()
    assert found == [("bob@example.com", "VIEWER"), ("own@example.com", "OWNER")]
    # What was typed before the session ended was saved after it.
    assert changed == [("bob@example.com", "typed before the session ended")]
