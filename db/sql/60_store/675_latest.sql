-- Stage     60 store
-- Makes     feat.latest(text, timestamptz, text[])
-- Kind      function
-- Grain     one row a symbol with a stored bar that is known
-- Known at  known_at
-- Reads     feat._matrix, feat._symbols(text[]), feat.matrix_1h,
--           feat.matrix_1m, feat.matrix_5m
-- Nulls     as the families
-- Why       What may be used at a moment: one step into the key a series. While
--           the store is behind, the row before is shown with its age; nothing
--           is computed in secret.

create function feat.latest(
    of_width text, as_of timestamptz, of_symbols text[] default null
)
returns setof feat._matrix
language sql stable parallel safe
begin atomic
    select r.*
    from unnest(feat._symbols(of_symbols)) as n (symbol)
    cross join lateral (
        select m.*
        from feat.matrix_1m as m
        where
            of_width = '1m'
            and m.symbol = n.symbol
            and m.bar_start <= as_of - interval '1 minute 1 second'
        order by m.bar_start desc
        limit 1
    ) as r
    union all
    select r.*
    from unnest(feat._symbols(of_symbols)) as n (symbol)
    cross join lateral (
        select m.*
        from feat.matrix_5m as m
        where
            of_width = '5m'
            and m.symbol = n.symbol
            and m.bar_start <= as_of - interval '5 minutes 1 second'
        order by m.bar_start desc
        limit 1
    ) as r
    union all
    select r.*
    from unnest(feat._symbols(of_symbols)) as n (symbol)
    cross join lateral (
        select m.*
        from feat.matrix_1h as m
        where
            of_width = '1h'
            and m.symbol = n.symbol
            and m.bar_start <= as_of - interval '1 hour 1 second'
        order by m.bar_start desc
        limit 1
    ) as r;
end;

comment on function feat.latest(text, timestamptz, text[]) is
    'The newest stored row of the matrix that is known at a moment, of each of '
    'the symbols (null: all listed). As it is today: feat.matrix_as_of shows '
    'what it was at the moment.';
