-- Stage     80 trading
-- Makes     trade.accounts, trade.cash_movements
-- Kind      table
-- Grain     one row an account; one row a movement of its cash
-- Known at  at
-- Reads     –
-- Nulls     never
-- Why       A reset begins a new epoch: fills before it stay, and count no
--           more.

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
