-- Stage     40 bars, 10 reference
-- Bars of continuous series for the API.

-- The front months are read from the newest back, until they have as many bars
-- as wanted, so that the cost of a page follows its size. It also returns
-- whether the rule has any roll of the root.
-- name: continuous_page
with recursive fronts as (
    select
        f.contract,
        least(
            greatest(f.starts_at, %(ts_from)s::timestamptz),
            f.ends_at, %(ts_to)s::timestamptz
        ) as ts_from,
        least(f.ends_at, %(ts_to)s::timestamptz) as ts_to,
        row_number() over (order by f.starts_at desc) as number
    from market.front_months as f
    where f.root = %(symbol)s::text and f.rule = %(rule)s::text
),

walk as (
    select
        0::bigint as number,
        0::bigint as bars,
        null::timestamptz as bar_start
    union all
    select
        f.number,
        w.bars + found.bars,
        coalesce(found.bar_start, w.bar_start)
    from walk as w
    inner join fronts as f on f.number = w.number + 1
    cross join lateral (
        select
            count(*) as bars,
            min(b.bar_start) as bar_start
        from market.bars_between(
            %(width)s::text, f.contract, f.ts_from, f.ts_to,
            (%(limit)s::integer - w.bars)::integer
        ) as b
    ) as found
    where w.bars < %(limit)s::integer
),

bars as (
    select c.*
    from market.continuous_1m as c
    where
        %(width)s::text = '1m'
        and c.symbol = %(symbol)s::text
        and c.rule = %(rule)s::text
        and c.adjustment = %(adjusted)s::text
        and c.bar_start >= (select min(w.bar_start) from walk as w)
        and c.bar_start < coalesce(%(ts_to)s::timestamptz, 'infinity')
    union all
    select c.*
    from market.continuous_5m as c
    where
        %(width)s::text = '5m'
        and c.symbol = %(symbol)s::text
        and c.rule = %(rule)s::text
        and c.adjustment = %(adjusted)s::text
        and c.bar_start >= (select min(w.bar_start) from walk as w)
        and c.bar_start < coalesce(%(ts_to)s::timestamptz, 'infinity')
    union all
    select c.*
    from market.continuous_1h as c
    where
        %(width)s::text = '1h'
        and c.symbol = %(symbol)s::text
        and c.rule = %(rule)s::text
        and c.adjustment = %(adjusted)s::text
        and c.bar_start >= (select min(w.bar_start) from walk as w)
        and c.bar_start < coalesce(%(ts_to)s::timestamptz, 'infinity')
    union all
    select c.*
    from market.continuous_1d as c
    where
        %(width)s::text = '1d'
        and c.symbol = %(symbol)s::text
        and c.rule = %(rule)s::text
        and c.adjustment = %(adjusted)s::text
        and c.bar_start >= (select min(w.bar_start) from walk as w)
        and c.bar_start < coalesce(%(ts_to)s::timestamptz, 'infinity')
)

select
    coalesce(
        json_agg(
            market.bar_json(
                row(
                    b.symbol, b.bar_start, b.bar_end, b.known_at,
                    b.trade_date, b.open, b.high, b.low, b.close, b.volume,
                    b.volume_buy, b.volume_sell, b.trades, b.ticks, b.vwap,
                    b.bid_close, b.ask_close, b.spread_mean, b.late_ticks,
                    b.is_sampled, b.is_imported, b.changed_at
                )::market.bars_1m,
                %(decimals)s::integer,
                b.known_at > %(as_of)s::timestamptz
                and not b.is_imported
                and (
                    b.bar_start <= %(as_of)s::timestamptz
                    or b.changed_at > %(heard_after)s::timestamptz
                ),
                b.contract, b.rule, b.adjustment
            )
            order by b.bar_start
        ),
        '[]'::json
    )::text as page,
    exists (select from fronts) as is_known
from bars as b;
