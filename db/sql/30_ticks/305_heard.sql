-- Stage     30 ticks
-- Makes     market.heard
-- Kind      table
-- Grain     one row a (symbol, source) that looks at its symbols
-- Known at  heard_at
-- Reads     reference.sources
-- Nulls     never
-- Why       Quiet is not dead: a source that looks at a symbol and finds no
--           change makes no tick.

create table market.heard (
    symbol text not null,
    source text not null references reference.sources (source),
    heard_from timestamptz not null,
    heard_at timestamptz not null,
    primary key (symbol, source),
    check (heard_from <= heard_at)
) with (fillfactor = 50);

comment on table market.heard is
    'When each source last looked at each symbol, whether or not it had '
    'changed.';
comment on column market.heard.symbol is 'The series.';
comment on column market.heard.source is 'The source.';
comment on column market.heard.heard_from is
    'When it began to look without a pause of more than 5 s.';
comment on column market.heard.heard_at is
    'When it last looked, by its own clock.';
