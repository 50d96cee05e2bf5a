-- Stage     45 studies
-- Makes     studies.hit_rates
-- Kind      view
-- Grain     one row a (capture_kind, by, value)
-- Known at  created_at of the captures
-- Reads     studies.market_sessions, studies.wilson(bigint, bigint)
-- Nulls     the rate, its interval and ev where n is 0
-- Why       Which openings are worth watching: no rate without its n and
--           interval. The rows of one opening move together, so the intervals
--           are narrower than they should be. TOTAL is counted by symbol only,
--           since it repeats what the symbols did.

create view studies.hit_rates as
with counted as (
    select
        s.capture_kind,
        case
            when grouping(s.market) = 0 then 'market'
            when grouping(s.session_date_day) = 0 then 'weekday'
            when grouping(s.bhs) = 0 then 'signal'
            else 'all'
        end as by,
        coalesce(s.market, s.session_date_day, s.bhs, 'all') as value,
        count(*) filter (where s.wndw = 'WORKED') as worked,
        count(*) filter (where s.wndw = 'DIDNT_WORK') as didnt_work,
        count(*) filter (where s.wndw = 'NEUTRAL') as neutral,
        count(*) filter (where s.wndw = 'PENDING') as pending
    from (
        select
            m.*,
            to_char(m.session_date, 'Dy') as session_date_day
        from studies.market_sessions as m
        where m.symbol <> 'TOTAL' and m.bhs is not null
    ) as s
    group by grouping sets (
        (s.capture_kind, s.market),
        (s.capture_kind, s.session_date_day),
        (s.capture_kind, s.bhs),
        (s.capture_kind)
    )
    union all
    select
        s.capture_kind,
        'symbol' as by,
        s.symbol as value,
        count(*) filter (where s.wndw = 'WORKED') as worked,
        count(*) filter (where s.wndw = 'DIDNT_WORK') as didnt_work,
        count(*) filter (where s.wndw = 'NEUTRAL') as neutral,
        count(*) filter (where s.wndw = 'PENDING') as pending
    from studies.market_sessions as s
    where s.bhs is not null
    group by s.capture_kind, s.symbol
)

select
    c.capture_kind,
    c.by,
    c.value,
    c.worked + c.didnt_work as n,
    c.worked,
    c.didnt_work,
    c.neutral,
    c.pending,
    round(c.worked::numeric / nullif(c.worked + c.didnt_work, 0), 6)
        as hit_rate,
    w.low as hit_rate_low,
    w.high as hit_rate_high,
    round(
        100 * (c.worked - c.didnt_work)::numeric
        / nullif(c.worked + c.didnt_work, 0), 2
    ) as ev
from counted as c
cross join lateral studies.wilson(c.worked, c.worked + c.didnt_work) as w;

comment on view studies.hit_rates is
    'How often captures of market openings worked, by market, weekday, symbol '
    'and signal.';
comment on column studies.hit_rates.capture_kind is 'OPEN or MANUAL.';
comment on column studies.hit_rates.by is
    'What value is one of: market, weekday, symbol, signal, or all.';
comment on column studies.hit_rates.value is
    'The market, weekday (Mon), symbol or signal.';
comment on column studies.hit_rates.n is
    'Rows that worked or did not.';
comment on column studies.hit_rates.worked is 'Rows that worked.';
comment on column studies.hit_rates.didnt_work is 'Rows that did not.';
comment on column studies.hit_rates.neutral is
    'Rows with a signal and without an outcome.';
comment on column studies.hit_rates.pending is
    'Rows that are still watched.';
comment on column studies.hit_rates.hit_rate is
    'worked as a share of n, 0 to 1.';
comment on column studies.hit_rates.hit_rate_low is
    'Lower end of its 95 % interval, by Wilson.';
comment on column studies.hit_rates.hit_rate_high is
    'Upper end of its 95 % interval, by Wilson.';
comment on column studies.hit_rates.ev is
    'Expected result of a bet of 100: 100 times the share that worked less 100 '
    'times the share that did not.';
