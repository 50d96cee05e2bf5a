-- Stage     40 bars
-- Compares a vendor's bars with those of the ticks.

-- name: bar_differences
select
    d.width,
    d.symbol,
    d.bar_start,
    d.field,
    trim_scale(d.imported) as imported,
    trim_scale(d.computed) as computed,
    d.is_partial,
    d.file
from market.bars_compared(
    %(width)s::text, %(symbol)s::text, %(ts_from)s::timestamptz,
    %(ts_to)s::timestamptz
) as d
where not d.is_equal
order by
    d.bar_start, d.symbol, d.width,
    array_position(
        array['open', 'high', 'low', 'close', 'volume', 'trades'], d.field
    )
limit %(limit)s::integer;

-- name: bar_fields_compared
select
    d.field,
    count(*) filter (where d.is_equal) as equal,
    count(*) filter (where not d.is_equal) as different,
    count(*) filter (where d.is_equal is null) as unknown
from market.bars_compared(
    %(width)s::text, %(symbol)s::text, %(ts_from)s::timestamptz,
    %(ts_to)s::timestamptz
) as d
group by d.field
order by array_position(
    array['open', 'high', 'low', 'close', 'volume', 'trades'], d.field
);
