-- Stage     10 reference
-- Makes     reference.margins
-- Kind      table
-- Grain     one row a (symbol, from_date)
-- Known at  changed_at
-- Reads     reference.keep_version(), reference.instruments
-- Nulls     maintenance and intraday where they are not known
-- Why       Exchanges and brokers change margins: an order of last month is
--           checked against the margin of that time.

create table reference.margins (
    symbol text not null references reference.instruments (symbol),
    from_date date not null,
    initial numeric(18, 2) not null check (initial >= 0 and initial < 'NaN'),
    maintenance numeric(18, 2)
    check (maintenance >= 0 and maintenance < 'NaN'),
    intraday numeric(18, 2) check (intraday >= 0 and intraday < 'NaN'),
    source text not null,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (symbol, from_date)
);

create trigger keep_version
before update or delete on reference.margins
for each row execute function reference.keep_version('symbol', 'from_date');

comment on table reference.margins is
    'Margin that a contract requires of an account, by the trade date from '
    'which it holds.';
comment on column reference.margins.symbol is 'The root.';
comment on column reference.margins.from_date is
    'First trade date for which it applies.';
comment on column reference.margins.initial is
    'Margin to open and hold a contract overnight, in the instrument''s '
    'currency.';
comment on column reference.margins.maintenance is
    'Minimum margin for an open contract, in currency; null where not known.';
comment on column reference.margins.intraday is
    'Margin within regular hours, in currency; null where not known.';
comment on column reference.margins.source is 'Origin of the figures.';
comment on column reference.margins.version is
    'Counts the changes of this row, from 1.';
comment on column reference.margins.changed_at is
    'When this version was written.';
