create table studies.targets (
    symbol text primary key,
    mode text not null check (mode in ('POINTS', 'PERCENT', 'DISABLED')),
    offset_high numeric(18, 8) check (offset_high > 0 and offset_high < 'NaN'),
    offset_low numeric(18, 8) check (offset_low > 0 and offset_low < 'NaN'),
    percent_high numeric(18, 8)
    check (percent_high > 0 and percent_high < 100),
    percent_low numeric(18, 8) check (percent_low > 0 and percent_low < 100),
    is_by_last boolean not null default false,
    is_active boolean not null default true,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null default 'thor',
    reason text not null default 'as delivered',
    constraint targets_of_their_mode check (
        case mode
            when 'POINTS' then num_nulls(offset_high, offset_low) = 0
            when 'PERCENT' then num_nulls(percent_high, percent_low) = 0
            else true
        end
    )
);

create trigger keep_version
before update or delete on studies.targets
for each row execute function reference.keep_version('symbol');

create function studies.check_targets() returns trigger
language plpgsql as $$
declare
    tick numeric;
begin
    select i.tick_size into tick
    from reference.instruments as i
    where i.symbol = new.symbol;
    if least(new.offset_high, new.offset_low) < tick then
        raise exception
            'offset_%: % is less than a tick of %, %',
            case when new.offset_high < tick then 'high' else 'low' end,
            trim_scale(least(new.offset_high, new.offset_low)),
            new.symbol,
            trim_scale(tick)
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;

create trigger check_targets
before insert or update on studies.targets
for each row execute function studies.check_targets();

comment on function studies.check_targets() is
    'Refuses a target that is less than a tick from the entry.';
comment on table studies.targets is
    'How far the targets of a market-open capture are from its entry.';
comment on column studies.targets.symbol is 'The root.';
comment on column studies.targets.mode is
    'POINTS: by the offsets; PERCENT: by the percentages of the entry, in '
    'whole ticks; DISABLED: not graded.';
comment on column studies.targets.offset_high is
    'target_high lies this far above the entry, in points.';
comment on column studies.targets.offset_low is
    'target_low lies this far below the entry, in points.';
comment on column studies.targets.percent_high is
    'target_high lies this far above the entry, in percent: 0.5 is 0.5 %.';
comment on column studies.targets.percent_low is
    'target_low lies this far below the entry, in percent.';
comment on column studies.targets.is_by_last is
    'Whether entry and grade go by the last price: the cash index DX has no '
    'bid and no ask.';
comment on column studies.targets.is_active is
    'Whether captures of the symbol are graded.';
comment on column studies.targets.version is
    'Counts the changes of this row, from 1.';
comment on column studies.targets.changed_at is
    'When this version was written.';
comment on column studies.targets.changed_by is 'Who wrote this version.';
comment on column studies.targets.reason is 'Why this version was written.';

create table studies.market_sessions (
    id bigint generated always as identity primary key,
    session_number integer not null,
    capture_group text not null,
    capture_kind text not null check (capture_kind in ('OPEN', 'MANUAL')),
    market text not null,
    session_date date not null,
    symbol text not null,
    captured_at timestamptz not null,
    closes_at timestamptz not null,
    is_complete boolean not null,
    reason text,
    bhs text
    check (bhs in ('STRONG_BUY', 'BUY', 'HOLD', 'SELL', 'STRONG_SELL')),
    wndw text not null
    check (wndw in ('WORKED', 'DIDNT_WORK', 'NEUTRAL', 'PENDING')),
    weight numeric,
    bid_price numeric,
    bid_size integer,
    ask_price numeric,
    ask_size integer,
    last_price numeric,
    spread numeric,
    volume bigint,
    change numeric,
    change_percent numeric,
    graded_symbol text not null,
    is_by_last boolean not null,
    entry_price numeric,
    target_high numeric,
    target_low numeric,
    target_hit_price numeric,
    target_hit_type text check (target_hit_type in ('TARGET', 'STOP')),
    target_hit_at timestamptz,
    prev_close_24h numeric,
    open_price_24h numeric,
    open_prev_diff_24h numeric,
    open_prev_pct_24h numeric,
    low_24h numeric,
    high_24h numeric,
    range_diff_24h numeric,
    range_pct_24h numeric,
    close_24h numeric,
    low_52w numeric,
    high_52w numeric,
    low_pct_52w numeric,
    high_pct_52w numeric,
    range_52w numeric,
    range_pct_52w numeric,
    market_open numeric,
    market_high_open numeric,
    market_high_pct_open numeric,
    market_low_open numeric,
    market_low_pct_open numeric,
    market_close numeric,
    market_high_pct_close numeric,
    market_low_pct_close numeric,
    market_close_vs_open_pct numeric,
    market_range numeric,
    market_range_pct numeric,
    session_volume bigint,
    weighted_average numeric,
    instrument_count integer,
    graded_to timestamptz not null,
    is_closed boolean not null,
    created_at timestamptz not null default now(),
    constraint market_sessions_one_a_capture
    unique (market, session_date, symbol, capture_kind),
    constraint market_sessions_window check (captured_at < closes_at),
    constraint market_sessions_targets check (
        num_nulls(entry_price, target_high, target_low) in (0, 3)
        and (
            wndw in ('NEUTRAL', 'PENDING') = (target_hit_type is null)
        )
        and (entry_price is not null or wndw = 'NEUTRAL')
    )
);

create index market_sessions_captured_at
on studies.market_sessions (captured_at);

create index market_sessions_in_progress
on studies.market_sessions (closes_at)
where not is_closed;

create table studies.late_ticks (
    range_id bigint generated always as identity primary key,
    symbol text,
    ts_from timestamptz not null,
    ts_to timestamptz not null,
    recorded_at timestamptz not null default now(),
    check (ts_from < ts_to)
);

comment on table studies.late_ticks is
    'Ranges of ticks that were written after a capture had read them; empty: '
    'every capture and grade is of all ticks.';
comment on column studies.late_ticks.range_id is 'Its number.';
comment on column studies.late_ticks.symbol is 'The series; null: any.';
comment on column studies.late_ticks.ts_from is
    'Start of the minute of the first tick.';
comment on column studies.late_ticks.ts_to is
    'First instant after the minute of the last tick.';
comment on column studies.late_ticks.recorded_at is
    'When its transaction began, by the database''s clock.';

comment on table studies.market_sessions is
    'Captures of market openings, eleven symbols and TOTAL each, and grades.';
comment on column studies.market_sessions.id is 'Its number.';
comment on column studies.market_sessions.session_number is
    'The UTC day of the capture as a number: 20261130.';
comment on column studies.market_sessions.capture_group is
    'The capture: market, session date and kind, Japan/2026-11-30/OPEN say.';
comment on column studies.market_sessions.capture_kind is
    'OPEN: at the market''s opening; MANUAL: when a person asked for it.';
comment on column studies.market_sessions.market is
    'The market, Japan say.';
comment on column studies.market_sessions.session_date is
    'The day by the market''s wall clock.';
comment on column studies.market_sessions.symbol is
    'The root, or TOTAL.';
comment on column studies.market_sessions.captured_at is
    'The instant of the opening, as of which the row is computed.';
comment on column studies.market_sessions.closes_at is
    'The end of the window: the market''s close; of a MANUAL capture outside '
    'its hours the end of the trade date.';
comment on column studies.market_sessions.is_complete is
    'Whether the symbol had a live quote and a signal at the capture.';
comment on column studies.market_sessions.reason is
    'Why the row has no signal, or no entry; null where it has both.';
comment on column studies.market_sessions.bhs is
    'The signal: STRONG_BUY, BUY, HOLD, SELL or STRONG_SELL; TOTAL has the '
    'composite signal.';
comment on column studies.market_sessions.wndw is
    'Outcome: WORKED, DIDNT_WORK, NEUTRAL or PENDING.';
comment on column studies.market_sessions.weight is
    'Contract weight of the symbol; TOTAL: sum of the signals'' weights.';
comment on column studies.market_sessions.bid_price is
    'Best bid, in points; TOTAL has the quote of YM.';
comment on column studies.market_sessions.bid_size is
    'Contracts at the best bid.';
comment on column studies.market_sessions.ask_price is
    'Best ask, in points.';
comment on column studies.market_sessions.ask_size is
    'Contracts at the best ask.';
comment on column studies.market_sessions.last_price is
    'Last price, in points.';
comment on column studies.market_sessions.spread is
    'Ask less bid, in points.';
comment on column studies.market_sessions.volume is
    'Volume of the trade date until the capture, in contracts.';
comment on column studies.market_sessions.change is
    'Last less previous close, in points; TOTAL: sum_weighted.';
comment on column studies.market_sessions.change_percent is
    'Change in percent of the previous close.';
comment on column studies.market_sessions.graded_symbol is
    'The symbol whose ticks decide: the row''s own, of TOTAL YM.';
comment on column studies.market_sessions.is_by_last is
    'Whether entry and grade go by the last price.';
comment on column studies.market_sessions.entry_price is
    'The ask of a long entry, the bid of a short one, in points.';
comment on column studies.market_sessions.target_high is
    'Where a long entry worked and a short one did not, in points.';
comment on column studies.market_sessions.target_low is
    'Where a short entry worked and a long one did not, in points.';
comment on column studies.market_sessions.target_hit_price is
    'Bid, ask or last of the first tick that touched a target, in points.';
comment on column studies.market_sessions.target_hit_type is
    'TARGET where it worked, STOP where it did not.';
comment on column studies.market_sessions.target_hit_at is
    'Market time of that tick.';
comment on column studies.market_sessions.prev_close_24h is
    'Previous close, in points.';
comment on column studies.market_sessions.open_price_24h is
    'Open of the trade date, in points.';
comment on column studies.market_sessions.open_prev_diff_24h is
    'Open less previous close, in points.';
comment on column studies.market_sessions.open_prev_pct_24h is
    'The same in percent of the previous close.';
comment on column studies.market_sessions.low_24h is
    'Low of the trade date until the capture, in points.';
comment on column studies.market_sessions.high_24h is
    'High of the trade date until the capture, in points.';
comment on column studies.market_sessions.range_diff_24h is
    'High less low, in points.';
comment on column studies.market_sessions.range_pct_24h is
    'The same in percent of the previous close.';
comment on column studies.market_sessions.close_24h is
    'Newest price of the trade date at the capture, in points.';
comment on column studies.market_sessions.low_52w is
    'Low of 52 weeks, in points.';
comment on column studies.market_sessions.high_52w is
    'High of 52 weeks, in points.';
comment on column studies.market_sessions.low_pct_52w is
    'Last less low_52w, in percent of last.';
comment on column studies.market_sessions.high_pct_52w is
    'high_52w less last, in percent of last.';
comment on column studies.market_sessions.range_52w is
    'high_52w less low_52w, in points.';
comment on column studies.market_sessions.range_pct_52w is
    'The same in percent of last.';
comment on column studies.market_sessions.market_open is
    'Last price at the capture, in points.';
comment on column studies.market_sessions.market_high_open is
    'High from the capture to the window''s end, in points.';
comment on column studies.market_sessions.market_high_pct_open is
    'market_high_open less market_open, in percent of market_open.';
comment on column studies.market_sessions.market_low_open is
    'Low from the capture to the window''s end, in points.';
comment on column studies.market_sessions.market_low_pct_open is
    'Last price in the window less market_low_open, in percent of the low.';
comment on column studies.market_sessions.market_close is
    'Last price in the window, in points.';
comment on column studies.market_sessions.market_high_pct_close is
    'market_high_open less market_close, in percent of market_close.';
comment on column studies.market_sessions.market_low_pct_close is
    'market_close less market_low_open, in percent of market_low_open.';
comment on column studies.market_sessions.market_close_vs_open_pct is
    'market_close less market_open, in percent of market_open.';
comment on column studies.market_sessions.market_range is
    'market_high_open less market_low_open, in points.';
comment on column studies.market_sessions.market_range_pct is
    'The same in percent of market_open.';
comment on column studies.market_sessions.session_volume is
    'Contracts traded in the window.';
comment on column studies.market_sessions.weighted_average is
    'TOTAL: its average; null of a symbol.';
comment on column studies.market_sessions.instrument_count is
    'TOTAL: symbols with a signal in it; null of a symbol.';
comment on column studies.market_sessions.graded_to is
    'All ticks until this instant have been looked at.';
comment on column studies.market_sessions.is_closed is
    'Whether the window has ended and the row is final.';
comment on column studies.market_sessions.created_at is
    'When the row was written, by the database''s clock.';

create function store.note_late_captures() returns trigger
language plpgsql as $$
begin
    insert into studies.late_ticks (symbol, ts_from, ts_to)
    select new.symbol, new.ts_from, new.ts_to
    where exists (
        select
        from studies.market_sessions as s
        where
            s.captured_at >= new.ts_from - interval '1 day'
            and s.captured_at < new.ts_to + interval '1 day'
            and s.graded_to > new.ts_from
    );
    return null;
end $$;

create trigger note_late_captures
after insert on store.features_to_refresh
for each row
when (new.width = '1m' and new.reason in ('late', 'rebuild'))
execute function store.note_late_captures();

comment on function store.note_late_captures() is
    'Notes late ticks for the captures of market openings that have read '
    'their minute.';

insert into studies.targets (
    symbol, mode, offset_high, offset_low, is_by_last
)
select
    t.symbol,
    'POINTS',
    t.band,
    t.band,
    t.symbol = 'DX'
from (
    values
    ('YM', 20), ('ES', 2), ('NQ', 5), ('RTY', 2), ('CL', 0.10), ('SI', 0.02),
    ('HG', 0.004), ('GC', 1), ('VX', 0.10), ('ZB', 0.09375), ('DX', 0.10)
) as t (symbol, band)
inner join reference.instruments as i on i.symbol = t.symbol;
