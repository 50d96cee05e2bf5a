-- Room      40 bars
-- Makes     market.bars_between(text, text, timestamptz, timestamptz, integer)
-- Kind      function
-- Grain     one row a bar
-- Known at  known_at
-- Reads     market.bars_1s, market.bars_1m, market.bars_5m, market.bars_1h,
--           market.bars_1d
-- Nulls     as the views
-- Why       The newest bars of one symbol and width, in order. Each width has a
--           limit of its own, so that an open range is not read whole.

create function market.bars_between(
    of_width text,
    of_symbol text,
    ts_from timestamptz,
    ts_to timestamptz,
    rows_max integer
)
returns setof market.bars_1m
language sql stable parallel safe
begin atomic
    select newest.*
    from (
        (
            select b.*
            from market.bars_1s as b
            where
                of_width = '1s'
                and b.symbol = of_symbol
                and b.bar_start >= coalesce(ts_from, '-infinity')
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        )
        union all
        (
            select b.*
            from market.bars_1m as b
            where
                of_width = '1m'
                and b.symbol = of_symbol
                and b.bar_start >= coalesce(ts_from, '-infinity')
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        )
        union all
        (
            select b.*
            from market.bars_5m as b
            where
                of_width = '5m'
                and b.symbol = of_symbol
                and b.bar_start >= coalesce(ts_from, '-infinity')
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        )
        union all
        (
            select b.*
            from market.bars_1h as b
            where
                of_width = '1h'
                and b.symbol = of_symbol
                and b.bar_start >= coalesce(ts_from, '-infinity')
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        )
        union all
        (
            select b.*
            from market.bars_1d as b
            where
                of_width = '1d'
                and b.symbol = of_symbol
                and b.bar_start >= coalesce(ts_from, '-infinity')
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        )
    ) as newest
    order by newest.bar_start;
end;

comment on function market.bars_between(
    text, text, timestamptz, timestamptz, integer
) is
    'The newest rows_max bars of a symbol and width (1s, 1m, 5m, 1h, 1d) with '
    'ts_from <= bar_start < ts_to, oldest first; a null bound is open.';
