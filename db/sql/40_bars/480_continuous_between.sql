-- Stage     40 bars
-- Makes     market.continuous_between(text, text, text, text, timestamptz,
--           timestamptz, integer)
-- Kind      function
-- Grain     one row a bar
-- Known at  known_at
-- Reads     market._front_levels, market.continuous_1m, market.bars_1m,
--           market.bars_between(text, text, timestamptz, timestamptz, integer),
--           reference.range_from(timestamptz, timestamptz),
--           reference.listed(text)
-- Nulls     as market.continuous_1m
-- Why       The newest bars of a continuous series without a range: from the
--           newest front month back it goes no further than they reach.

create function market.continuous_between(
    of_width text,
    of_root text,
    of_rule text,
    of_adjustment text,
    ts_from timestamptz,
    ts_to timestamptz,
    rows_max integer
)
returns setof market.continuous_1m
language sql stable parallel safe
begin atomic
    with recursive levels as (
        select
            f.*,
            -- No later than last: a month outside the range has no bars.
            least(greatest(ts_from, f.starts_at), ts_to, f.ends_at) as first,
            least(ts_to, f.ends_at) as last,
            row_number() over (order by f.starts_at desc) as place
        from market._front_levels as f
        where
            reference.listed(of_root) is not null
            and reference.range_from(ts_from, ts_to) is not null
            and f.root = upper(of_root)
            and f.rule = of_rule
            and f.adjustment = of_adjustment
            and f.starts_at < coalesce(ts_to, 'infinity')
            and f.ends_at > reference.range_from(ts_from, ts_to)
    ),

    reached as (
        select
            1::bigint as place,
            0::bigint as bars
        union all
        select
            r.place + 1,
            r.bars + (
                select count(*)
                from market.bars_between(
                    of_width, l.contract, l.first, l.last, rows_max
                )
            )
        from reached as r
        inner join levels as l on l.place = r.place
        where r.bars < rows_max
    )

    select newest.*
    from (
        select
            l.root,
            b.bar_start,
            b.bar_end,
            b.known_at,
            b.trade_date,
            (b.open * l.factor + l.shift)::numeric(18, 8),
            (b.high * l.factor + l.shift)::numeric(18, 8),
            (b.low * l.factor + l.shift)::numeric(18, 8),
            (b.close * l.factor + l.shift)::numeric(18, 8),
            b.volume,
            b.volume_buy,
            b.volume_sell,
            b.trades,
            b.ticks,
            (b.vwap * l.factor + l.shift)::numeric(18, 8),
            (b.bid_close * l.factor + l.shift)::numeric(18, 8),
            (b.ask_close * l.factor + l.shift)::numeric(18, 8),
            (b.spread_mean * l.factor)::numeric(18, 8),
            b.late_ticks,
            b.is_sampled,
            b.is_imported,
            greatest(b.changed_at, l.changed_at),
            l.contract,
            l.rule,
            l.adjustment
        from levels as l
        inner join reached as r on r.place = l.place and r.bars < rows_max
        cross join lateral market.bars_between(
            of_width, l.contract, l.first, l.last, rows_max
        ) as b
        order by b.bar_start desc
        limit rows_max
    ) as newest
    order by newest.bar_start;
end;

comment on function market.continuous_between(
    text, text, text, text, timestamptz, timestamptz, integer
) is
    'The newest rows_max bars of a root''s continuous series by width (1m, 5m, '
    '1h, 1d), rule and adjustment (raw, difference, ratio) with ts_from <= '
    'bar_start < ts_to, oldest first; a null bound is open.';
