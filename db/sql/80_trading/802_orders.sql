-- Stage     80 trading
-- Makes     trade.order_transitions, trade.orders, trade.order_events
-- Kind      table
-- Grain     one row a legal change of status; one row an order; one row a
--           change of one
-- Known at  updated_at
-- Reads     reference.series, trade.accounts, trade.signals, trade.verdicts
-- Nulls     prices that the type does not have; the contract where the feed
--           names no month
-- Why       A status may change only as order_transitions lists: the database
--           refuses the rest.

create table trade.order_transitions (
    from_status text not null,
    to_status text not null,
    primary key (from_status, to_status),
    check (from_status <> to_status)
);

create table trade.orders (
    order_id uuid primary key default gen_random_uuid(),
    account_id text not null references trade.accounts (account_id),
    client_order_id text not null check (client_order_id <> ''),
    symbol text not null references reference.series (symbol),
    contract text,
    series text not null generated always as (
        coalesce(contract, symbol)
    ) stored,
    side text not null check (side in ('BUY', 'SELL')),
    type text not null,
    quantity integer not null check (quantity > 0),
    limit_price numeric(18, 8) check (abs(limit_price) < 'Infinity'),
    stop_price numeric(18, 8) check (abs(stop_price) < 'Infinity'),
    trail_by numeric(18, 8) check (trail_by > 0 and trail_by < 'Infinity'),
    time_in_force text not null default 'DAY'
        check (time_in_force in ('DAY', 'GTC')),
    status text not null default 'PENDING',
    filled_quantity integer not null default 0,
    average_price numeric(18, 8),
    group_id text,
    group_kind text check (group_kind in ('OCO', 'BRACKET')),
    parent_order_id uuid references trade.orders (order_id),
    is_flattening boolean not null default false,
    is_triggered boolean not null default false,
    expires_at timestamptz,
    signal_id uuid references trade.signals (signal_id),
    verdict_id uuid references trade.verdicts (verdict_id),
    who text not null,
    changed_by text,
    content_sha256 text not null check (content_sha256 ~ '^[0-9a-f]{64}$'),
    reason text,
    placed_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    version integer not null default 1,
    unique (account_id, client_order_id),
    constraint orders_status_is_known check (
        status in (
            'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED', 'FILLED',
            'CANCEL_PENDING', 'CANCELLED', 'REFUSED', 'REJECTED', 'EXPIRED'
        )
    ),
    constraint orders_have_the_prices_of_their_type check (
        case type
            when 'MARKET' then num_nonnulls(limit_price, stop_price) = 0
            when 'LIMIT' then limit_price is not null and stop_price is null
            when 'STOP' then limit_price is null and stop_price is not null
            when 'STOP_LIMIT' then num_nulls(limit_price, stop_price) = 0
            when 'TRAILING_STOP' then limit_price is null
            else false
        end
        and (type = 'TRAILING_STOP') = (trail_by is not null)
    ),
    constraint orders_fill_at_most_their_quantity check (
        filled_quantity between 0 and quantity
        and (filled_quantity = 0) = (average_price is null)
        and case status
            when 'FILLED' then filled_quantity = quantity
            when 'PARTIALLY_FILLED' then filled_quantity > 0
            when 'PENDING' then filled_quantity = 0
            when 'SUBMITTED' then filled_quantity = 0
            when 'REFUSED' then filled_quantity = 0
            else true
        end
    ),
    check (num_nulls(group_id, group_kind) <> 1)
);

create index orders_open on trade.orders (account_id, series)
where status in (
    'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED', 'CANCEL_PENDING'
);
create index orders_placed_at on trade.orders (account_id, placed_at);
create index orders_updated_at on trade.orders (updated_at);
create index orders_flattening on trade.orders (account_id, series, placed_at)
where is_flattening;
create index orders_group_id on trade.orders (group_id)
where group_id is not null;
create index orders_parent on trade.orders (parent_order_id)
where parent_order_id is not null;

create table trade.order_events (
    event_id bigint generated always as identity primary key,
    order_id uuid not null references trade.orders (order_id),
    at timestamptz not null,
    kind text not null check (
        kind in ('PLACED', 'REFUSED', 'STATUS', 'FILL', 'MODIFIED', 'NOTE')
    ),
    from_status text,
    to_status text,
    quantity integer,
    price numeric(18, 8),
    reason text,
    who text,
    known_at timestamptz not null default now()
);

create index order_events_order on trade.order_events (order_id, event_id);

comment on table trade.order_transitions is
    'The legal changes of an order''s status.';
comment on column trade.order_transitions.from_status is 'The status before.';
comment on column trade.order_transitions.to_status is 'The status after.';

comment on table trade.orders is
    'Orders as they stand; trade.order_events has every change.';
comment on column trade.orders.order_id is 'Its id.';
comment on column trade.orders.account_id is 'The account.';
comment on column trade.orders.client_order_id is
    'The client''s own id: a second order of the same id is the same order.';
comment on column trade.orders.symbol is
    'The series that was asked for: a root, or a month.';
comment on column trade.orders.contract is
    'The month that the root was resolved to when it was placed; null where '
    'the feed knows no months.';
comment on column trade.orders.series is
    'What is held once it is filled: the contract, else the symbol.';
comment on column trade.orders.side is 'BUY or SELL.';
comment on column trade.orders.type is
    'MARKET, LIMIT, STOP, STOP_LIMIT or TRAILING_STOP.';
comment on column trade.orders.quantity is 'Contracts.';
comment on column trade.orders.limit_price is
    'Worst price of a fill, in points; null without one.';
comment on column trade.orders.stop_price is
    'Price that makes it active, in points; a trailing stop''s follows the '
    'market; null without one.';
comment on column trade.orders.trail_by is
    'Distance of a trailing stop from the best price, in points; null for '
    'other types.';
comment on column trade.orders.time_in_force is
    'DAY: until the session closes; GTC: until cancelled.';
comment on column trade.orders.status is
    'PENDING: the broker was not asked yet; SUBMITTED: sent, the outcome is '
    'not known; WORKING, PARTIALLY_FILLED, CANCEL_PENDING; and the final '
    'FILLED, CANCELLED, REFUSED (by risk), REJECTED (by the broker), EXPIRED.';
comment on column trade.orders.filled_quantity is
    'Contracts filled so far: the sum of its fills.';
comment on column trade.orders.average_price is
    'Mean price of those, in points; null without a fill.';
comment on column trade.orders.group_id is
    'Orders of one group: what one fills, the others give up; null without '
    'one.';
comment on column trade.orders.group_kind is
    'OCO or BRACKET; null without a group.';
comment on column trade.orders.parent_order_id is
    'The entry that it protects; null without one.';
comment on column trade.orders.is_flattening is
    'Whether it only reduces a position: then it passes the kill switch.';
comment on column trade.orders.is_triggered is
    'Whether its stop price was met.';
comment on column trade.orders.expires_at is
    'End of the session that a DAY order is for; null where it has none.';
comment on column trade.orders.signal_id is
    'The signal that it follows; null without one.';
comment on column trade.orders.verdict_id is
    'The risk verdict that it was placed or refused by.';
comment on column trade.orders.who is 'Who placed it.';
comment on column trade.orders.changed_by is
    'Who changed it last; null where nobody did.';
comment on column trade.orders.content_sha256 is
    'SHA-256 of what was asked for, in hex: the same id with another content '
    'is refused.';
comment on column trade.orders.reason is
    'Why it was refused, rejected or cancelled; null otherwise.';
comment on column trade.orders.placed_at is 'When it was placed.';
comment on column trade.orders.updated_at is 'When it last changed.';
comment on column trade.orders.version is 'Counts its changes, from 1.';

comment on table trade.order_events is
    'Every change of an order, in order: the database writes them.';
comment on column trade.order_events.event_id is 'Its number, ascending.';
comment on column trade.order_events.order_id is 'The order.';
comment on column trade.order_events.at is 'When it changed.';
comment on column trade.order_events.kind is
    'PLACED, REFUSED, STATUS, FILL, MODIFIED or NOTE.';
comment on column trade.order_events.from_status is
    'The status before; null for a new order.';
comment on column trade.order_events.to_status is 'The status after.';
comment on column trade.order_events.quantity is
    'Contracts: of a fill those filled, else those of the order.';
comment on column trade.order_events.price is
    'Of a fill its price, of a change the limit price or else the stop price, '
    'in points; null without one.';
comment on column trade.order_events.reason is
    'The order''s reason then; null without one.';
comment on column trade.order_events.who is 'Who changed it.';
comment on column trade.order_events.known_at is
    'When it was written, by the database''s clock.';
