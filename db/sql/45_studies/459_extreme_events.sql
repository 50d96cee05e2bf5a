-- Stage     45 studies
-- Makes     studies.extreme_events
-- Kind      table
-- Grain     one row a (symbol, trade date, kind)
-- Known at  at
-- Reads     –
-- Nulls     never
-- Why       An event is the first trade of a trade date beyond all dates before
--           it, those of 52 weeks or all that are known: the same whether it is
--           computed live, after a restart or in a replay.

create table studies.extreme_events (
    symbol text not null,
    trade_date date not null,
    kind text not null check (
        kind in ('HIGH_52W', 'LOW_52W', 'ALL_TIME_HIGH', 'ALL_TIME_LOW')
    ),
    price numeric(18, 8) not null,
    previous numeric(18, 8) not null,
    previous_on date not null,
    at timestamptz not null,
    source text not null,
    since date not null,
    written_at timestamptz not null default now(),
    primary key (symbol, trade_date, kind),
    constraint extreme_events_beyond_previous check (
        case
            when kind in ('HIGH_52W', 'ALL_TIME_HIGH') then price > previous
            else price < previous
        end
    ),
    check (since <= previous_on and previous_on < trade_date)
);

create index extreme_events_at on studies.extreme_events (at);

comment on table studies.extreme_events is
    'New highs and lows of 52 weeks and of all known time: for each symbol, '
    'trade date and kind the first price beyond all trade dates before.';
comment on column studies.extreme_events.symbol is
    'The series: a root (ES) or a month (ESH24).';
comment on column studies.extreme_events.trade_date is
    'The exchange''s day that it happened on.';
comment on column studies.extreme_events.kind is
    'HIGH_52W, LOW_52W, ALL_TIME_HIGH or ALL_TIME_LOW.';
comment on column studies.extreme_events.price is
    'The first price beyond, in points; the day may have gone farther.';
comment on column studies.extreme_events.previous is
    'The extreme of the trade dates before, in points.';
comment on column studies.extreme_events.previous_on is
    'The newest trade date that previous was reached on.';
comment on column studies.extreme_events.at is 'Market time of its tick.';
comment on column studies.extreme_events.source is 'Source of its tick.';
comment on column studies.extreme_events.since is
    'The oldest trade date that previous is the extreme of.';
comment on column studies.extreme_events.written_at is
    'When the row was written, by the database''s clock.';
