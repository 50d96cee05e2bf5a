"""What of a trade date is copied at a time, and in what order tables are replaced."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from thor.database.tables import Measure, Table, groups
from thor.flow.copy_database.ticks import _SLICE_TICKS, _slices

HOUR = timedelta(hours=1)
FIRST = datetime(2024, 6, 30, 22, tzinfo=UTC)
measures = st.builds(Measure, st.integers(1, 2 * _SLICE_TICKS), st.integers(-9, 9))
hours = st.integers(0, 23).map(lambda number: FIRST + number * HOUR)


@given(st.dictionaries(hours, measures), st.dictionaries(hours, measures), st.data())
def test_slices_hold_each_hour_that_differs_once_and_no_other(
    wanted: dict[datetime, Measure], has: dict[datetime, Measure], data: st.DataObject
) -> None:
    # Of the target some hours are equal, some are not.
    has |= {hour: wanted[hour] for hour in wanted if data.draw(st.booleans())}
    wanted = dict(sorted(wanted.items()))
    held: list[datetime] = []
    for piece in _slices(wanted, has):
        inside = [hour for hour in wanted if piece.ts_from <= hour < piece.ts_to]
        held += inside
        ticks = sum(wanted[hour].records for hour in inside)
        assert ticks <= _SLICE_TICKS or len(inside) == 1
        assert {hour in has for hour in inside} == {piece.is_there}
    assert held == [hour for hour in wanted if has.get(hour) != wanted[hour]]


def table(name: str, *parents: str) -> Table:
    return Table(name, parents, *[""] * 7)


def names(found: list[list[Table]]) -> list[list[str]]:
    return [[table.name for table in group] for group in found]


def test_tables_that_foreign_keys_hold_together_are_replaced_together_parents_first() -> None:
    tables = [
        table("clocks", "sources"),
        table("gaps"),
        table("preferences", "instruments", "sources"),
        table("series", "instruments"),
        table("instruments"),
        table("sources"),
        table("rolls", "series"),
    ]
    found = names(groups(tables))
    assert sorted(map(sorted, found)) == [
        ["clocks", "instruments", "preferences", "rolls", "series", "sources"],
        ["gaps"],
    ]
    place = {name: number for group in found for number, name in enumerate(group)}
    assert place["instruments"] < place["series"] < place["rolls"]
    assert max(place["instruments"], place["sources"]) < place["preferences"]
    assert place["sources"] < place["clocks"]


def test_tables_that_name_each_other_are_all_replaced() -> None:
    tables = [table("a", "b"), table("b", "a"), table("c")]
    assert sorted(map(sorted, names(groups(tables)))) == [["a", "b"], ["c"]]
