-- Stage     60 store
-- Makes     feat.latest(of_width, as_of, of_symbols)
-- Kind      macro
-- Grain     one row a symbol with a bar that is known
-- Known at  known_at
-- Reads     feat.closes(of_width, of_symbols, ts_from, ts_to, bars_back,
--           time_back),
--           feat.matrix(of_width, of_symbols, ts_from, ts_to)
-- Nulls     as the families
-- Why       Over Parquet there is no key to step into: the newest bars are
--           found, and their rows computed.

create macro feat.latest(of_width, as_of, of_symbols := null) as table
with newest as (
    select
        c.symbol,
        max(c.bar_start) as bar_start
    from feat.closes(
        of_width, of_symbols, as_of, as_of, 3, interval '0 hours'
    ) as c
    where c.known_at <= as_of::timestamptz
    group by c.symbol
)

select m.*
from feat.matrix(
    of_width,
    (select array_agg(n.symbol) from newest as n),
    (select min(n.bar_start) from newest as n),
    (select max(n.bar_start) from newest as n) + interval '1 microsecond'
) as m
inner join newest as n
    on n.symbol = m.symbol and n.bar_start = m.bar_start;
