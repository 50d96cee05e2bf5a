-- Stage     60 store
-- Makes     feat._breaks(of_symbols, ts_from, ts_to)
-- Kind      macro
-- Grain     one row a gap or roll of a symbol
-- Known at  –
-- Reads     feat._symbols(of_symbols), market.gaps, reference.rolls,
--           reference.series
-- Nulls     never
-- Why       A symbol is looked for in a list as DuckDB does it; the rest is
--           PostgreSQL's.

create macro feat._breaks(of_symbols, ts_from, ts_to) as table
select
    g.symbol,
    g.gap_start as starts_at,
    g.gap_end as ends_at
from market.gaps as g
where
    (
        of_symbols is null
        or list_contains(feat._symbols(of_symbols), g.symbol)
    )
    and g.gap_end >= ts_from
    and g.gap_start < ts_to
    and g.filled_by is null
    and g.gap_end - g.gap_start >= interval '1 minute'
union all
select
    s.symbol,
    r.rolled_at as starts_at,
    r.rolled_at + interval '1 millisecond' as ends_at
from reference.rolls as r
inner join reference.series as s on s.root = r.root and s.kind = 'root'
where
    (
        of_symbols is null
        or list_contains(feat._symbols(of_symbols), s.symbol)
    )
    and r.rolled_at >= ts_from
    and r.rolled_at < ts_to;
