-- Stage     40 bars
-- Makes     market._tick_days
-- Kind      view
-- Grain     one row a (symbol, trade date of its ticks) with a tick
-- Known at  17:00 America/Chicago of the trade date + 1 s
-- Reads     market._bars_1h, reference.own_date_symbols()
-- Nulls     day_end unless the symbol is a stock with a tick before 17:00
-- Why       Ticks are filed, kept and dropped by the day of futures, stocks
--           too: the lake counts by it, and daily bars by a stock's own date.

create view market._tick_days as
select
    h.symbol,
    h.trade_date,
    sum(h.ticks)::bigint as ticks,
    max(h.changed_at) as changed_at,
    case
        when bool_or(h.is_own and h.own_date = h.trade_date)
            then (h.trade_date + time '23:00') at time zone 'America/Chicago'
    end as day_end
from (
    select
        b.symbol,
        b.ticks,
        b.changed_at,
        (
            (b.bar_start at time zone 'America/Chicago') + interval '7 hours'
        )::date as trade_date,
        (b.bar_start at time zone 'America/New_York')::date as own_date,
        b.symbol = any((select reference.own_date_symbols())::text[]) as is_own
    from market._bars_1h as b
) as h
group by h.symbol, h.trade_date;

comment on view market._tick_days is
    'Ticks of a symbol by the trade date that they are filed under.';
comment on column market._tick_days.symbol is 'The series.';
comment on column market._tick_days.trade_date is
    'The trade date of the ticks, of a stock too: it turns at 17:00 '
    'America/Chicago.';
comment on column market._tick_days.ticks is
    'Records of the feed, trades and quotes.';
comment on column market._tick_days.changed_at is
    'When the newest of the ticks was written.';
comment on column market._tick_days.day_end is
    'When the daily bar of a stock ends that begins on the date: midnight in '
    'New York.';
