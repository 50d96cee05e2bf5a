-- Room      50 features
-- Makes     feat.latest(text, timestamptz)
-- Kind      function
-- Grain     one row a symbol with a bar that is known
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.matrix(text, text[], timestamptz, timestamptz), feat._matrix
-- Nulls     as the families
-- Why       What may be used at a moment. Of the three newest bars that began
--           before it one may be open, and the next not known for a second.
--           Series with the same newest bar, mostly all, are computed at once.

create function feat.latest(of_width text, as_of timestamptz)
returns setof feat._matrix
language sql stable parallel safe
begin atomic
    select m.*
    from (
        select array_agg(k.symbol) as symbols, k.bar_start
        from (
            select b.symbol, max(b.bar_start) as bar_start
            from feat.bars(
                of_width, null, as_of, as_of, 3, interval '0 hours'
            ) as b
            where b.known_at <= as_of
            group by b.symbol
        ) as k
        group by k.bar_start
    ) as n
    cross join lateral feat.matrix(
        of_width, n.symbols, n.bar_start,
        n.bar_start + interval '1 microsecond'
    ) as m;
end;

comment on function feat.latest(text, timestamptz) is
    'The newest row of the matrix that is known at a moment, of each series.';
