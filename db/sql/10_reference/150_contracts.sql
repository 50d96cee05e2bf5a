-- Stage     10 reference
-- Makes     reference.contracts
-- Kind      table
-- Grain     one row a delivery month of a root
-- Known at  changed_at
-- Reads     reference.keep_version(), reference.instruments
-- Nulls     first_notice where none can come before the last trade
-- Why       The end of a contract decides when the next one follows. A code
--           (ESH4) repeats after ten years, its delivery month never.

create table reference.contracts (
    root text not null references reference.instruments (symbol),
    month date not null check (extract(day from month) = 1),
    symbol text not null generated always as (
        root
        || substr('FGHJKMNQUVXZ', extract(month from month)::integer, 1)
        || lpad((extract(year from month)::integer % 100)::text, 2, '0')
    ) stored,
    first_notice date,
    last_trade date not null,
    expiry timestamptz not null,
    rule text not null,
    is_by_hand boolean not null default false,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (root, month)
);

create trigger keep_version
before update or delete on reference.contracts
for each row execute function reference.keep_version('root', 'month');

comment on table reference.contracts is
    'The delivery months of each root, with first notice and end of trading.';
comment on column reference.contracts.root is 'The instrument, ES say.';
comment on column reference.contracts.month is
    'First day of the delivery month.';
comment on column reference.contracts.symbol is
    'The key of its series: root, month letter and two digits of the year.';
comment on column reference.contracts.first_notice is
    'First day of notice of delivery to holders; null where that cannot be '
    'before the last trade.';
comment on column reference.contracts.last_trade is
    'Last trade date.';
comment on column reference.contracts.expiry is
    'Instant at which its trading ends, on the day of last_trade.';
comment on column reference.contracts.rule is
    'The exchange''s rule for the dates, or the person who entered them.';
comment on column reference.contracts.is_by_hand is
    'Whether a person entered the dates: then no rule changes them.';
comment on column reference.contracts.version is
    'Counts the changes of this row, from 1.';
comment on column reference.contracts.changed_at is
    'When this version was written.';
