-- Stage     60 store
-- Makes     store.reaches, store.range_rows(store.features_to_refresh),
--           store.last_of_rows(text, text[], timestamptz, integer),
--           store.bar_bounds(text, text[], timestamptz, timestamptz),
--           store.row_bounds(text),
--           store.reached_next(text[], timestamptz, timestamptz),
--           store.reached(text, text[], timestamptz, timestamptz)
-- Kind      view and function
-- Grain     one row a family; one row a range that may be stale
-- Known at  –
-- Reads     feat.length(text), reference.instruments, reference.series,
--           reference.sessions, reference.trade_date(timestamptz),
--           store.families, store.features_to_refresh,
--           reference.own_date_symbols()
-- Nulls     never
-- Why       How far a bar is felt: what it makes stale ahead of it, in whose
--           rows. A family reads so many bars back, or to the open, or the days
--           before: the same, seen from the other end. A bar that fills a hole
--           joins the runs beside it, which reaches no further. A test changes
--           bars and compares everything after.

create view store.reaches as
select
    r.family,
    r.bars,
    r.widths,
    r.days,
    r.of_session,
    r.of_next_session,
    r.of_all_symbols
from (values
    ('returns', 80, 0, 0, false, false, false),
    ('trend', 2900, 0, 0, false, false, false),
    ('oscillators', 512, 0, 0, false, false, false),
    ('bands', 199, 0, 0, false, false, false),
    ('range', 544, 0, 0, false, false, false),
    ('volatility', 533, 0, 0, false, false, false),
    ('context', 0, 0, 0, false, true, false),
    ('session', 0, 0, 0, true, false, false),
    ('cross_asset', 0, 61, 0, true, false, true),
    ('microstructure', 0, 0, 0, false, false, false),
    ('season', 0, 0, 32, false, false, false),
    ('volume', 20, 0, 0, false, false, false)
) as r (
    family, bars, widths, days, of_session, of_next_session, of_all_symbols
);

-- Bars that a clock closed are compared by their count of ticks, not computed
-- anew: that costs a tenth.
create function store.range_rows(of_range store.features_to_refresh)
returns float8
language sql stable parallel safe
return case
    when
        not isfinite((of_range).ts_from) or not isfinite((of_range).ts_to)
        then 'infinity'
    else
        extract(epoch from (of_range).ts_to - (of_range).ts_from)::float8
        / extract(epoch from feat.length((of_range).width))::float8
        * case
            when (of_range).symbol is null
                then (select count(*) from reference.series)
            else 1
        end
        * case when (of_range).reason in ('closed', 'late') then 0.02 else 1 end
end;

create function store.last_of_rows(
    of_width text, of_symbols text[], ts_after timestamptz, rows_max integer
)
returns timestamptz
language plpgsql stable as $$
declare
    last timestamptz;
begin
    execute format(
        'select max(r.bar_start) from unnest($1) as n (symbol) '
        'cross join lateral (select f.bar_start from store.%I as f '
        'where f.symbol = n.symbol and f.bar_start > $2 '
        'order by f.bar_start limit $3) as r',
        'features_' || of_width
    )
    into last using of_symbols, ts_after, rows_max;
    return last;
end $$;

create function store.bar_bounds(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    out first timestamptz,
    out last timestamptz
)
language plpgsql stable as $$
begin
    execute format(
        'select min(x.first), max(x.last) from unnest($1) as n (symbol) '
        'cross join lateral ('
        'select min(i.bar_start) as first, max(i.bar_start) as last '
        'from market.bars_imported as i where i.symbol = n.symbol '
        'and i.width = $2 and i.bar_start >= $3 and i.bar_start < $4 '
        'union all '
        'select min(b.bar_start), max(b.bar_start) from market.%I as b '
        'where b.symbol = n.symbol and b.bar_start >= $3 and b.bar_start < $4'
        ') as x',
        '_bars_' || of_width
    )
    into first, last
    using
        coalesce(
            of_symbols, array(select s.symbol from reference.series as s)
        ),
        of_width, ts_from, ts_to;
end $$;

create function store.row_bounds(
    of_width text, out first timestamptz, out last timestamptz
)
language plpgsql stable as $$
begin
    execute format(
        'select min(x.first), max(x.last) from reference.series as n '
        'cross join lateral ('
        'select min(f.bar_start) as first, max(f.bar_start) as last '
        'from store.%I as f where f.symbol = n.symbol) as x',
        'features_' || of_width
    )
    into first, last;
end $$;

-- A session is compared with the one before it by number, so rows between them,
-- outside of any, are not the last that a bar is felt in.
create function store.reached_next(
    of_symbols text[], ts_first timestamptz, ts_last timestamptz
)
returns table (
    width text,
    family text,
    symbols text[],
    ts_from timestamptz,
    ts_to timestamptz
)
language plpgsql stable rows 3 as $$
declare
    last_date constant date := reference.trade_date(ts_last);
    next_date date;
    one record;
begin
    symbols := coalesce(
        of_symbols, array(select s.symbol from reference.series as s)
    );
    select max(n.trade_date) into next_date
    from (
        select distinct i.calendar
        from reference.series as r
        inner join reference.instruments as i on i.symbol = r.root
        where r.symbol = any(symbols)
    ) as c
    cross join lateral (
        select min(s.trade_date) as trade_date
        from reference.sessions as s
        where
            s.calendar = c.calendar
            and s.trade_date > case
                when c.calendar = 'US_EQUITY'
                    then reference.trade_date(ts_last - interval '6 hours')
                else last_date
            end
    ) as n;
    ts_from := (
        reference.trade_date(
            ts_first - case
                when symbols && reference.own_date_symbols()
                    then interval '6 hours'
                else interval '0 hours'
            end
        ) + time '17:00'
    ) at time zone 'America/Chicago';
    ts_to := (next_date + time '17:00') at time zone 'America/Chicago';
    for one in
        select r.family, w.width
        from store.reaches as r
        cross join (values ('1m'), ('5m'), ('1h')) as w (width)
        where r.of_next_session
    loop
        width := one.width;
        family := one.family;
        if store.last_of_rows(
            width, symbols, ts_from - interval '1 microsecond', 1
        ) < ts_to then
            return next;
        end if;
    end loop;
end $$;

create function store.reached(
    of_width text, of_symbols text[], ts_first timestamptz, ts_last timestamptz
)
returns table (
    width text,
    family text,
    symbols text[],
    ts_from timestamptz,
    ts_to timestamptz
)
language plpgsql stable rows 14 as $$
declare
    listed constant text[] := array(
        select s.symbol from reference.series as s
    );
    asked constant text[] := coalesce(of_symbols, listed);
    date_end constant timestamptz := (
        reference.trade_date(ts_last) + case
            when asked && reference.own_date_symbols() then time '23:00'
            else time '17:00'
        end
    ) at time zone 'America/Chicago';
    length constant interval := feat.length(of_width);
    one record;
begin
    for one in
        select
            f.family,
            r.bars,
            r.widths,
            r.days,
            r.of_session,
            coalesce(r.of_all_symbols, true) as of_all,
            r.family is null as is_unknown
        from store.families as f
        left join store.reaches as r on r.family = f.family
        order by f.place
    loop
        width := of_width;
        family := one.family;
        symbols := case
            when one.of_all and asked && array['ES', 'NQ', 'YM', 'RTY']
                then listed
            else asked
        end;
        ts_from := ts_first;
        ts_to := greatest(
            ts_last + (one.widths + 1) * length,
            ts_last + make_interval(days => one.days),
            case when one.of_session then date_end end,
            case when one.bars > 0 then store.last_of_rows(
                of_width, asked, ts_last, one.bars
            ) + length end,
            case when one.is_unknown then timestamptz '2200-01-01Z' end
        );
        return next;
    end loop;
    return query
    select n.width, n.family, n.symbols, n.ts_from, n.ts_to
    from store.reached_next(asked, ts_first, ts_last) as n;
end $$;

comment on view store.reaches is
    'How far ahead a bar is felt by each family.';
comment on column store.reaches.family is 'The family.';
comment on column store.reaches.bars is 'By so many rows of its own series.';
comment on column store.reaches.widths is
    'By the rows of so many widths of time.';
comment on column store.reaches.days is 'By the rows of so many days.';
comment on column store.reaches.of_session is
    'By the rows of its trade date.';
comment on column store.reaches.of_next_session is
    'By the rows of every width of the next session.';
comment on column store.reaches.of_all_symbols is
    'A bar of ES, NQ, YM or RTY, by the rows of every series.';
comment on function store.range_rows(store.features_to_refresh) is
    'About how many rows a range has at most; infinity where it is open.';
comment on function store.last_of_rows(text, text[], timestamptz, integer) is
    'Start of the last of the next rows_max stored rows after a moment, of the '
    'series that has it latest; null where there is none.';
comment on function store.bar_bounds(
    text, text[], timestamptz, timestamptz
) is
    'The starts of the first and the last bar of a width with ts_from <= '
    'bar_start < ts_to, of the symbols (null: all listed).';
comment on function store.row_bounds(text) is
    'The starts of the first and the last stored row of a width.';
comment on function store.reached_next(
    text[], timestamptz, timestamptz
) is
    'The stored rows of the sessions after those of two moments, of every '
    'width, in the families that look back on the session before.';
comment on function store.reached(text, text[], timestamptz, timestamptz) is
    'The stored rows that bars of a width (symbols null: all listed) with '
    'ts_first <= bar_start <= ts_last are felt in, a range a family.';
