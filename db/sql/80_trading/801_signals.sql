-- Stage     80 trading
-- Makes     trade.signals, trade.verdicts
-- Kind      table
-- Grain     one row a signal; one row a verdict of the risk engine
-- Known at  known_at
-- Reads     reference.series, trade.accounts
-- Nulls     what a signal does not give; the rule and its figures of a verdict
--           that allows
-- Why       Why an order was placed or refused is read from rows, not from a
--           log.

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
