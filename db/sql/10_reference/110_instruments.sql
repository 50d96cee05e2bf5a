-- Stage     10 reference
-- Makes     reference.instruments, reference.series
-- Kind      table
-- Grain     one row a root; one row a symbol that ticks may carry
-- Known at  changed_at
-- Reads     reference.keep_version()
-- Nulls     margin where it is not known
-- Why       The feed's grid (quote_increment) is not the money's (tick_size):
--           the feed's DX is the cash index at 0.001, the future ticks 0.005.

create table reference.instruments (
    symbol text primary key
        check (symbol ~ '^[A-Z0-9][A-Z0-9._$]{0,15}$'),
    name text not null,
    exchange text not null,
    asset_class text not null,
    calendar text not null,
    currency text not null default 'USD',
    tick_size numeric(18, 8) not null check (tick_size > 0),
    quote_increment numeric(18, 8) not null check (quote_increment > 0),
    multiplier numeric(18, 8) not null
        check (multiplier > 0 and multiplier < 'NaN'),
    tick_value numeric generated always as (tick_size * multiplier) stored,
    display_precision smallint not null check (display_precision >= 0),
    margin numeric(18, 2) check (margin >= 0 and margin < 'NaN'),
    is_negative_legal boolean not null default false,
    sort_order integer not null default 1000,
    aliases text[] not null default '{}',
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    is_tradable boolean not null default true,
    check (tick_size % quote_increment = 0)
);

create trigger keep_version
before update or delete on reference.instruments
for each row execute function reference.keep_version('symbol');

create table reference.series (
    symbol text primary key
        check (symbol ~ '^[A-Z0-9][A-Z0-9._$]{0,15}$'),
    root text not null references reference.instruments (symbol),
    kind text not null check (kind in ('root', 'month')),
    version integer not null default 1,
    changed_at timestamptz not null default now()
);

create trigger keep_version
before update or delete on reference.series
for each row execute function reference.keep_version('symbol');

comment on table reference.instruments is
    'Instruments: one row a root, with its grid, money and calendar.';
comment on column reference.instruments.symbol is 'The root, ES say.';
comment on column reference.instruments.name is 'The exchange''s name for it.';
comment on column reference.instruments.exchange is 'Where it trades.';
comment on column reference.instruments.asset_class is
    'equity, equity_index, energy, metal, rates, currency, crypto, grain, '
    'livestock, volatility, or a word of one''s own.';
comment on column reference.instruments.calendar is
    'Calendar of its trading hours, in reference.sessions.';
comment on column reference.instruments.currency is 'ISO code of its money.';
comment on column reference.instruments.tick_size is
    'Smallest move of the contract, in points.';
comment on column reference.instruments.quote_increment is
    'Grid of the feed''s prices, in points; may be finer than tick_size.';
comment on column reference.instruments.multiplier is
    'Money one point is worth a contract, in currency.';
comment on column reference.instruments.tick_value is
    'Money one tick is worth: tick_size times multiplier.';
comment on column reference.instruments.display_precision is
    'Decimals shown to people.';
comment on column reference.instruments.margin is
    'Initial margin a contract, in currency; null where not known.';
comment on column reference.instruments.is_negative_legal is
    'Whether a price below zero is legal, as crude''s was in April 2020.';
comment on column reference.instruments.sort_order is
    'Position in lists: index futures, energy and metals, then the rest.';
comment on column reference.instruments.aliases is
    'Other names feeds give it.';
comment on column reference.instruments.version is
    'Counts the changes of this row, from 1.';
comment on column reference.instruments.changed_at is
    'When this version was written.';

comment on column reference.instruments.is_tradable is
    'Whether orders may be placed: not where the feed is of a cash index, as '
    'DX''s is.';

comment on table reference.series is
    'Every symbol a tick may carry: a root, or a month of a root.';
comment on column reference.series.symbol is
    'The root (ES) for a feed that follows the front month, or ESH24.';
comment on column reference.series.root is 'The instrument behind it.';
comment on column reference.series.kind is
    'root or month.';
comment on column reference.series.version is
    'Counts the changes of this row, from 1.';
comment on column reference.series.changed_at is
    'When this version was written.';
