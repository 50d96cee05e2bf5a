-- Stage     45 studies
-- Makes     studies.first_touch(text, boolean, boolean, numeric, numeric,
--           timestamptz, timestamptz)
-- Kind      function
-- Grain     one row, or none
-- Known at  ts
-- Reads     market.ticks
-- Nulls     no row where no tick touches a target
-- Why       A grade is what the ticks did, and not what a poll happened to see:
--           the first tick in order decides.

create function studies.first_touch(
    of_symbol text,
    is_long boolean,
    is_by_last boolean,
    target_high numeric,
    target_low numeric,
    ts_after timestamptz,
    ts_to timestamptz
)
returns table (
    ts timestamptz, seq bigint, source text, price numeric, hit_type text
)
language sql stable strict parallel safe rows 1
begin atomic
    select
        t.ts,
        t.seq,
        t.source,
        p.price,
        case
            when
                is_long and p.price <= target_low
                or not is_long and p.price >= target_high
                then 'STOP'
            else 'TARGET'
        end
    from market.ticks as t
    cross join lateral (
        select
            case
                when is_by_last then t.last
                when is_long then t.bid
                else t.ask
            end as price
    ) as p
    where
        t.symbol = of_symbol
        and t.ts > ts_after
        and t.ts <= ts_to
        and (p.price >= target_high or p.price <= target_low)
    order by t.ts, t.seq, t.source
    limit 1;
end;

comment on function studies.first_touch(
    text, boolean, boolean, numeric, numeric, timestamptz, timestamptz
) is
    'The first tick of a symbol after an instant, until another, that touches '
    'a target: a long entry leaves at the bid, a short one at the ask, or '
    'both by last. hit_type is STOP or TARGET.';
