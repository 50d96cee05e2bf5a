-- Stage     50 features
-- Makes     feat._closes(of_width, of_symbols, ts_from, ts_to, bars_back,
--           time_back)
-- Kind      macro
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat._bars(of_width, of_symbols, ts_from, ts_to, bars_back,
--           time_back)
-- Nulls     volumes that no record had
-- Why       Parquet is read by column: a column that is not used costs nothing.

create macro feat._closes(
    of_width, of_symbols, ts_from, ts_to, bars_back, time_back
) as table
select
    b.symbol,
    b.bar_start,
    b.known_at,
    b.close,
    b.volume,
    b.run
from feat._bars(
    of_width, of_symbols, ts_from, ts_to, bars_back, time_back
) as b;
