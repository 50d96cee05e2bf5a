-- Stage     40 bars, 10 reference
-- Bars for the API and its stream.

-- The market clock of some symbols: the newest clock of their sources that were
-- heard since a moment, else the current time.
-- name: bars_as_of
select coalesce(max(c.ts), %(now)s::timestamptz) as as_of
from market.source_clocks as c
left join reference.tapes as t on t.source = c.source
where
    c.changed_at > %(heard_after)s::timestamptz
    and (t.source is null or t.symbols && %(symbols)s::text []);

-- A bar is open until its source's clock has passed known_at. A bar ahead of
-- that clock, because its ticks arrived in one entry, is open while it is being
-- written; a bar that an earlier run left there is not.
-- name: bars_page
select
    coalesce(
        json_agg(
            market.bar_json(
                b,
                %(decimals)s::integer,
                b.known_at > %(as_of)s::timestamptz
                and not b.is_imported
                and (
                    b.bar_start <= %(as_of)s::timestamptz
                    or b.changed_at > %(heard_after)s::timestamptz
                ),
                null, null, null
            )
            order by b.bar_start
        ),
        '[]'::json
    )::text as page
from market.bars_between(
    %(width)s::text, %(symbol)s::text, %(ts_from)s::timestamptz,
    %(ts_to)s::timestamptz, %(limit)s::integer
) as b;

-- The bars of one width that a source's clock closed as it advanced, of its
-- symbols. Bars of a file were never open.
-- name: closed_bars
select
    s.symbol,
    market.bar_json(b, s.decimals, false, null, null, null)::text as bar
from unnest(
    %(symbols)s::text [], %(decimals)s::integer []
) as s (symbol, decimals)
cross join lateral market.bars_between(
    %(width)s::text, s.symbol, %(ts_from)s::timestamptz,
    %(ts_to)s::timestamptz, %(limit)s::integer
) as b
where
    b.known_at > %(since)s::timestamptz
    and b.known_at <= %(until)s::timestamptz
    and not b.is_imported
    and not exists (
        select
        from reference.tapes as t
        where t.source = %(source)s::text and s.symbol <> all (t.symbols)
    )
order by b.bar_start, s.symbol
limit %(limit)s::integer;

-- The ordinal up to which the database has every tick from a given one on, and
-- whether bars of a range wait for a refresh.
-- name: settled_until
select
    (
        select coalesce(max(upper(part)), %(ordinal)s::bigint)
        from (
            select range_agg(b.ordinals) as ordinals
            from market.ingest_batches as b
            where
                b.ordinals && int8multirange(
                    int8range(%(ordinal)s::bigint, null)
                )
        ) as taken
        cross join lateral unnest(taken.ordinals) as part
        where part @> %(ordinal)s::bigint
    ) as ordinal,
    exists (
        select
        from market.bars_to_refresh as r
        where
            r.ts_from < %(ts_to)s::timestamptz
            and r.ts_to > %(ts_from)s::timestamptz
    ) as is_refreshing;
