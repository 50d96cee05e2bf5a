-- Stage     30 ticks
-- Makes     market.ticks_between(text, timestamptz, timestamptz, integer,
--           timestamptz, bigint, text)
-- Kind      function
-- Grain     one row a tick
-- Known at  received_at
-- Reads     market.ticks, reference.range_from(timestamptz, timestamptz),
--           reference.listed(text)
-- Nulls     as market.ticks
-- Why       The newest ticks of one symbol, already in order. The page before
--           ends at a tick, not at an instant: ts alone would lose ticks of the
--           same instant.

create function market.ticks_between(
    of_symbol text,
    ts_from timestamptz,
    ts_to timestamptz,
    rows_max integer,
    before_ts timestamptz default null,
    before_seq bigint default null,
    before_source text default null
)
returns setof market.ticks
language sql stable parallel safe
begin atomic
    select newest.*
    from (
        select t.*
        from market.ticks as t
        where
            t.symbol = reference.listed(of_symbol)
            and t.ts >= reference.range_from(ts_from, ts_to)
            and t.ts < coalesce(ts_to, 'infinity')
            and t.ts <= coalesce(before_ts, 'infinity')
            and (
                before_ts is null
                or (t.ts, t.seq, t.source)
                < (
                    before_ts, coalesce(before_seq, 0),
                    coalesce(before_source, '')
                )
            )
        order by t.ts desc, t.seq desc, t.source desc
        limit rows_max
    ) as newest
    order by newest.ts, newest.seq, newest.source;
end;

comment on function market.ticks_between(
    text, timestamptz, timestamptz, integer, timestamptz, bigint, text
) is
    'The newest rows_max ticks of a symbol with ts_from <= ts < ts_to, oldest '
    'first; a null bound is open, and from after to is refused. With ts, seq '
    'and source of the first row of '
    'a page as before_ts, before_seq and before_source: the page before it, '
    'which loses no tick of one instant.';
