"""Pacing gives each tick its moment, never early, and adds up no delays."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.domain.tick import Tick
from thor.errors import Rejected
from thor.market.collect.files.pace import paced, parse_speed

START = datetime(2024, 7, 1, 14, 30, tzinfo=UTC)


def tick(seq: int, ms: int) -> Tick:
    ts = START + timedelta(milliseconds=ms)
    return Tick(symbol="ES", ts=ts, seq=seq, source="SIM", received_at=ts, last=Decimal(1))


def plan(offsets: list[list[int]], speed: float | None, rows_max: int = 1000) -> list[tuple]:
    seqs = iter(range(10_000))
    batches = [[tick(next(seqs), ms) for ms in batch] for batch in offsets]
    return [(due, [t.seq for t in ticks]) for due, ticks in paced(batches, speed, rows_max)]


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("1x", 1.0),
        ("10x", 10.0),
        ("0.5x", 0.5),
        (" 60X ", 60.0),
        ("max", None),
        ("MAX", None),
    ],
)
def test_a_speed_is_a_multiple_of_the_market_s_or_max(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "0x", "0.0x", "-1x", "10", "nanx", "infx", "1e3x"])
def test_another_speed_is_refused_with_the_forms_that_are_taken(text: str) -> None:
    with pytest.raises(Rejected, match=r"speed: .* is not taken; 1x, 10x, 0\.5x .* max"):
        parse_speed(text)


def test_ticks_of_one_moment_come_together_across_batches() -> None:
    assert plan([[0, 0, 500], [500, 2_000]], 1.0) == [
        (0.0, [0, 1]),
        (0.5, [2, 3]),
        (2.0, [4]),
    ]


def test_ten_times_as_fast_takes_a_tenth_of_the_time_and_half_as_fast_twice() -> None:
    assert plan([[0, 500, 2_000]], 10.0) == [(0.0, [0]), (0.05, [1]), (0.2, [2])]
    assert plan([[0, 500, 2_000]], 0.5) == [(0.0, [0]), (1.0, [1]), (4.0, [2])]


def test_a_tick_from_before_is_due_with_the_one_it_follows() -> None:
    assert plan([[0, 1_000, 400, 1_000, 1_500]], 1.0) == [
        (0.0, [0]),
        (1.0, [1, 2, 3]),
        (1.5, [4]),
    ]


def test_a_crowded_moment_is_given_in_entries_of_bounded_size() -> None:
    assert plan([[0] * 5, [7]], 1.0, rows_max=2) == [
        (0.0, [0, 1]), (0.0, [2, 3]), (0.0, [4]), (0.007, [5]),
    ]  # fmt: skip


def test_at_full_speed_everything_is_due_at_once() -> None:
    assert plan([[0, 500, 900], [60_000]], None, rows_max=2) == [
        (0.0, [0, 1]), (0.0, [2]), (0.0, [3]),
    ]  # fmt: skip


def test_an_empty_tape_has_nothing_due() -> None:
    assert plan([], 1.0) == plan([[], []], None) == []


@given(
    st.lists(st.lists(st.integers(0, 5_000), max_size=20), max_size=8),
    st.sampled_from([0.5, 1.0, 10.0, None]),
    st.integers(1, 7),
)
def test_every_tick_comes_once_in_order_and_never_before_its_time(
    offsets: list[list[int]], speed: float | None, rows_max: int
) -> None:
    seqs = iter(range(10_000))
    batches = [[tick(next(seqs), ms) for ms in batch] for batch in offsets]
    entries = list(paced(batches, speed, rows_max))
    assert [t for _, ticks in entries for t in ticks] == [t for batch in batches for t in batch]
    assert all(0 < len(ticks) <= rows_max for _, ticks in entries)
    dues = [due for due, _ in entries]
    assert dues == sorted(dues)
    if speed is not None and entries:
        first = entries[0][1][0].ts
        for due, ticks in entries:
            assert all(due * speed >= (t.ts - first).total_seconds() - 1e-9 for t in ticks)
