-- Room      50 features
-- Makes     feat.latest(text, timestamptz)
-- Kind      function
-- Grain     one row a symbol with a bar that is known
-- Known at  known_at
-- Reads     reference.series,
--           feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.matrix(text, text[], timestamptz, timestamptz), feat._matrix
-- Nulls     as the families
-- Why       What may be used at a moment. Of the three newest bars that began
--           before it one may be open, and the next not known for a second.

create function feat.latest(of_width text, as_of timestamptz)
returns setof feat._matrix
language sql stable parallel safe
begin atomic
    select m.*
    from reference.series as s
    cross join lateral (
        select max(b.bar_start) as bar_start
        from feat.bars(
            of_width, array[s.symbol], as_of, as_of, 3, interval '0 hours'
        ) as b
        where b.known_at <= as_of
    ) as n
    cross join lateral feat.matrix(
        of_width, array[s.symbol], n.bar_start,
        n.bar_start + interval '1 microsecond'
    ) as m
    where n.bar_start is not null;
end;

comment on function feat.latest(text, timestamptz) is
    'The newest row of the matrix that is known at a moment, of each series.';
