create schema if not exists trade;

comment on schema trade is
    'Orders, fills, positions, limits, the kill switch and the journal.';

alter table reference.instruments
add column is_tradable boolean not null default true;

comment on column reference.instruments.is_tradable is
    'Whether orders may be placed: not where the feed is of a cash index, as '
    'DX''s is.';

-- As delivered, not as changed by a person.
alter table reference.instruments disable trigger keep_version;
update reference.instruments set is_tradable = false where symbol = 'DX';
alter table reference.instruments enable trigger keep_version;

alter table reference.margins disable trigger keep_version;
update reference.margins
set
    maintenance = coalesce(maintenance, round(initial / 1.1, 2)),
    intraday = coalesce(intraday, round(initial / 2, 2)),
    source = source || '; maintenance initial / 1.1, intraday initial / 2'
where version = 1 and num_nulls(maintenance, intraday) = 2;
insert into reference.margins (
    symbol, from_date, initial, maintenance, intraday, source, changed_at
)
select
    m.symbol, date '2000-01-01', m.initial, m.maintenance, m.intraday,
    m.source || '; no earlier list is known', m.changed_at
from reference.margins as m
where m.version = 1 and m.from_date = date '2025-10-01'
on conflict do nothing;
alter table reference.margins enable trigger keep_version;

create table trade.accounts (
    account_id text primary key
        check (account_id ~ '^[A-Z0-9][A-Z0-9._-]{0,30}$'),
    kind text not null check (kind in ('PAPER', 'LIVE')),
    currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
    is_enabled boolean not null default true,
    epoch integer not null default 1 check (epoch > 0),
    who text not null,
    created_at timestamptz not null default now()
);

create table trade.cash_movements (
    movement_id bigint generated always as identity primary key,
    account_id text not null references trade.accounts (account_id),
    epoch integer not null check (epoch > 0),
    at timestamptz not null default now(),
    trade_date date generated always as (
        ((at at time zone 'America/Chicago') + interval '7 hours')::date
    ) stored,
    kind text not null
        check (kind in ('FUND', 'WITHDRAW', 'RESET', 'ADJUST')),
    amount numeric(18, 2) not null check (abs(amount) < 'Infinity'),
    who text not null,
    note text,
    check (
        case kind
            when 'FUND' then amount > 0
            when 'RESET' then amount >= 0
            when 'WITHDRAW' then amount < 0
            else amount <> 0
        end
    )
);

create index cash_movements_account
on trade.cash_movements (account_id, epoch, at);

comment on table trade.accounts is
    'Accounts that orders are for; paper and live ones are apart.';
comment on column trade.accounts.account_id is 'Its name, PAPER say.';
comment on column trade.accounts.kind is 'PAPER or LIVE.';
comment on column trade.accounts.currency is 'ISO code of its money.';
comment on column trade.accounts.is_enabled is 'Whether it takes orders.';
comment on column trade.accounts.epoch is
    'Counts its resets, from 1: what was before the last one does not count.';
comment on column trade.accounts.who is 'Who made it.';
comment on column trade.accounts.created_at is
    'When, by the database''s clock.';

comment on table trade.cash_movements is
    'Money that was put into an account or taken out, fills left out.';
comment on column trade.cash_movements.movement_id is 'Its number.';
comment on column trade.cash_movements.account_id is 'The account.';
comment on column trade.cash_movements.epoch is
    'The account''s epoch that it belongs to; a RESET begins one.';
comment on column trade.cash_movements.at is 'When.';
comment on column trade.cash_movements.trade_date is
    'The exchange''s day of that instant.';
comment on column trade.cash_movements.kind is
    'FUND, WITHDRAW, RESET (the cash that an epoch begins with) or ADJUST.';
comment on column trade.cash_movements.amount is
    'Signed amount, in the account''s currency.';
comment on column trade.cash_movements.who is 'Who did it.';
comment on column trade.cash_movements.note is
    'Why; null where nobody wrote it.';

create table trade.signals (
    signal_id uuid primary key default gen_random_uuid(),
    at timestamptz not null,
    known_at timestamptz not null default now(),
    symbol text not null references reference.series (symbol),
    side text not null check (side in ('BUY', 'SELL', 'HOLD')),
    horizon text,
    confidence numeric(9, 8) check (confidence between 0 and 1),
    target numeric(18, 8) check (abs(target) < 'Infinity'),
    stop numeric(18, 8) check (abs(stop) < 'Infinity'),
    origin text not null check (origin in ('DESK', 'PREDICTION', 'PERSON')),
    origin_ref text,
    who text not null,
    note text
);

create index signals_symbol on trade.signals (symbol, at);

create table trade.verdicts (
    verdict_id uuid primary key default gen_random_uuid(),
    at timestamptz not null,
    account_id text not null references trade.accounts (account_id),
    symbol text not null,
    side text not null check (side in ('BUY', 'SELL')),
    quantity integer not null,
    is_allowed boolean not null,
    rule text,
    limit_value numeric,
    figure numeric,
    reason text,
    checks jsonb not null default '[]',
    limits_version bigint,
    known_at timestamptz not null default now(),
    check (is_allowed or num_nulls(rule, reason) = 0)
);

create index verdicts_account on trade.verdicts (account_id, at);

comment on table trade.signals is
    'Views of a symbol that orders may follow: the desk''s, a prediction''s '
    'or a person''s.';
comment on column trade.signals.signal_id is 'Its id.';
comment on column trade.signals.at is 'The market''s moment that it is of.';
comment on column trade.signals.known_at is
    'When it was written, by the database''s clock.';
comment on column trade.signals.symbol is 'The series.';
comment on column trade.signals.side is 'BUY, SELL or HOLD.';
comment on column trade.signals.horizon is
    'How far ahead, 15m say; null where it has none.';
comment on column trade.signals.confidence is
    'Probability that it is right, 0 to 1; null where not given.';
comment on column trade.signals.target is
    'Price to take the profit at, in points; null where not given.';
comment on column trade.signals.stop is
    'Price to give up at, in points; null where not given.';
comment on column trade.signals.origin is 'DESK, PREDICTION or PERSON.';
comment on column trade.signals.origin_ref is
    'What it came from, a model''s number say; null where nothing.';
comment on column trade.signals.who is 'Who or which job wrote it.';
comment on column trade.signals.note is 'Why; null where nobody wrote it.';

comment on table trade.verdicts is
    'Verdicts of the risk engine on orders, allowed and refused.';
comment on column trade.verdicts.verdict_id is 'Its id.';
comment on column trade.verdicts.at is
    'The market''s moment that it was given at.';
comment on column trade.verdicts.account_id is 'The account of the order.';
comment on column trade.verdicts.symbol is 'The series that was asked for.';
comment on column trade.verdicts.side is 'BUY or SELL.';
comment on column trade.verdicts.quantity is 'Contracts that were asked for.';
comment on column trade.verdicts.is_allowed is
    'Whether the order may be placed.';
comment on column trade.verdicts.rule is
    'The rule that refused it; null where allowed.';
comment on column trade.verdicts.limit_value is
    'That rule''s limit, in the rule''s unit; null where it has none.';
comment on column trade.verdicts.figure is
    'What was compared with the limit; null where not known.';
comment on column trade.verdicts.reason is
    'Why it was refused, in one sentence; null where allowed.';
comment on column trade.verdicts.checks is
    'Every rule that was asked, with its limit and figure.';
comment on column trade.verdicts.limits_version is
    'The newest row of trade.limits that it knew.';
comment on column trade.verdicts.known_at is
    'When it was written, by the database''s clock.';

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

create table trade.fills (
    fill_id bigint generated by default as identity primary key,
    order_id uuid not null references trade.orders (order_id),
    account_id text not null references trade.accounts (account_id),
    symbol text not null,
    contract text,
    side text not null check (side in ('BUY', 'SELL')),
    quantity integer not null check (quantity > 0),
    price numeric(18, 8) not null check (abs(price) < 'Infinity'),
    commission numeric(18, 2) not null check (abs(commission) < 'Infinity'),
    at timestamptz not null,
    trade_date date not null,
    tick_ts timestamptz,
    tick_seq bigint,
    tick_source text,
    part integer not null default 1 check (part > 0),
    broker_fill_id text,
    bid numeric(18, 8),
    ask numeric(18, 8),
    latency_ms numeric(12, 3),
    slippage numeric(18, 8),
    assumptions text[] not null default '{}',
    series text not null generated always as (
        coalesce(contract, symbol)
    ) stored,
    epoch integer not null,
    number bigint not null,
    multiplier numeric(18, 8) not null check (multiplier > 0),
    position integer not null,
    cost numeric not null,
    average_price numeric(18, 8),
    realised numeric not null,
    realised_fifo numeric not null,
    bought bigint not null,
    sold bigint not null,
    bought_value numeric not null,
    sold_value numeric not null,
    side_total bigint not null,
    realised_fifo_sum numeric not null,
    net_sum numeric not null,
    net_peak numeric not null,
    known_at timestamptz not null default now(),
    unique (order_id, tick_ts, tick_seq, tick_source, part),
    unique (order_id, broker_fill_id),
    unique (account_id, number),
    check ((position = 0) = (average_price is null)),
    check (num_nulls(tick_ts, tick_seq, tick_source) in (0, 3)),
    check (num_nonnulls(tick_ts, broker_fill_id) > 0)
);

create index fills_series
on trade.fills (account_id, epoch, series, number);
create index fills_side
on trade.fills (account_id, epoch, series, side, side_total);
create index fills_trade_date on trade.fills (account_id, trade_date, number);
create index fills_order on trade.fills (order_id, number);

create table trade.holdings (
    account_id text not null references trade.accounts (account_id),
    epoch integer not null,
    series text not null,
    symbol text not null,
    contract text,
    primary key (account_id, epoch, series)
);

comment on table trade.fills is
    'Fills of orders; none is ever changed. The columns after epoch are '
    'computed when it is written.';
comment on column trade.fills.fill_id is 'Its id.';
comment on column trade.fills.order_id is 'The order.';
comment on column trade.fills.account_id is 'The account.';
comment on column trade.fills.symbol is 'The series that the order asked for.';
comment on column trade.fills.contract is
    'The month that was traded; null where the feed knows none.';
comment on column trade.fills.side is 'BUY or SELL.';
comment on column trade.fills.quantity is 'Contracts.';
comment on column trade.fills.price is 'Price, in points.';
comment on column trade.fills.commission is
    'Commission of this fill, in the account''s currency.';
comment on column trade.fills.at is 'When it was filled.';
comment on column trade.fills.trade_date is
    'The exchange''s day of that instant: the database sets it.';
comment on column trade.fills.tick_ts is
    'Time of the tick that filled it; null where the broker does not say.';
comment on column trade.fills.tick_seq is 'Number of that tick.';
comment on column trade.fills.tick_source is 'Source of that tick.';
comment on column trade.fills.part is
    'Counts the fills of the order by that tick, from 1.';
comment on column trade.fills.broker_fill_id is
    'The broker''s own id of the fill; null for the paper broker.';
comment on column trade.fills.bid is
    'Best bid then, in points; null where there was none.';
comment on column trade.fills.ask is
    'Best ask then, in points; null where there was none.';
comment on column trade.fills.latency_ms is
    'From the order''s arrival at Thor to its fill, in milliseconds.';
comment on column trade.fills.slippage is
    'How much worse than the quote or the limit it was filled, in points.';
comment on column trade.fills.assumptions is
    'What a paper fill takes for granted; empty for a broker''s.';
comment on column trade.fills.series is
    'What is held: the contract, else the symbol.';
comment on column trade.fills.epoch is 'The account''s epoch.';
comment on column trade.fills.number is
    'Counts the account''s fills in the order they were written, from 1.';
comment on column trade.fills.multiplier is
    'Money that a point was worth a contract then.';
comment on column trade.fills.position is
    'Contracts held after it; negative when short.';
comment on column trade.fills.cost is
    'Money paid for those by average price; negative when short.';
comment on column trade.fills.average_price is
    'Average price of those, in points; null when flat.';
comment on column trade.fills.realised is
    'Profit that it realised by average price, commission left out; to the '
    'cent while a part is still held, the rest stays in cost.';
comment on column trade.fills.realised_fifo is
    'Profit that it realised when the first contract bought or sold is closed '
    'first, commission left out.';
comment on column trade.fills.bought is
    'Contracts of the series bought in the epoch so far.';
comment on column trade.fills.sold is
    'Contracts of the series sold in the epoch so far.';
comment on column trade.fills.bought_value is 'Money of those bought.';
comment on column trade.fills.sold_value is 'Money of those sold.';
comment on column trade.fills.side_total is 'bought or sold, of its own side.';
comment on column trade.fills.realised_fifo_sum is
    'Sum of realised_fifo of the series in the epoch so far.';
comment on column trade.fills.net_sum is
    'Realised profit less commission of the account in the epoch so far.';
comment on column trade.fills.net_peak is
    'Highest net_sum of the epoch so far, 0 at its start.';
comment on column trade.fills.known_at is
    'When it was written, by the database''s clock.';

comment on table trade.holdings is
    'What an account has ever traded in an epoch; its last fill has the '
    'position.';
comment on column trade.holdings.account_id is 'The account.';
comment on column trade.holdings.epoch is 'The account''s epoch.';
comment on column trade.holdings.series is
    'What is held: the contract, else the symbol.';
comment on column trade.holdings.symbol is
    'The series that was first asked for.';
comment on column trade.holdings.contract is
    'The month; null where the feed knows none.';

create table trade.limits (
    limit_id bigint generated always as identity primary key,
    account_id text references trade.accounts (account_id),
    rule text not null check (rule ~ '^[a-z][a-z0-9_]{0,40}$'),
    symbol text references reference.instruments (symbol),
    value numeric not null check (value >= 0 and value < 'Infinity'),
    version integer not null default 1 check (version > 0),
    valid_from timestamptz not null default now(),
    who text not null,
    unique nulls not distinct (account_id, rule, symbol, version)
);

create table trade.fees (
    fee_id bigint generated always as identity primary key,
    symbol text references reference.instruments (symbol),
    from_date date not null,
    commission_per_side numeric(18, 4) not null
    check (commission_per_side >= 0 and commission_per_side < 'Infinity'),
    who text not null,
    unique nulls not distinct (symbol, from_date)
);

create table trade.kill_events (
    event_id bigint generated by default as identity primary key,
    at timestamptz not null default now(),
    action text not null check (action in ('LATCH', 'FLAT', 'RESET')),
    who text not null check (who <> ''),
    reason text not null check (reason <> '')
);

comment on table trade.limits is
    'Limits of the risk engine; the newest version of a rule holds. '
    'trade.limits_at(as_of) gives those of a moment.';
comment on column trade.limits.limit_id is 'Its number, ascending.';
comment on column trade.limits.account_id is
    'The account; null: every account without one of its own.';
comment on column trade.limits.rule is 'The rule, max_contracts say.';
comment on column trade.limits.symbol is
    'The root; null: every root without one of its own.';
comment on column trade.limits.value is
    'The limit, in the unit that the rule''s name ends in, else in contracts '
    'or the account''s currency.';
comment on column trade.limits.version is
    'Counts the versions of this rule for this account and symbol, from 1.';
comment on column trade.limits.valid_from is 'Since when it holds.';
comment on column trade.limits.who is 'Who set it.';

comment on table trade.fees is
    'Commission by the trade date from which it holds.';
comment on column trade.fees.fee_id is 'Its number.';
comment on column trade.fees.symbol is
    'The root; null: every root without one of its own.';
comment on column trade.fees.from_date is
    'First trade date for which it applies.';
comment on column trade.fees.commission_per_side is
    'Commission a contract and side, in the account''s currency.';
comment on column trade.fees.who is 'Who set it.';

comment on table trade.kill_events is
    'Uses of the kill switch. While it is latched the database refuses every '
    'order but those that reduce a position.';
comment on column trade.kill_events.event_id is 'Its number, ascending.';
comment on column trade.kill_events.at is 'When, by the database''s clock.';
comment on column trade.kill_events.action is
    'LATCH; FLAT: nothing is held and no order is open; RESET: orders pass '
    'again.';
comment on column trade.kill_events.who is 'Who did it.';
comment on column trade.kill_events.reason is 'Why.';

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
comment on column trade.breaks.symbol is 'The series.';
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

-- An order and the latch wait for one another: the second one sees what the
-- first one wrote. That needs a snapshot of each statement's own.
create function trade.keep_order() returns trigger
language plpgsql as $$
declare
    is_latched boolean;
    held integer;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'orders are written in read committed transactions: '
            'another would not see the kill switch';
    end if;
    if tg_op = 'INSERT' then
        new.version := 1;
        new.updated_at := new.placed_at;
        if new.status not in ('PENDING', 'REFUSED')
            or new.filled_quantity <> 0 then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'status: a new order is PENDING or REFUSED, not %s',
                    new.status
                );
        end if;
    else
        if (
            new.order_id, new.account_id, new.client_order_id, new.symbol,
            new.contract, new.side, new.type, new.time_in_force, new.group_id,
            new.group_kind, new.parent_order_id, new.is_flattening,
            new.signal_id, new.who, new.content_sha256, new.placed_at
        ) is distinct from (
            old.order_id, old.account_id, old.client_order_id, old.symbol,
            old.contract, old.side, old.type, old.time_in_force, old.group_id,
            old.group_kind, old.parent_order_id, old.is_flattening,
            old.signal_id, old.who, old.content_sha256, old.placed_at
        ) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'order %s: only its quantity, prices, status and reason '
                    'may change', old.order_id
                );
        end if;
        if (
            new.status, new.quantity, new.filled_quantity, new.average_price,
            new.limit_price, new.stop_price, new.trail_by, new.is_triggered,
            new.expires_at, new.verdict_id, new.reason
        ) is not distinct from (
            old.status, old.quantity, old.filled_quantity, old.average_price,
            old.limit_price, old.stop_price, old.trail_by, old.is_triggered,
            old.expires_at, old.verdict_id, old.reason
        ) then
            return null;
        end if;
        if old.status in (
            'FILLED', 'CANCELLED', 'REFUSED', 'REJECTED', 'EXPIRED'
        ) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'status: order %s is %s, which is final',
                    old.order_id, old.status
                );
        end if;
        if new.status <> old.status and not exists (
            select
            from trade.order_transitions as t
            where t.from_status = old.status and t.to_status = new.status
        ) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'status: order %s is %s, not to be %s',
                    old.order_id, old.status, new.status
                );
        end if;
        if new.filled_quantity < old.filled_quantity then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'filled_quantity: order %s has filled %s, not %s',
                    old.order_id, old.filled_quantity, new.filled_quantity
                );
        end if;
        new.version := old.version + 1;
        if new.updated_at <= old.updated_at then
            new.updated_at := greatest(old.updated_at, now());
        end if;
        -- A fill, a cancellation and the broker's answer are facts: no switch
        -- refuses them. It refuses what asks for more.
        if new.status <> 'SUBMITTED' and (
            new.quantity, new.limit_price, new.trail_by
        ) is not distinct from (
            old.quantity, old.limit_price, old.trail_by
        ) and (
            new.type = 'TRAILING_STOP'
            or new.stop_price is not distinct from old.stop_price
        ) then
            return new;
        end if;
    end if;
    if new.status = 'REFUSED' then
        return new;
    end if;
    perform pg_advisory_xact_lock_shared(7405160);
    -- An exit of a bracket has nothing to reduce before its entry is filled: it
    -- is asked when it is sent.
    if new.is_flattening
        and (new.status = 'SUBMITTED' or new.parent_order_id is null) then
        select coalesce((
            select f.position
            from trade.fills as f
            inner join trade.accounts as a
                on a.account_id = f.account_id and a.epoch = f.epoch
            where
                f.account_id = new.account_id
                and f.series = coalesce(new.contract, new.symbol)
            order by f.number desc
            limit 1
        ), 0)
        into held;
        if new.quantity > abs(held)
            or (new.side = 'BUY') is distinct from (held < 0) then
            raise exception using
                errcode = 'check_violation',
                message = format(
                    'is_flattening: %s %s %s would not only reduce the '
                    'position of %s', new.side, new.quantity,
                    coalesce(new.contract, new.symbol), held
                );
        end if;
    end if;
    if not new.is_flattening then
        select e.action = 'LATCH'
        into is_latched
        from trade.kill_events as e
        where e.action <> 'FLAT'
        order by e.event_id desc
        limit 1;
        if is_latched then
            raise exception using
                errcode = 'object_not_in_prerequisite_state',
                message = 'the kill switch is latched: only orders that '
                'flatten a position pass, until an ADMIN resets it';
        end if;
    end if;
    return new;
end
$$;

comment on function trade.keep_order() is
    'Refuses an illegal change of an order, and while the kill switch is '
    'latched every order but those that reduce a position.';

create trigger keep_order
before insert or update on trade.orders
for each row execute function trade.keep_order();

create function trade.note_order() returns trigger
language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into trade.order_events (
            order_id, at, kind, to_status, quantity, price, reason, who
        )
        values (
            new.order_id, new.placed_at,
            case new.status when 'REFUSED' then 'REFUSED' else 'PLACED' end,
            new.status, new.quantity,
            coalesce(new.limit_price, new.stop_price), new.reason, new.who
        );
    elsif new.filled_quantity > old.filled_quantity then
        insert into trade.order_events (
            order_id, at, kind, from_status, to_status, quantity, price,
            reason, who
        )
        select
            new.order_id, new.updated_at, 'FILL', old.status, new.status,
            new.filled_quantity - old.filled_quantity,
            (
                select f.price
                from trade.fills as f
                where f.order_id = new.order_id
                order by f.number desc
                limit 1
            ),
            new.reason, coalesce(new.changed_by, new.who);
    elsif new.status <> old.status or (
        new.quantity, new.limit_price, new.stop_price, new.trail_by
    ) is distinct from (
        old.quantity, old.limit_price, old.stop_price, old.trail_by
    ) then
        insert into trade.order_events (
            order_id, at, kind, from_status, to_status, quantity, price,
            reason, who
        )
        values (
            new.order_id, new.updated_at,
            case
                when new.status <> old.status then 'STATUS' else 'MODIFIED'
            end,
            old.status, new.status, new.quantity,
            coalesce(new.limit_price, new.stop_price), new.reason,
            coalesce(new.changed_by, new.who)
        );
    end if;
    return null;
end
$$;

comment on function trade.note_order() is
    'Writes the event of each change of an order.';

create trigger note_order
after insert or update on trade.orders
for each row execute function trade.note_order();

-- The account's row is locked, so that its fills follow one another.
create function trade.keep_fill() returns trigger
language plpgsql as $$
declare
    asked record;
    last record;
    signed integer;
    flow numeric;
    closed numeric;
    bought_matched numeric;
    sold_matched numeric;
    matched bigint;
begin
    select a.epoch
    into strict new.epoch
    from trade.accounts as a
    where a.account_id = new.account_id
    for no key update;
    select
        o.account_id,
        o.symbol,
        o.contract,
        o.side,
        i.multiplier
    into strict asked
    from trade.orders as o
    inner join reference.series as s on s.symbol = o.symbol
    inner join reference.instruments as i on i.symbol = s.root
    where o.order_id = new.order_id;
    if (new.account_id, new.symbol, new.side)
        is distinct from (asked.account_id, asked.symbol, asked.side)
        or new.contract is distinct from asked.contract then
        raise exception using
            errcode = 'check_violation',
            message = format(
                'fill of order %s: account, symbol, contract and side have '
                'to be the order''s', new.order_id
            );
    end if;
    new.trade_date := (
        (new.at at time zone 'America/Chicago') + interval '7 hours'
    )::date;
    new.multiplier := coalesce(new.multiplier, asked.multiplier);
    insert into trade.holdings (account_id, epoch, series, symbol, contract)
    values (
        new.account_id, new.epoch, coalesce(new.contract, new.symbol),
        new.symbol, new.contract
    )
    on conflict do nothing;
    select
        f.number,
        case when f.epoch = new.epoch then f.net_sum else 0 end as net_sum,
        case when f.epoch = new.epoch then f.net_peak else 0 end as net_peak
    into last
    from trade.fills as f
    where f.account_id = new.account_id
    order by f.number desc
    limit 1;
    new.number := coalesce(last.number, 0) + 1;
    new.net_sum := coalesce(last.net_sum, 0) - new.commission;
    new.net_peak := coalesce(last.net_peak, 0);

    select
        f.position,
        f.cost,
        f.bought,
        f.sold,
        f.bought_value,
        f.sold_value,
        f.realised_fifo_sum
    into last
    from trade.fills as f
    where
        f.account_id = new.account_id
        and f.epoch = new.epoch
        and f.series = coalesce(new.contract, new.symbol)
    order by f.number desc
    limit 1;
    if not found then
        select
            0 as position,
            0::numeric as cost,
            0::bigint as bought,
            0::bigint as sold,
            0::numeric as bought_value,
            0::numeric as sold_value,
            0::numeric as realised_fifo_sum
        into last;
    end if;

    -- By average price. cost after = cost before + flow + realised, exactly.
    signed := case new.side when 'BUY' then 1 else -1 end * new.quantity;
    flow := signed * new.price * new.multiplier;
    new.position := last.position + signed;
    if sign(last.position) * signed >= 0 then
        new.realised := 0;
    elsif abs(signed) < abs(last.position) then
        closed := last.cost * new.quantity / abs(last.position);
        new.realised := round(-flow - closed, 2);
    else
        new.realised := -(
            last.cost - last.position * new.price * new.multiplier
        );
    end if;
    new.realised := trim_scale(new.realised);
    new.cost := trim_scale(last.cost + flow + new.realised);
    new.average_price := case
        when new.position <> 0
            then new.cost / (new.position * new.multiplier)
    end;

    -- First in, first out: contract k bought closes contract k sold, whichever
    -- came first. So the profit so far is the money of the first so many sold,
    -- less that of the first so many bought.
    new.bought := last.bought + greatest(signed, 0);
    new.sold := last.sold + greatest(-signed, 0);
    new.bought_value := last.bought_value + greatest(sign(signed), 0) * flow;
    new.sold_value := last.sold_value + greatest(-sign(signed), 0) * -flow;
    new.side_total := case new.side
        when 'BUY' then new.bought else new.sold
    end;
    matched := least(new.bought, new.sold);
    bought_matched := new.bought_value;
    sold_matched := new.sold_value;
    if new.bought > matched then
        select
            f.bought_value - (f.side_total - matched) * f.price * f.multiplier
        into bought_matched
        from trade.fills as f
        where
            f.account_id = new.account_id
            and f.epoch = new.epoch
            and f.series = coalesce(new.contract, new.symbol)
            and f.side = 'BUY'
            and f.side_total >= matched
        order by f.side_total
        limit 1;
        if not found then
            bought_matched := new.bought_value
                - (new.side_total - matched) * new.price * new.multiplier;
        end if;
    elsif new.sold > matched then
        select
            f.sold_value - (f.side_total - matched) * f.price * f.multiplier
        into sold_matched
        from trade.fills as f
        where
            f.account_id = new.account_id
            and f.epoch = new.epoch
            and f.series = coalesce(new.contract, new.symbol)
            and f.side = 'SELL'
            and f.side_total >= matched
        order by f.side_total
        limit 1;
        if not found then
            sold_matched := new.sold_value
                - (new.side_total - matched) * new.price * new.multiplier;
        end if;
    end if;
    if matched = 0 then
        new.realised_fifo_sum := 0;
    else
        new.realised_fifo_sum := sold_matched - bought_matched;
    end if;
    new.realised_fifo := new.realised_fifo_sum - last.realised_fifo_sum;

    new.net_sum := new.net_sum + new.realised;
    new.net_peak := greatest(new.net_peak, new.net_sum);
    return new;
end
$$;

comment on function trade.keep_fill() is
    'Computes the position and the profit after a fill, by average price and '
    'first in, first out.';

create trigger keep_fill
before insert on trade.fills
for each row execute function trade.keep_fill();

create function trade.note_fill() returns trigger
language plpgsql as $$
begin
    update trade.orders as o
    set
        filled_quantity = s.quantity,
        average_price = s.price,
        status = case
            when s.quantity = o.quantity then 'FILLED'
            when o.status = 'CANCEL_PENDING' then o.status
            else 'PARTIALLY_FILLED'
        end,
        updated_at = greatest(o.updated_at, new.at)
    from (
        select
            sum(f.quantity) as quantity,
            sum(f.quantity * f.price) / sum(f.quantity) as price
        from trade.fills as f
        where f.order_id = new.order_id
    ) as s
    where o.order_id = new.order_id;
    return null;
end
$$;

comment on function trade.note_fill() is
    'Moves an order on by its fill: what it has filled, at what mean price, '
    'and its status.';

create trigger note_fill
after insert on trade.fills
for each row execute function trade.note_fill();

create function trade.keep_kill_event() returns trigger
language plpgsql as $$
declare
    is_latched boolean;
    is_flat boolean;
    found_open text;
begin
    -- Orders that are being written end first, later ones wait.
    perform pg_advisory_xact_lock(7405160);
    new.event_id := nextval('trade.kill_events_event_id_seq');
    if new.action = 'LATCH' then
        return new;
    end if;
    select
        e.action in ('LATCH', 'FLAT'),
        e.action = 'FLAT'
    into is_latched, is_flat
    from trade.kill_events as e
    order by e.event_id desc
    limit 1;
    if is_latched is not true then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'the kill switch is not latched';
    end if;
    if new.action = 'RESET' and not is_flat then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'the kill switch is latched and not yet verified flat: '
            'that comes before a reset';
    end if;
    select string_agg(x.what, ', ')
    into found_open
    from (
        select format('%s %s %s', h.account_id, h.series, f.position) as what
        from trade.holdings as h
        inner join trade.accounts as a
            on a.account_id = h.account_id and a.epoch = h.epoch
        cross join lateral (
            select l.position
            from trade.fills as l
            where
                l.account_id = h.account_id
                and l.epoch = h.epoch
                and l.series = h.series
            order by l.number desc
            limit 1
        ) as f
        where f.position <> 0
        union all
        select
            format(
                '%s order %s %s %s %s', o.account_id, o.client_order_id,
                o.side, o.quantity - o.filled_quantity, o.series
            )
        from trade.orders as o
        where o.status in (
            'PENDING', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED',
            'CANCEL_PENDING'
        )
        order by 1
        limit 5
    ) as x;
    if found_open is not null then
        raise exception using
            errcode = 'object_not_in_prerequisite_state',
            message = 'not flat: ' || found_open;
    end if;
    return new;
end
$$;

comment on function trade.keep_kill_event() is
    'Lets the kill switch be latched at any time, be called flat where nothing '
    'is held and no order is open, and be reset after that.';

create trigger keep_kill_event
before insert on trade.kill_events
for each row execute function trade.keep_kill_event();

insert into trade.order_transitions (from_status, to_status)
values
('PENDING', 'SUBMITTED'), ('PENDING', 'CANCELLED'), ('PENDING', 'REJECTED'),
('PENDING', 'EXPIRED'),
('SUBMITTED', 'WORKING'), ('SUBMITTED', 'PARTIALLY_FILLED'),
('SUBMITTED', 'FILLED'), ('SUBMITTED', 'CANCEL_PENDING'),
('SUBMITTED', 'CANCELLED'), ('SUBMITTED', 'REJECTED'),
('SUBMITTED', 'EXPIRED'),
('WORKING', 'PARTIALLY_FILLED'), ('WORKING', 'FILLED'),
('WORKING', 'CANCEL_PENDING'), ('WORKING', 'CANCELLED'),
('WORKING', 'REJECTED'), ('WORKING', 'EXPIRED'),
('PARTIALLY_FILLED', 'FILLED'), ('PARTIALLY_FILLED', 'CANCEL_PENDING'),
('PARTIALLY_FILLED', 'CANCELLED'), ('PARTIALLY_FILLED', 'REJECTED'),
('PARTIALLY_FILLED', 'EXPIRED'),
('CANCEL_PENDING', 'WORKING'), ('CANCEL_PENDING', 'PARTIALLY_FILLED'),
('CANCEL_PENDING', 'FILLED'), ('CANCEL_PENDING', 'CANCELLED'),
('CANCEL_PENDING', 'REJECTED'), ('CANCEL_PENDING', 'EXPIRED');

insert into trade.accounts (account_id, kind, who)
values ('PAPER', 'PAPER', 'thor');

insert into trade.cash_movements (
    account_id, epoch, at, kind, amount, who, note
)
values (
    'PAPER', 1, '2000-01-01 00:00Z', 'FUND', 100000, 'thor', 'as delivered'
);

insert into trade.fees (from_date, commission_per_side, who)
values ('2000-01-01', 2.50, 'thor');

insert into trade.limits (rule, value, valid_from, who)
values
('max_contracts', 10, '2000-01-01 00:00Z', 'thor'),
('max_group_contracts', 20, '2000-01-01 00:00Z', 'thor'),
('gross_exposure', 5000000, '2000-01-01 00:00Z', 'thor'),
('net_exposure', 3000000, '2000-01-01 00:00Z', 'thor'),
('group_exposure', 3000000, '2000-01-01 00:00Z', 'thor'),
('daily_loss', 2500, '2000-01-01 00:00Z', 'thor'),
('drawdown', 10000, '2000-01-01 00:00Z', 'thor'),
('margin_pct', 100, '2000-01-01 00:00Z', 'thor'),
('price_band_pct', 5, '2000-01-01 00:00Z', 'thor'),
('orders_per_minute', 60, '2000-01-01 00:00Z', 'thor'),
('duplicate_s', 1, '2000-01-01 00:00Z', 'thor'),
('stale_quote_s', 5, '2000-01-01 00:00Z', 'thor'),
('days_to_notice', 5, '2000-01-01 00:00Z', 'thor'),
('no_open_before_close_minutes', 5, '2000-01-01 00:00Z', 'thor'),
('flat_by_close', 0, '2000-01-01 00:00Z', 'thor');
