"""reference.keep_version: every change keeps the values before it."""

from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]

VERSIONS = """
select v.key, v.version, v.content ->> 'note' as note
from reference.versions as v
where v.relation = 'session_overrides'
order by v.valid_to, v.version
"""


@pytest.fixture
def override(connection: Connection) -> Connection:
    """A session override of version 1, in a table without rows of its own."""
    connection.execute(
        "insert into session_overrides (calendar, trade_date, is_closed, note) "
        "values ('CFE', '2024-07-04', true, 'first')"
    )
    return connection


def _noted(connection: Connection, note: str) -> None:
    connection.execute("update session_overrides set note = %s", (note,))


def test_an_update_keeps_the_version_that_it_ends(override: Connection) -> None:
    began = override.execute("select changed_at from session_overrides").fetchone()
    _noted(override, "second")
    now = override.execute("select version, note, changed_at from session_overrides").fetchone()
    assert now is not None
    assert now[:2] == (2, "second")
    kept = override.execute(
        "select relation, key, version, valid_from, valid_to, content ->> 'note', "
        "content ->> 'is_closed' from reference.versions"
    ).fetchall()
    assert began is not None
    assert kept == [("session_overrides", "CFE/2024-07-04", 1, began[0], now[2], "first", "true")]


def test_versions_follow_one_another_without_a_hole(override: Connection) -> None:
    _noted(override, "second")
    _noted(override, "third")
    spans = override.execute(
        "select valid_from, valid_to from reference.versions order by version"
    ).fetchall()
    now = override.execute("select changed_at from session_overrides").fetchone()
    assert now is not None
    assert [spans[0][1], spans[1][1]] == [spans[1][0], now[0]]


def test_an_update_that_changes_nothing_keeps_nothing(override: Connection) -> None:
    before = override.execute("select version, changed_at from session_overrides").fetchone()
    _noted(override, "first")
    after = override.execute("select version, changed_at from session_overrides").fetchone()
    assert after == before
    assert override.execute(VERSIONS).fetchall() == []


def test_the_version_and_its_time_cannot_be_set_by_hand(override: Connection) -> None:
    override.execute("update session_overrides set version = 99, changed_at = '1999-01-01'")
    assert override.execute("select version from session_overrides").fetchone() == (1,)
    override.execute("update session_overrides set version = 99, note = 'second'")
    assert override.execute("select version from session_overrides").fetchone() == (2,)


def test_a_delete_keeps_the_row_that_it_takes_away(override: Connection) -> None:
    _noted(override, "second")
    override.execute("delete from session_overrides")
    assert override.execute("select count(*) from session_overrides").fetchone() == (0,)
    assert override.execute(VERSIONS).fetchall() == [
        ("CFE/2024-07-04", 1, "first"),
        ("CFE/2024-07-04", 2, "second"),
    ]


def test_a_row_put_in_again_begins_at_version_one_beside_its_past(override: Connection) -> None:
    override.execute("delete from session_overrides")
    override.execute(
        "insert into session_overrides (calendar, trade_date, is_closed, note) "
        "values ('CFE', '2024-07-04', true, 'again')"
    )
    assert override.execute("select version, note from session_overrides").fetchone() == (
        1,
        "again",
    )
    override.execute("delete from session_overrides")
    assert override.execute(VERSIONS).fetchall() == [
        ("CFE/2024-07-04", 1, "first"),
        ("CFE/2024-07-04", 1, "again"),
    ]


def test_a_version_that_was_true_outlives_a_transaction_that_replaces_its_row_twice(
    override: Connection,
) -> None:
    """A value that only the transaction itself saw must not be kept."""
    with override.transaction():
        override.execute("delete from session_overrides")
        override.execute(
            "insert into session_overrides (calendar, trade_date, is_closed, note) "
            "values ('CFE', '2024-07-04', true, 'seen by nobody')"
        )
        _noted(override, "second")
    assert ("CFE/2024-07-04", 1, "first") in override.execute(VERSIONS).fetchall()


def test_two_updates_in_one_transaction_keep_both_versions(override: Connection) -> None:
    with override.transaction():
        _noted(override, "second")
        _noted(override, "third")
    assert override.execute(VERSIONS).fetchall() == [
        ("CFE/2024-07-04", 1, "first"),
        ("CFE/2024-07-04", 2, "second"),
    ]


def test_a_kept_version_names_the_role_that_ended_it(override: Connection) -> None:
    with override.transaction(force_rollback=True):
        override.execute("create role thor_test_clerk")
        override.execute("grant usage on schema reference to thor_test_clerk")
        override.execute("grant all on all tables in schema reference to thor_test_clerk")
        override.execute("set local role thor_test_clerk")
        _noted(override, "second")
        by = override.execute("select changed_by from reference.versions").fetchall()
    assert by == [("thor_test_clerk",)]


@pytest.mark.parametrize(
    ("change", "relation", "key"),
    [
        ("update instruments set margin = 1 where symbol = 'ES'", "instruments", "ES"),
        ("delete from series where symbol = 'NQ'", "series", "NQ"),
        ("update sources set priority = 1 where source = 'SIM'", "sources", "SIM"),
    ],
)
def test_every_table_of_reference_keeps_its_versions_under_its_key(
    connection: Connection, change: str, relation: str, key: str
) -> None:
    connection.execute(change.encode())
    kept = connection.execute("select relation, key, version from reference.versions").fetchall()
    assert kept == [(relation, key, 1)]


def test_every_versioned_table_has_the_trigger(connection: Connection) -> None:
    without = connection.execute(
        """
        select c.relname
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'changed_at'
        left join pg_trigger as t on t.tgrelid = c.oid and t.tgname = 'keep_version'
        where
            c.relnamespace = 'reference'::regnamespace and c.relkind = 'r' and t.oid is null
        """
    ).fetchall()
    assert without == []
