-- Stage     45 studies
-- Makes     studies.market_transitions
-- Kind      table
-- Grain     one row a (market, at)
-- Known at  created_at
-- Reads     –
-- Nulls     never
-- Why       What was shown stays, even where hours are corrected later; and
--           nobody has to be watching for a change to be kept.

create table studies.market_transitions (
    market text not null,
    at timestamptz not null,
    from_state text not null,
    to_state text not null,
    is_recovered boolean not null default false,
    created_at timestamptz not null default now(),
    primary key (market, at),
    constraint market_transitions_states check (
        array[from_state, to_state]
        <@ '{OPEN,PREOPEN,PRECLOSE,LUNCH,CLOSED,HOLIDAY}'
        and from_state <> to_state
    )
);

create index market_transitions_created_at
on studies.market_transitions (created_at);

comment on table studies.market_transitions is
    'Each change of a market''s state: one row a market and instant.';
comment on column studies.market_transitions.market is 'The market.';
comment on column studies.market_transitions.at is
    'The instant of the change, as its hours have it.';
comment on column studies.market_transitions.from_state is
    'The state before: OPEN, PREOPEN, PRECLOSE, LUNCH, CLOSED or HOLIDAY.';
comment on column studies.market_transitions.to_state is 'The state after.';
comment on column studies.market_transitions.is_recovered is
    'Whether it was written later than it happened, after a downtime.';
comment on column studies.market_transitions.created_at is
    'When the row was written.';
