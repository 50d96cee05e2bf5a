-- Stage     40 bars
-- Makes     market.bars_1h
-- Kind      view
-- Grain     one row a (symbol, hour) with a tick or an imported bar
-- Known at  known_at
-- Reads     market._bars_5m, market._bars_1h, market.bars_imported,
--           market.covers(bigint, bigint, bigint, bigint, interval, interval),
--           reference.own_date_symbols()
-- Nulls     prices where nothing traded or was quoted; values that a file lacks
-- Why       The same view on both editions. A computed bar stands where its
--           ticks cover it, or no vendor's bar is there. Buckets are labelled
--           by their left edge.

create view market.bars_1h as
select
    b.symbol,
    b.bar_start,
    b.bar_start + interval '1 hour' as bar_end,
    b.bar_start + interval '1 hour' + interval '1 second' as known_at,
    case
        when b.symbol = any((select reference.own_date_symbols())::text[])
            then (b.bar_start at time zone 'America/New_York')::date
        else (
            (b.bar_start at time zone 'America/Chicago') + interval '7 hours'
        )::date
    end as trade_date,
    b.open::numeric(18, 8) as open,
    b.high::numeric(18, 8) as high,
    b.low::numeric(18, 8) as low,
    b.close::numeric(18, 8) as close,
    case when b.trades = 0 then 0 else b.volume end as volume,
    case
        when b.trades = 0 then 0
        when b.volume_buy is not null or b.volume_sell is not null
            then coalesce(b.volume_buy, 0)
    end as volume_buy,
    case
        when b.trades = 0 then 0
        when b.volume_buy is not null or b.volume_sell is not null
            then coalesce(b.volume_sell, 0)
    end as volume_sell,
    b.trades,
    b.ticks,
    (b.notional / nullif(b.volume, 0))::numeric(18, 8) as vwap,
    b.bid_close::numeric(18, 8) as bid_close,
    b.ask_close::numeric(18, 8) as ask_close,
    (b.spread_sum / nullif(b.quotes, 0))::numeric(18, 8) as spread_mean,
    b.late_1h as late_ticks,
    b.is_sampled,
    false as is_imported,
    b.changed_at
from market._bars_1h as b
left join lateral (
    select
        true as is_there,
        n.trades,
        n.volume
    from market.bars_imported as n
    where
        n.symbol = b.symbol
        and n.width = '1h'
        and n.bar_start = b.bar_start
    limit 1
) as i on true
where
    i.is_there is null
    or market.covers(
        b.trades, b.volume, i.trades, i.volume, interval '1 hour',
        (
            select max(f.bar_start) - min(f.bar_start)
                + interval '5 minutes'
            from market._bars_5m as f
            where
                f.symbol = b.symbol
                and f.bar_start >= b.bar_start
                and f.bar_start < b.bar_start + interval '1 hour'
                and f.trades > 0
        )
    )
union all
select
    i.symbol,
    i.bar_start,
    i.bar_start + interval '1 hour' as bar_end,
    i.bar_start + interval '1 hour' + interval '1 second' as known_at,
    case
        when i.symbol = any((select reference.own_date_symbols())::text[])
            then (i.bar_start at time zone 'America/New_York')::date
        else (
            (i.bar_start at time zone 'America/Chicago') + interval '7 hours'
        )::date
    end as trade_date,
    i.open,
    i.high,
    i.low,
    i.close,
    i.volume,
    i.volume_buy,
    i.volume_sell,
    i.trades,
    0::bigint as ticks,
    null::numeric(18, 8) as vwap,
    null::numeric(18, 8) as bid_close,
    null::numeric(18, 8) as ask_close,
    null::numeric(18, 8) as spread_mean,
    0::bigint as late_ticks,
    false as is_sampled,
    true as is_imported,
    i.imported_at as changed_at
from market.bars_imported as i
where
    i.width = '1h'
    and not exists (
        select 1
        from market._bars_1h as b
        where
            b.symbol = i.symbol
            and b.bar_start = i.bar_start
            and market.covers(
                b.trades, b.volume, i.trades, i.volume, interval '1 hour',
                (
                    select max(f.bar_start) - min(f.bar_start)
                        + interval '5 minutes'
                    from market._bars_5m as f
                    where
                        f.symbol = b.symbol
                        and f.bar_start >= b.bar_start
                        and f.bar_start < b.bar_start + interval '1 hour'
                        and f.trades > 0
                )
            )
    );

comment on view market.bars_1h is
    'Bars of one hour, of ticks or, where those do not cover it, imported.';
select market.copy_comments('market.bars_1s', 'market.bars_1h');
