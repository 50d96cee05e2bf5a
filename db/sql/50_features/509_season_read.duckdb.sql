-- Stage     50 features
-- Makes     feat._season_bars(of_width, of_symbols, ts_from, ts_to)
-- Kind      macro
-- Grain     one row a bar with a trade
-- Known at  –
-- Reads     feat._closes(of_width, of_symbols, ts_from, ts_to, bars_back,
--           time_back), feat._upper_bound(ts_from, ts_to)
-- Nulls     as in PostgreSQL
-- Why       A pass over columns is cheaper than 31 steps: all bars of the days
--           before a range are read.

create macro feat._season_bars(of_width, of_symbols, ts_from, ts_to) as table
select
    c.symbol,
    epoch(c.bar_start) as start_s,
    epoch(c.bar_start at time zone 'America/Chicago')::bigint % 86400
        as minute,
    c.close::double as close,
    c.volume::double as volume,
    true as is_compared
from feat._closes(
    of_width, of_symbols, ts_from::timestamptz - interval '31 days',
    feat._upper_bound(ts_from, ts_to), 0, interval '0 hours'
) as c;
