-- Stage     40 bars
-- Makes     market.rebuild_bars(timestamptz, timestamptz)
-- Kind      function
-- Grain     one call a slice of whole hours
-- Known at  –
-- Reads     reference.series, market.ticks, market._bars, type market.tick_key,
--           market.merge_bars(market._bars[])
-- Nulls     –
-- Why       Recomputes the bars of some hours from their ticks. Writers of
--           those hours wait for it, or it waits for them: either way every
--           tick is counted once.

create function market.rebuild_bars(hour_from timestamptz, hour_to timestamptz)
returns bigint
language plpgsql as $$
declare
    parts market._bars[];
    rebuilt bigint;
begin
    if date_bin('1 hour', hour_from, timestamptz 'epoch') <> hour_from
        or date_bin('1 hour', hour_to, timestamptz 'epoch') <> hour_to
        or not hour_from < hour_to
    then
        raise exception 'rebuild_bars: % to % are not whole hours',
            hour_from, hour_to using errcode = 'invalid_parameter_value';
    end if;
    perform pg_advisory_xact_lock(7405108, h.hour)
    from (
        select distinct
            ((extract(epoch from g.at) / 3600)::bigint % 64)::integer as hour
        from generate_series(
            hour_from, hour_to - interval '1 hour', interval '1 hour'
        ) as g (at)
        order by 1
    ) as h;
    delete from market._bars as b
    where
        b.symbol = any(array(select r.symbol from reference.series as r))
        and b.bar_start >= hour_from
        and b.bar_start < hour_to;
    select array_agg(row(p.*)::market._bars), sum(p.ticks) into parts, rebuilt
    from (
        select
            t.symbol,
            date_bin('1 second', t.ts, timestamptz 'epoch') as bar_start,
            '1s' as width,
            (array_agg(t.last order by t.ts, t.seq, t.source)
                filter (where t.is_trade))[1] as open,
            max(t.last) filter (where t.is_trade) as high,
            min(t.last) filter (where t.is_trade) as low,
            (array_agg(t.last order by t.ts, t.seq, t.source)
                filter (where t.is_trade))
                [count(*) filter (where t.is_trade)] as close,
            sum(t.volume_delta) filter (where t.is_trade),
            sum(t.volume_delta) filter (where t.is_trade and t.side = 'B'),
            sum(t.volume_delta) filter (where t.is_trade and t.side = 'S'),
            count(*) filter (where t.is_trade) as trades,
            count(*) as ticks,
            sum(t.last * t.volume_delta) filter (where t.is_trade),
            (array_agg(t.bid order by t.ts, t.seq, t.source)
                filter (where t.bid is not null))[count(t.bid)],
            (array_agg(t.ask order by t.ts, t.seq, t.source)
                filter (where t.ask is not null))[count(t.ask)],
            sum(t.ask - t.bid),
            count(t.ask - t.bid),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - date_bin('1 second', t.ts, timestamptz 'epoch')
                > interval '2 seconds'
            ),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - date_bin('1 minute', t.ts, timestamptz 'epoch')
                > interval '61 seconds'
            ),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - date_bin('5 minutes', t.ts, timestamptz 'epoch')
                > interval '301 seconds'
            ),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - date_bin('1 hour', t.ts, timestamptz 'epoch')
                > interval '3601 seconds'
            ),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - ((t.trade_date + time '17:00')
                    at time zone 'America/Chicago')
                > interval '1 second'
            ),
            bool_or(t.is_sampled),
            max(t.created_at),
            (array_agg(row(t.ts, t.seq, t.source)::market.tick_key
                order by t.ts, t.seq, t.source)
                filter (where t.is_trade))[1],
            (array_agg(row(t.ts, t.seq, t.source)::market.tick_key
                order by t.ts, t.seq, t.source)
                filter (where t.is_trade))
                [count(*) filter (where t.is_trade)],
            (array_agg(row(t.ts, t.seq, t.source)::market.tick_key
                order by t.ts, t.seq, t.source)
                filter (where t.bid is not null))[count(t.bid)],
            (array_agg(row(t.ts, t.seq, t.source)::market.tick_key
                order by t.ts, t.seq, t.source)
                filter (where t.ask is not null))[count(t.ask)]
        from market.ticks as t
        where
            t.symbol = any(array(select r.symbol from reference.series as r))
            and t.ts >= hour_from
            and t.ts < hour_to
        group by t.symbol, date_bin('1 second', t.ts, timestamptz 'epoch')
        order by 1, 2
    ) as p;
    if parts is not null then
        perform market.merge_bars(parts);
    end if;
    return coalesce(rebuilt, 0);
end $$;

comment on function market.rebuild_bars(timestamptz, timestamptz) is
    'Recomputes the bars of whole hours from their ticks; returns how many '
    'ticks those were.';
