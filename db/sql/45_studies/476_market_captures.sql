-- Stage     45 studies
-- Makes     studies.market_captures, studies.market_session_counts
-- Kind      view
-- Grain     one row a capture; one row of studies.market_sessions
-- Known at  created_at of its rows
-- Reads     studies.market_sessions
-- Nulls     percentages where nothing was graded before
-- Why       The history of captures in a line each, and what a row's market and
--           symbol had done before it.

create view studies.market_captures as
select
    s.capture_group,
    s.capture_kind,
    s.market,
    s.session_date,
    min(s.captured_at) as captured_at,
    min(s.closes_at) as closes_at,
    count(*) as count,
    count(*) filter (where s.is_complete) as complete,
    count(*) filter (where s.wndw = 'WORKED') as worked,
    count(*) filter (where s.wndw = 'DIDNT_WORK') as didnt_work,
    count(*) filter (where s.wndw = 'NEUTRAL') as neutral,
    count(*) filter (where s.wndw = 'PENDING') as pending,
    min(s.bhs) filter (where s.symbol = 'TOTAL') as total_bhs,
    min(s.wndw) filter (where s.symbol = 'TOTAL') as total_wndw,
    bool_and(s.is_closed) as is_closed
from studies.market_sessions as s
group by s.capture_group, s.capture_kind, s.market, s.session_date;

create view studies.market_session_counts as
select
    s.id,
    s.market,
    s.symbol,
    s.capture_kind,
    s.session_date,
    extract(year from s.session_date)::integer as year,
    extract(month from s.session_date)::integer as month,
    extract(day from s.session_date)::integer as date,
    to_char(s.session_date, 'Dy') as day,
    count(*) over (b rows unbounded preceding) as market_symbol,
    count(*) filter (
        where s.wndw in ('WORKED', 'DIDNT_WORK')
    ) over w as market_symbol_wndw_total,
    count(*) filter (
        where s.bhs = 'STRONG_BUY' and s.wndw = 'WORKED'
    ) over w as strong_buy_worked,
    count(*) filter (
        where s.bhs = 'STRONG_BUY' and s.wndw = 'DIDNT_WORK'
    ) over w as strong_buy_didnt_work,
    count(*) filter (
        where s.bhs = 'BUY' and s.wndw = 'WORKED'
    ) over w as buy_worked,
    count(*) filter (
        where s.bhs = 'BUY' and s.wndw = 'DIDNT_WORK'
    ) over w as buy_didnt_work,
    count(*) filter (where s.bhs = 'HOLD') over w as hold,
    count(*) filter (
        where s.bhs = 'SELL' and s.wndw = 'WORKED'
    ) over w as sell_worked,
    count(*) filter (
        where s.bhs = 'SELL' and s.wndw = 'DIDNT_WORK'
    ) over w as sell_didnt_work,
    count(*) filter (
        where s.bhs = 'STRONG_SELL' and s.wndw = 'WORKED'
    ) over w as strong_sell_worked,
    count(*) filter (
        where s.bhs = 'STRONG_SELL' and s.wndw = 'DIDNT_WORK'
    ) over w as strong_sell_didnt_work,
    round(
        100.0 * count(*) filter (where s.wndw = 'WORKED') over w
        / nullif(count(*) filter (
            where s.wndw in ('WORKED', 'DIDNT_WORK')
        ) over w, 0), 2
    ) as worked_percentage,
    round(
        100.0 * count(*) filter (where s.wndw = 'DIDNT_WORK') over w
        / nullif(count(*) filter (
            where s.wndw in ('WORKED', 'DIDNT_WORK')
        ) over w, 0), 2
    ) as didnt_work_percentage
from studies.market_sessions as s
window
    b as (
        partition by s.market, s.symbol, s.capture_kind order by s.captured_at
    ),
    w as (b rows between unbounded preceding and 1 preceding);

comment on view studies.market_captures is
    'The captures of market openings, a row each, with how its rows ended.';
comment on column studies.market_captures.capture_group is
    'The capture: market, session date and kind.';
comment on column studies.market_captures.capture_kind is 'OPEN or MANUAL.';
comment on column studies.market_captures.market is 'The market.';
comment on column studies.market_captures.session_date is
    'The day by the market''s wall clock.';
comment on column studies.market_captures.captured_at is
    'The instant as of which it was captured.';
comment on column studies.market_captures.closes_at is
    'The end of the window.';
comment on column studies.market_captures.count is
    'Its rows: eleven symbols and TOTAL.';
comment on column studies.market_captures.complete is
    'Rows with a live quote and a signal.';
comment on column studies.market_captures.worked is 'Rows that worked.';
comment on column studies.market_captures.didnt_work is
    'Rows that did not work.';
comment on column studies.market_captures.neutral is
    'Rows without an outcome: no entry, or no touch until the window''s end.';
comment on column studies.market_captures.pending is
    'Rows that are still watched.';
comment on column studies.market_captures.total_bhs is
    'The composite signal.';
comment on column studies.market_captures.total_wndw is
    'The outcome of TOTAL.';
comment on column studies.market_captures.is_closed is
    'Whether the window has ended.';

comment on view studies.market_session_counts is
    'What a capture''s market and symbol had done before it: counts over the '
    'earlier captures of the same kind.';
comment on column studies.market_session_counts.id is
    'The row of studies.market_sessions.';
comment on column studies.market_session_counts.market is 'The market.';
comment on column studies.market_session_counts.symbol is
    'The root, or TOTAL.';
comment on column studies.market_session_counts.capture_kind is
    'OPEN or MANUAL.';
comment on column studies.market_session_counts.session_date is
    'The day by the market''s wall clock.';
comment on column studies.market_session_counts.year is
    'Year of the session date.';
comment on column studies.market_session_counts.month is
    'Month of the session date, 1 to 12.';
comment on column studies.market_session_counts.date is
    'Day of the month of the session date.';
comment on column studies.market_session_counts.day is
    'Weekday of the session date, Mon to Sun.';
comment on column studies.market_session_counts.market_symbol is
    'Running number of the capture of this market and symbol, from 1.';
comment on column studies.market_session_counts.market_symbol_wndw_total is
    'Earlier captures that worked or did not.';
comment on column studies.market_session_counts.strong_buy_worked is
    'Earlier STRONG_BUY that worked.';
comment on column studies.market_session_counts.strong_buy_didnt_work is
    'Earlier STRONG_BUY that did not.';
comment on column studies.market_session_counts.buy_worked is
    'Earlier BUY that worked.';
comment on column studies.market_session_counts.buy_didnt_work is
    'Earlier BUY that did not.';
comment on column studies.market_session_counts.hold is 'Earlier HOLD.';
comment on column studies.market_session_counts.sell_worked is
    'Earlier SELL that worked.';
comment on column studies.market_session_counts.sell_didnt_work is
    'Earlier SELL that did not.';
comment on column studies.market_session_counts.strong_sell_worked is
    'Earlier STRONG_SELL that worked.';
comment on column studies.market_session_counts.strong_sell_didnt_work is
    'Earlier STRONG_SELL that did not.';
comment on column studies.market_session_counts.worked_percentage is
    'Percent of the graded earlier captures that worked.';
comment on column studies.market_session_counts.didnt_work_percentage is
    'Percent of the graded earlier captures that did not.';
