-- Stage     40 bars
-- Makes     market.merge_bars(market._bars[])
-- Kind      function
-- Grain     one call a statement that inserts ticks
-- Known at  –
-- Reads     market._bars
-- Nulls     –
-- Why       Adds one-second bars of new ticks, and the wider bars that are made
--           of them, to the stored ones. One order of rows for all writers,
--           fine to coarse, so that they cannot deadlock. A rebuild keeps
--           writers out of its hours by the advisory locks.

create function market.merge_bars(seconds market._bars[]) returns void
language plpgsql as $$
declare
    parts market._bars[] := seconds;
    every market._bars[] := seconds;
    step record;
begin
    for step in
        select * from (values
            ('1m', interval '1 minute'),
            ('5m', interval '5 minutes'),
            ('1h', interval '1 hour')
        ) as s (width, length)
    loop
        select array_agg(row(p.*)::market._bars) into parts
        from (
            select
                b.symbol,
                date_bin(step.length, b.bar_start, timestamptz 'epoch'),
                step.width,
                (array_agg(b.open order by b.bar_start)
                    filter (where b.open_key is not null))[1],
                max(b.high),
                min(b.low),
                (array_agg(b.close order by b.bar_start)
                    filter (where b.close_key is not null))[count(b.close)],
                sum(b.volume),
                sum(b.volume_buy),
                sum(b.volume_sell),
                sum(b.trades),
                sum(b.ticks),
                sum(b.notional),
                (array_agg(b.bid_close order by b.bar_start)
                    filter (where b.bid_close is not null))[count(b.bid_close)],
                (array_agg(b.ask_close order by b.bar_start)
                    filter (where b.ask_close is not null))[count(b.ask_close)],
                sum(b.spread_sum),
                sum(b.quotes),
                sum(b.late_1s),
                sum(b.late_1m),
                sum(b.late_5m),
                sum(b.late_1h),
                sum(b.late_1d),
                bool_or(b.is_sampled),
                max(b.changed_at),
                (array_agg(b.open_key order by b.bar_start)
                    filter (where b.open_key is not null))[1],
                (array_agg(b.close_key order by b.bar_start)
                    filter (where b.close_key is not null))[count(b.close_key)],
                (array_agg(b.bid_key order by b.bar_start)
                    filter (where b.bid_key is not null))[count(b.bid_key)],
                (array_agg(b.ask_key order by b.bar_start)
                    filter (where b.ask_key is not null))[count(b.ask_key)]
            from unnest(parts) as b
            group by
                b.symbol,
                date_bin(step.length, b.bar_start, timestamptz 'epoch')
            order by 1, 2
        ) as p;
        every := every || parts;
    end loop;
    -- Hours by their remainder: a tape of years takes no more than 64 locks.
    perform pg_advisory_xact_lock_shared(7405108, h.hour)
    from (
        select distinct
            ((extract(epoch from b.bar_start) / 3600)::bigint % 64)::integer
                as hour
        from unnest(parts) as b
        order by 1
    ) as h;
    insert into market._bars as b
    select e.* from unnest(every) as e
    on conflict (symbol, bar_start, width) do update set
        open = case
            when b.open_key is null or excluded.open_key < b.open_key
                then excluded.open else b.open
        end,
        high = greatest(b.high, excluded.high),
        low = least(b.low, excluded.low),
        close = case
            when b.close_key is null or excluded.close_key > b.close_key
                then excluded.close else b.close
        end,
        volume = coalesce(
            b.volume + excluded.volume, b.volume, excluded.volume
        ),
        volume_buy = coalesce(
            b.volume_buy + excluded.volume_buy,
            b.volume_buy, excluded.volume_buy
        ),
        volume_sell = coalesce(
            b.volume_sell + excluded.volume_sell,
            b.volume_sell, excluded.volume_sell
        ),
        trades = b.trades + excluded.trades,
        ticks = b.ticks + excluded.ticks,
        notional = coalesce(
            b.notional + excluded.notional, b.notional, excluded.notional
        ),
        bid_close = case
            when b.bid_key is null or excluded.bid_key > b.bid_key
                then excluded.bid_close else b.bid_close
        end,
        ask_close = case
            when b.ask_key is null or excluded.ask_key > b.ask_key
                then excluded.ask_close else b.ask_close
        end,
        spread_sum = coalesce(
            b.spread_sum + excluded.spread_sum,
            b.spread_sum, excluded.spread_sum
        ),
        quotes = b.quotes + excluded.quotes,
        late_1s = b.late_1s + excluded.late_1s,
        late_1m = b.late_1m + excluded.late_1m,
        late_5m = b.late_5m + excluded.late_5m,
        late_1h = b.late_1h + excluded.late_1h,
        late_1d = b.late_1d + excluded.late_1d,
        is_sampled = b.is_sampled or excluded.is_sampled,
        changed_at = greatest(b.changed_at, excluded.changed_at),
        open_key = least(b.open_key, excluded.open_key),
        close_key = greatest(b.close_key, excluded.close_key),
        bid_key = greatest(b.bid_key, excluded.bid_key),
        ask_key = greatest(b.ask_key, excluded.ask_key);
end $$;

comment on function market.merge_bars(market._bars []) is
    'Adds one-second bars of new ticks, and their wider bars, to the stored '
    'ones.';
