-- Stage     50 features
-- Makes     feat.latest(text, timestamptz)
-- Kind      function
-- Grain     one row a symbol with a bar that is known
-- Known at  known_at
-- Reads     feat.closes(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat.matrix(text, text[], timestamptz, timestamptz), feat._matrix
-- Nulls     as the families
-- Why       The features that a decision may use at a moment. Of the three
--           newest bars that began before it, one may be open and the next is
--           known a second after its end. Series whose newest bars start within
--           the same hour are computed in one call.

create function feat.latest(of_width text, as_of timestamptz)
returns setof feat._matrix
language sql stable parallel safe
begin atomic
    with newest as (
        select
            c.symbol,
            max(c.bar_start) as bar_start
        from feat.closes(
            of_width, null, as_of, as_of, 3, interval '0 hours'
        ) as c
        where c.known_at <= as_of
        group by c.symbol
    ),

    ranges as (
        select
            array_agg(n.symbol) as symbols,
            min(n.bar_start) as first,
            max(n.bar_start) as last
        from newest as n
        group by floor(extract(epoch from as_of - n.bar_start) / 3600)
    )

    select m.*
    from ranges as r
    cross join lateral feat.matrix(
        of_width, r.symbols, r.first, r.last + interval '1 microsecond'
    ) as m
    inner join newest as n
        on n.symbol = m.symbol and n.bar_start = m.bar_start;
end;

comment on function feat.latest(text, timestamptz) is
    'The newest row of the matrix that is known at a moment, for each series.';
