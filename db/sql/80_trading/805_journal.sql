-- Stage     80 trading
-- Makes     trade.breaks, trade.notes
-- Kind      table
-- Grain     one row a difference from the broker; one row a note
-- Known at  found_at
-- Reads     trade.accounts, trade.orders
-- Nulls     when and by whom a break was cleared, while it is not; the order or
--           symbol that a note is not about
-- Why       A position that the broker does not confirm locks its symbol until
--           a person clears it.

create table trade.breaks (
    break_id bigint generated always as identity primary key,
    account_id text not null references trade.accounts (account_id),
    symbol text not null,
    found_at timestamptz not null default now(),
    expected text not null,
    actual text not null,
    reason text not null,
    cleared_at timestamptz,
    cleared_by text,
    check (num_nulls(cleared_at, cleared_by) <> 1)
);

create unique index breaks_open on trade.breaks (account_id, symbol, reason)
where cleared_at is null;

create table trade.notes (
    note_id bigint generated always as identity primary key,
    order_id uuid references trade.orders (order_id),
    symbol text,
    at timestamptz not null default now(),
    who text not null,
    text text not null check (text <> '')
);

create index notes_order on trade.notes (order_id)
where order_id is not null;

comment on table trade.breaks is
    'Differences between Thor and a broker; one that is not cleared locks its '
    'symbol.';
comment on column trade.breaks.break_id is 'Its number.';
comment on column trade.breaks.account_id is 'The account.';
comment on column trade.breaks.symbol is
    'The series, or * where the account could not be compared at all.';
comment on column trade.breaks.found_at is 'When it was found.';
comment on column trade.breaks.expected is 'What Thor has.';
comment on column trade.breaks.actual is 'What the broker has.';
comment on column trade.breaks.reason is 'What differs, and how it is cleared.';
comment on column trade.breaks.cleared_at is
    'When it was cleared; null while it locks the symbol.';
comment on column trade.breaks.cleared_by is
    'Who cleared it; null while it locks the symbol.';

comment on table trade.notes is
    'The journal: what people write about orders and symbols.';
comment on column trade.notes.note_id is 'Its number.';
comment on column trade.notes.order_id is
    'The order; null where it is about none.';
comment on column trade.notes.symbol is
    'The series; null where it is about none.';
comment on column trade.notes.at is 'When it was written.';
comment on column trade.notes.who is 'Who wrote it.';
comment on column trade.notes.text is 'What was written.';
