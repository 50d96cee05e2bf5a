"""The stretches of time that a batch's ticks lie in, and how many of them one looks at."""

from datetime import UTC, datetime, timedelta

from thor.market.ticks.batch import stretches

T = datetime(2024, 7, 1, 14, tzinfo=UTC)


def at(*minutes: float) -> list[datetime]:
    return [T + timedelta(minutes=minute) for minute in minutes]


def spans(*ends: tuple[float, float]) -> list[tuple[datetime, datetime]]:
    return [(at(first)[0], at(last)[0]) for first, last in ends]


def test_instants_within_a_minute_of_each_other_are_one_stretch() -> None:
    assert stretches(at(0, 0.5, 1.5, 9, 10)) == spans((0, 1.5), (9, 10))


def test_of_too_many_stretches_the_nearest_are_one() -> None:
    # Gaps of 3, 20, 5 and 60 minutes.
    instants = at(0, 3, 23, 28, 88)
    assert stretches(instants, 5) == spans((0, 0), (3, 3), (23, 23), (28, 28), (88, 88))
    assert stretches(instants, 3) == spans((0, 3), (23, 28), (88, 88))
    assert stretches(instants, 2) == spans((0, 28), (88, 88))
    assert stretches(instants, 1) == spans((0, 88))


def test_equal_gaps_leave_no_more_stretches_than_asked_for() -> None:
    assert stretches(at(0, 10, 20, 30), 3) == spans((0, 30))
