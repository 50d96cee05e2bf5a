-- Stage     55 lake
-- The trade dates, and the inputs of the features of one.

-- name: lake_dates
select d.trade_date
from market.bars_1d as d
where d.trade_date between %(first)s::date and %(last)s::date
union
select ((i.bar_start at time zone 'America/Chicago') + interval '7 hours')::date
from market.bars_imported as i
where
    i.bar_start
    >= (%(first)s::date - 1 + time '17:00') at time zone 'America/Chicago'
    and i.bar_start
    < (%(last)s::date + time '17:00') at time zone 'America/Chicago'
order by 1;

-- The counts of an export of every date: a bar is never behind its ticks.
-- name: lake_counts
select
    d.trade_date,
    d.symbol,
    d.ticks,
    (d.trade_date + time '17:00') at time zone 'America/Chicago' as bar_end
from market._bars_1d as d
where
    not exists (
        select from market.dropped_ranges as x
        where x.trade_date = d.trade_date
    )
order by d.trade_date, d.symbol;

-- All inputs of the features of a date: the hours of every symbol within the
-- longest look-back, the calendar, the grid, the SQL.
-- name: lake_features
select md5(concat_ws(
    ',',
    (
        select concat_ws(
            ',', count(*), sum(b.ticks), sum(b.trades), sum(b.volume),
            max(b.changed_at)
        )
        from market.bars_1h as b
        where
            b.bar_start >= %(ts_from)s::timestamptz - interval '200 days'
            and b.bar_start < %(ts_to)s::timestamptz
    ),
    (
        select concat_ws(',', count(*), max(i.imported_at))
        from market.bars_imported as i
        where
            i.bar_start >= %(ts_from)s::timestamptz - interval '200 days'
            and i.bar_start < %(ts_to)s::timestamptz
    ),
    (
        select string_agg(f.sha256, ',' order by f.path)
        from ops.logic_files as f
        where f.path ~ '(^|/)(40_bars|50_features)/'
    ),
    (
        select concat_ws(',', sum(s.version), max(s.changed_at))
        from reference.sessions as s
        where s.open_at < %(ts_to)s::timestamptz
    ),
    (
        select concat_ws(',', sum(i.version), max(i.changed_at))
        from reference.instruments as i
    )
)) as key;
