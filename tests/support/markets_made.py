"""A row of reference.market_days for each kind of day, written by hand."""

from typing import Any

import psycopg

# Tokyo and New York of the week of Thanksgiving 2026: Monday is a holiday in Tokyo, Thursday in
# New York, whose Friday ends at 13:00. Times UTC.
DAYS = """
insert into reference.market_days (
    market, day, open_at, close_at, lunch_start_at, lunch_end_at, is_holiday, note, confidence
)
select
    v.market, v.day::date,
    (v.day || ' ' || v.opens || '+00')::timestamptz,
    (v.day || ' ' || v.closes || '+00')::timestamptz,
    (v.day || ' ' || v.lunch_start || '+00')::timestamptz,
    (v.day || ' ' || v.lunch_end || '+00')::timestamptz,
    v.opens is null, v.note, v.confidence
from (
    values
    ('Japan', '2026-11-20', '00:00', '06:30', '02:30', '03:30', null, 'library'),
    ('Japan', '2026-11-23', null, null, null, null, 'Labour Thanksgiving Day', 'library'),
    ('Japan', '2026-11-24', '00:00', '06:30', '02:30', '03:30', null, 'library'),
    ('Japan', '2026-11-25', '00:00', '06:30', '02:30', '03:30', null, 'unconfirmed'),
    ('Japan', '2026-11-26', '00:00', '06:30', '02:30', '03:30', null, 'library'),
    ('Japan', '2026-11-27', '00:00', '06:30', '02:30', '03:30', null, 'library'),
    ('USA', '2026-11-25', '14:30', '21:00', null, null, null, 'library'),
    ('USA', '2026-11-26', null, null, null, null, 'Thanksgiving', 'library'),
    ('USA', '2026-11-27', '14:30', '18:00', null, null, 'early close', 'library'),
    ('USA', '2026-11-30', '14:30', '21:00', null, null, null, 'library')
) as v (market, day, opens, closes, lunch_start, lunch_end, note, confidence)
"""


def make_days(connection: psycopg.Connection[Any]) -> None:
    """Write the days, and leave out every market that has none."""
    connection.execute("delete from reference.market_days")
    connection.execute("delete from reference.markets where market not in ('Japan', 'USA')")
    connection.execute(DAYS)
