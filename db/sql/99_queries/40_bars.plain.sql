-- Stage     40 bars
-- Recomputes bars on the plain edition.

-- name: rebuild_bars
select market.rebuild_bars(
    %(hour_from)s::timestamptz, %(hour_to)s::timestamptz
) as ticks;
