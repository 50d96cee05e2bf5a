-- Stage     30 ticks
-- Makes     market.ticks_between(text, timestamptz, timestamptz, integer)
-- Kind      function
-- Grain     one row a tick
-- Known at  received_at
-- Reads     market.ticks
-- Nulls     as market.ticks
-- Why       The newest ticks of one symbol in order, without remembering by
--           what they are ordered.

create function market.ticks_between(
    of_symbol text,
    ts_from timestamptz,
    ts_to timestamptz,
    rows_max integer
)
returns setof market.ticks
language sql stable parallel safe
begin atomic
    select newest.*
    from (
        select t.*
        from market.ticks as t
        where
            t.symbol = of_symbol
            and t.ts >= coalesce(ts_from, '-infinity')
            and t.ts < coalesce(ts_to, 'infinity')
        order by t.ts desc, t.seq desc, t.source desc
        limit rows_max
    ) as newest
    order by newest.ts, newest.seq, newest.source;
end;

comment on function market.ticks_between(
    text, timestamptz, timestamptz, integer
) is
    'The newest rows_max ticks of a symbol with ts_from <= ts < ts_to, oldest '
    'first; a null bound is open.';
