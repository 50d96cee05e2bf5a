-- Stage     40 bars
-- Makes     market.keep_bars(), trigger keep_bars on market.ticks
-- Kind      trigger function and trigger
-- Grain     one call a statement that inserts ticks
-- Known at  –
-- Reads     market.ticks, market._bars, type market.tick_key
-- Nulls     –
-- Why       Bars are never behind ticks: the statement that inserts ticks makes
--           their own bars, by the second, and market.merge_bars adds those to
--           the stored ones; that one is logic, created later. A tick at most a
--           second late is late for no width: most ticks are checked no
--           further. Only the ticks of a bar's first and last moments are
--           sorted; by a hash join, since a merge join would sort all of them.

create function market.keep_bars() returns trigger
language plpgsql
set enable_mergejoin = off set enable_nestloop = off as $$
declare
    parts market._bars[];
begin
    with sums as (
        select
            t.symbol,
            t.second,
            max(t.last) filter (where t.is_trade) as high,
            min(t.last) filter (where t.is_trade) as low,
            sum(t.volume_delta) filter (where t.is_trade) as volume,
            sum(t.volume_delta) filter (where t.is_trade and t.side = 'B')
                as volume_buy,
            sum(t.volume_delta) filter (where t.is_trade and t.side = 'S')
                as volume_sell,
            count(*) filter (where t.is_trade) as trades,
            count(*) as ticks,
            sum(t.last * t.volume_delta) filter (where t.is_trade) as notional,
            sum(t.ask - t.bid) as spread_sum,
            count(*) filter (where t.ask is not null and t.bid is not null)
                as quotes,
            count(*) filter (
                where t.is_late and t.received_at - t.second
                > interval '2 seconds'
            ) as late_1s,
            count(*) filter (
                where t.is_late and t.received_at
                - date_bin('1 minute', t.second, timestamptz 'epoch')
                > interval '61 seconds'
            ) as late_1m,
            count(*) filter (
                where t.is_late and t.received_at
                - date_bin('5 minutes', t.second, timestamptz 'epoch')
                > interval '301 seconds'
            ) as late_5m,
            count(*) filter (
                where t.is_late and t.received_at
                - date_bin('1 hour', t.second, timestamptz 'epoch')
                > interval '3601 seconds'
            ) as late_1h,
            count(*) filter (
                where t.is_late and t.received_at
                - ((t.trade_date + time '17:00')
                    at time zone 'America/Chicago')
                > interval '1 second'
            ) as late_1d,
            bool_or(t.is_sampled) as is_sampled,
            max(t.created_at) as changed_at,
            min(t.ts) filter (where t.is_trade) as opened_at,
            max(t.ts) filter (where t.is_trade) as closed_at,
            max(t.ts) filter (where t.bid is not null) as bid_at,
            max(t.ts) filter (where t.ask is not null) as ask_at
        from (
            select
                i.*,
                date_bin('1 second', i.ts, timestamptz 'epoch') as second,
                i.received_at - i.ts > interval '1 second' as is_late
            from inserted as i
        ) as t
        group by t.symbol, t.second
    ),

    ends as (
        select
            s.symbol,
            s.second,
            array_agg(t.last order by t.ts, t.seq, t.source)
                filter (where t.is_trade) as lasts,
            array_agg(t.seq order by t.ts, t.seq, t.source)
                filter (where t.is_trade) as seqs,
            array_agg(t.source order by t.ts, t.seq, t.source)
                filter (where t.is_trade) as sources,
            array_agg(t.bid order by t.ts, t.seq, t.source)
                filter (where t.bid is not null) as bids,
            array_agg(t.seq order by t.ts, t.seq, t.source)
                filter (where t.bid is not null) as bid_seqs,
            array_agg(t.source order by t.ts, t.seq, t.source)
                filter (where t.bid is not null) as bid_sources,
            array_agg(t.ask order by t.ts, t.seq, t.source)
                filter (where t.ask is not null) as asks,
            array_agg(t.seq order by t.ts, t.seq, t.source)
                filter (where t.ask is not null) as ask_seqs,
            array_agg(t.source order by t.ts, t.seq, t.source)
                filter (where t.ask is not null) as ask_sources
        from sums as s
        inner join inserted as t
            on
                t.symbol = s.symbol
                and date_bin('1 second', t.ts, timestamptz 'epoch') = s.second
                and (
                    t.ts = s.opened_at or t.ts = s.closed_at
                    or t.ts = s.bid_at or t.ts = s.ask_at
                )
        group by s.symbol, s.second
    )

    select array_agg(row(p.*)::market._bars) into parts
    from (
        select
            s.symbol,
            s.second,
            '1s' as width,
            e.lasts[1],
            s.high,
            s.low,
            e.lasts[cardinality(e.lasts)],
            s.volume,
            s.volume_buy,
            s.volume_sell,
            s.trades,
            s.ticks,
            s.notional,
            e.bids[cardinality(e.bids)],
            e.asks[cardinality(e.asks)],
            s.spread_sum,
            s.quotes,
            s.late_1s,
            s.late_1m,
            s.late_5m,
            s.late_1h,
            s.late_1d,
            s.is_sampled,
            s.changed_at,
            case when e.seqs is not null then row(
                s.opened_at, e.seqs[1], e.sources[1]
            )::market.tick_key end,
            case when e.seqs is not null then row(
                s.closed_at,
                e.seqs[cardinality(e.seqs)],
                e.sources[cardinality(e.sources)]
            )::market.tick_key end,
            case when e.bids is not null then row(
                s.bid_at,
                e.bid_seqs[cardinality(e.bid_seqs)],
                e.bid_sources[cardinality(e.bid_sources)]
            )::market.tick_key end,
            case when e.asks is not null then row(
                s.ask_at,
                e.ask_seqs[cardinality(e.ask_seqs)],
                e.ask_sources[cardinality(e.ask_sources)]
            )::market.tick_key end
        from sums as s
        left join ends as e on e.symbol = s.symbol and e.second = s.second
        order by 1, 2
    ) as p;
    if parts is not null then
        perform market.merge_bars(parts);
    end if;
    return null;
end $$;

create trigger keep_bars
after insert on market.ticks
referencing new table as inserted
for each statement execute function market.keep_bars();

comment on function market.keep_bars() is
    'Makes the bars of inserted ticks and adds them to the stored ones.';
