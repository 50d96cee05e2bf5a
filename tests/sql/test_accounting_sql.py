"""market.ingest_batches and market.accounting: nothing lost, nothing twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, ExclusionViolation

from thor.market.ticks.writer import TickWriter

Connection = psycopg.Connection[Any]


def _batch(
    connection: Connection, ordinals: str, inserted: int, duplicate: int = 0, rejected: int = 0
) -> None:
    connection.execute(
        "insert into market.ingest_batches "
        "(ordinals, received, inserted, duplicate, rejected, consumer) "
        "values (%s, %s, %s, %s, %s, 'a')",
        (ordinals, inserted + duplicate + rejected, inserted, duplicate, rejected),
    )


def _account(connection: Connection, base: int, next_ordinal: int) -> tuple[int, ...] | None:
    """Return received, inserted, duplicate, rejected, pending."""
    return connection.execute(
        "select received, inserted, duplicate, rejected, pending "
        "from market.accounting(%s::bigint, %s::bigint)",
        (base, next_ordinal),
    ).fetchone()


@pytest.mark.parametrize(
    "again",
    ["{[0,10)}", "{[9,11)}", "{[3,4)}", "{[-5,1)}", "{[20,21),[4,5)}"],
    ids=["same", "end", "within", "begin", "one of two"],
)
def test_no_two_batches_account_for_one_tick(undone: Connection, again: str) -> None:
    _batch(undone, "{[0,10)}", inserted=10)
    with pytest.raises(ExclusionViolation):
        _batch(undone, again, inserted=1)


def test_batches_may_touch_and_fill_each_others_holes(undone: Connection) -> None:
    _batch(undone, "{[0,10),[20,30)}", inserted=20)
    _batch(undone, "{[10,20),[30,31)}", inserted=11)
    assert _account(undone, 0, 31) == (31, 31, 0, 0, 0)


@pytest.mark.parametrize(
    ("received", "inserted", "duplicate", "rejected"),
    [(3, 1, 1, 0), (3, 2, 1, 1), (0, 0, 0, 0), (1, 2, -1, 0), (1, -1, 1, 1)],
)
def test_a_batch_that_does_not_add_up_is_refused(
    undone: Connection, received: int, inserted: int, duplicate: int, rejected: int
) -> None:
    with pytest.raises(CheckViolation), undone.transaction():
        undone.execute(
            "insert into market.ingest_batches "
            "(ordinals, received, inserted, duplicate, rejected) "
            "values ('{[0,3)}', %s, %s, %s, %s)",
            (received, inserted, duplicate, rejected),
        )


def test_a_batch_of_no_ticks_is_refused(undone: Connection) -> None:
    with pytest.raises(CheckViolation), undone.transaction():
        _batch(undone, "{}", inserted=1)


def test_a_bus_that_received_nothing_has_an_account_of_zeros(undone: Connection) -> None:
    assert _account(undone, 1000, 1000) == (0, 0, 0, 0, 0)
    totals = undone.execute("select * from market.ingest_totals").fetchone()
    assert totals == (0, 0, 0, 0, 0, 0)


def test_what_no_batch_covers_is_pending(undone: Connection) -> None:
    # Ten ticks, 1000 to 1009, of which 1004 and 1005, 1008 and 1009 are on their way.
    _batch(undone, "{[1000,1004)}", inserted=3, duplicate=1)
    _batch(undone, "{[1006,1008)}", inserted=1, rejected=1)
    assert _account(undone, 1000, 1010) == (10, 4, 1, 1, 4)


@pytest.fixture
def two_lives(undone: Connection) -> Connection:
    """A bus of ten ticks from 1000, six taken; wiped; one of three from 5000, two taken."""
    _batch(undone, "{[1000,1004)}", inserted=3, duplicate=1)
    _batch(undone, "{[1006,1008)}", inserted=1, rejected=1)
    _batch(undone, "{[5000,5002)}", inserted=2)
    return undone


def test_a_wiped_bus_restarts_its_counts(two_lives: Connection) -> None:
    assert _account(two_lives, 5000, 5003) == (3, 2, 0, 0, 1)


def test_an_earlier_life_keeps_its_own_account(two_lives: Connection) -> None:
    assert _account(two_lives, 1000, 1010) == (10, 4, 1, 1, 4)


def test_the_totals_are_of_all_lives(two_lives: Connection) -> None:
    totals = two_lives.execute(
        "select received, inserted, duplicate, rejected, batches from market.ingest_totals"
    ).fetchone()
    assert totals == (8, 6, 1, 1, 3)


def test_folding_old_batches_changes_no_account(undone: Connection) -> None:
    _batch(undone, "{[1000,1004)}", inserted=3, duplicate=1)
    _batch(undone, "{[1006,1008)}", inserted=1, rejected=1)
    assert TickWriter(undone, "a").fold(datetime.now(UTC) + timedelta(days=1), 1000) == 2
    assert _account(undone, 1000, 1010) == (10, 4, 1, 1, 4)
    with pytest.raises(ExclusionViolation):
        _batch(undone, "{[1007,1008)}", inserted=1)


def test_folding_keeps_the_lives_of_the_bus_apart(two_lives: Connection) -> None:
    TickWriter(two_lives, "a").fold(datetime.now(UTC) + timedelta(days=1), 5000)
    assert _account(two_lives, 5000, 5003) == (3, 2, 0, 0, 1)
