-- Stage     30 ticks
-- Makes     market.rejected_ticks
-- Kind      table
-- Grain     one row a refused tick, or a refused entry of n ticks
-- Known at  rejected_at
-- Reads     –
-- Nulls     symbol, ts, seq, source where the payload lacks them
-- Why       Refused is not dropped: the payload stays, with the field, its
--           value and the reason, and can be published again.

create table market.rejected_ticks (
    rejected_id bigint generated always as identity primary key,
    rejected_at timestamptz not null default now(),
    symbol text,
    ts timestamptz,
    seq bigint,
    source text,
    field text not null,
    value text not null,
    reason text not null,
    ticks integer not null check (ticks >= 0),
    entry_id text not null,
    payload text not null,
    retried_at timestamptz
);

create index rejected_ticks_rejected_at on market.rejected_ticks (rejected_at);
create index rejected_ticks_source_seq on market.rejected_ticks (source, seq);

comment on table market.rejected_ticks is
    'Refused ticks: the reason, and the payload as received.';
comment on column market.rejected_ticks.rejected_id is 'Its number.';
comment on column market.rejected_ticks.rejected_at is
    'When it was refused, by the database''s clock.';
comment on column market.rejected_ticks.symbol is 'Symbol, where readable.';
comment on column market.rejected_ticks.ts is 'Market time, where readable.';
comment on column market.rejected_ticks.seq is 'Number, where readable.';
comment on column market.rejected_ticks.source is 'Source, where readable.';
comment on column market.rejected_ticks.field is
    'The field that is wrong; entry where the whole entry is.';
comment on column market.rejected_ticks.value is
    'The value it had, as text, shortened where very long.';
comment on column market.rejected_ticks.reason is 'What is wrong with it.';
comment on column market.rejected_ticks.ticks is
    'Ticks that this row counts for: 1, or the n of a malformed entry.';
comment on column market.rejected_ticks.entry_id is
    'Id of the stream entry it came in.';
comment on column market.rejected_ticks.payload is
    'The tick or the entry as received; bytes that are no text escaped.';
comment on column market.rejected_ticks.retried_at is
    'When it was last published again by thor ticks rejected --retry.';
