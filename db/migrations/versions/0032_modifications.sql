create table trade.modifications (
    modification_id bigint generated always as identity primary key,
    order_id uuid not null references trade.orders (order_id),
    quantity integer check (quantity > 0),
    limit_price numeric(18, 8) check (abs(limit_price) < 'Infinity'),
    stop_price numeric(18, 8) check (abs(stop_price) < 'Infinity'),
    trail_by numeric(18, 8) check (trail_by > 0 and trail_by < 'Infinity'),
    verdict_id uuid references trade.verdicts (verdict_id),
    who text not null,
    at timestamptz not null,
    outcome text check (outcome in ('DONE', 'REFUSED')),
    reason text,
    done_at timestamptz,
    check (num_nulls(outcome, done_at) <> 1),
    check (num_nonnulls(quantity, limit_price, stop_price, trail_by) > 0)
);

create index modifications_open on trade.modifications (modification_id)
where outcome is null;
create index modifications_order on trade.modifications (order_id);

create table trade.broker_progress (
    account_id text primary key references trade.accounts (account_id),
    entry_id text not null,
    at timestamptz,
    updated_at timestamptz not null default now()
);

comment on table trade.modifications is
    'Changes of orders that were asked for, and what the broker answered.';
comment on column trade.modifications.modification_id is 'Its number.';
comment on column trade.modifications.order_id is 'The order.';
comment on column trade.modifications.quantity is
    'Contracts that it is to have; null where they stay.';
comment on column trade.modifications.limit_price is
    'Limit that it is to have, in points; null where it stays.';
comment on column trade.modifications.stop_price is
    'Stop that it is to have, in points; null where it stays.';
comment on column trade.modifications.trail_by is
    'Distance that it is to trail by, in points; null where it stays.';
comment on column trade.modifications.verdict_id is
    'The risk engine''s verdict on the order as changed.';
comment on column trade.modifications.who is 'Who asked.';
comment on column trade.modifications.at is 'The market''s moment of asking.';
comment on column trade.modifications.outcome is
    'DONE or REFUSED; null until the broker answered.';
comment on column trade.modifications.reason is
    'Why it was refused; null where it was not.';
comment on column trade.modifications.done_at is
    'When the broker answered; null until then.';

comment on table trade.broker_progress is
    'How far an account''s paper broker has read the stream.';
comment on column trade.broker_progress.account_id is 'The account.';
comment on column trade.broker_progress.entry_id is
    'The last entry of the stream whose outcome is written.';
comment on column trade.broker_progress.at is
    'The market''s time there; null before the first tick.';
comment on column trade.broker_progress.updated_at is
    'When, by the database''s clock.';
