-- Room      40 bars
-- Makes     market.keep_bars(), trigger keep_bars on market.ticks
-- Kind      trigger function and trigger
-- Grain     one call a statement that inserts ticks
-- Known at  –
-- Reads     market.ticks, market._bars, type market.tick_key
-- Nulls     –
-- Why       Bars are never behind ticks: the statement that inserts ticks makes
--           their own bars, by the second, and market.merge_bars adds those to
--           what stands; that one is logic, made later. What is no later than
--           a second is late for no width: most ticks are asked no further.

create function market.keep_bars() returns trigger
language plpgsql as $$
declare
    parts market._bars[];
begin
    select array_agg(row(p.*)::market._bars) into parts
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
            case when count(*) filter (where t.is_trade) > 0 then row(
                min(t.ts) filter (where t.is_trade),
                (array_agg(t.seq order by t.ts, t.seq, t.source)
                    filter (where t.is_trade))[1],
                (array_agg(t.source order by t.ts, t.seq, t.source)
                    filter (where t.is_trade))[1]
            )::market.tick_key end,
            case when count(*) filter (where t.is_trade) > 0 then row(
                max(t.ts) filter (where t.is_trade),
                (array_agg(t.seq order by t.ts, t.seq, t.source)
                    filter (where t.is_trade))
                    [count(*) filter (where t.is_trade)],
                (array_agg(t.source order by t.ts, t.seq, t.source)
                    filter (where t.is_trade))
                    [count(*) filter (where t.is_trade)]
            )::market.tick_key end,
            case when count(*) filter (where t.bid is not null) > 0 then row(
                max(t.ts) filter (where t.bid is not null),
                (array_agg(t.seq order by t.ts, t.seq, t.source)
                    filter (where t.bid is not null))[count(t.bid)],
                (array_agg(t.source order by t.ts, t.seq, t.source)
                    filter (where t.bid is not null))[count(t.bid)]
            )::market.tick_key end,
            case when count(*) filter (where t.ask is not null) > 0 then row(
                max(t.ts) filter (where t.ask is not null),
                (array_agg(t.seq order by t.ts, t.seq, t.source)
                    filter (where t.ask is not null))[count(t.ask)],
                (array_agg(t.source order by t.ts, t.seq, t.source)
                    filter (where t.ask is not null))[count(t.ask)]
            )::market.tick_key end
        from inserted as t
        group by t.symbol, date_bin('1 second', t.ts, timestamptz 'epoch')
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
    'Makes the bars of inserted ticks and has them added to those that stand.';
