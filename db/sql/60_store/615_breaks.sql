-- Stage     60 store
-- Makes     feat._breaks(text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a gap or roll of a symbol
-- Known at  –
-- Reads     feat._symbols(text[]), market.gaps, reference.rolls,
--           reference.series
-- Nulls     never
-- Why       A price after a break says nothing about a position held from
--           before it. A gap shorter than a minute lies within a bar and breaks
--           nothing. A series of one month does not roll.

create function feat._breaks(
    of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (symbol text, starts_at timestamptz, ends_at timestamptz)
language sql stable parallel safe rows 100
begin atomic
    select
        g.symbol,
        g.gap_start as starts_at,
        g.gap_end as ends_at
    from market.gaps as g
    where
        g.symbol = any(feat._symbols(of_symbols))
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
        s.symbol = any(feat._symbols(of_symbols))
        and r.rolled_at >= ts_from
        and r.rolled_at < ts_to;
end;

comment on function feat._breaks(text[], timestamptz, timestamptz) is
    'What a label may not cross within a range, of symbols (null: all listed): '
    'gaps of a minute or more that no source has filled, and rolls of the '
    'root, by any rule.';
