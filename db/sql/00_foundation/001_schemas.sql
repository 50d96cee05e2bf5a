-- Stage     00 foundation
-- Makes     schema reference, schema market, schema ops,
--           schema feat, schema studies
-- Kind      schema
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       One schema a floor of the house, so that a name in psql says
--           where a thing belongs.

create schema if not exists reference;
create schema if not exists market;
create schema if not exists ops;
create schema if not exists feat;
create schema if not exists studies;

comment on schema reference is
    'What things are: instruments, series, sources, tapes, sessions.';
comment on schema market is
    'What the market said: ticks, what was refused, what was counted, gaps.';
comment on schema ops is
    'What the house knows of itself: its edition and its logic''s files.';
comment on schema feat is
    'What bars say: features by family and width, and their catalogue.';
comment on schema studies is
    'What the desk makes of quotes, bars and ticks: signals, the TOTAL, '
    'extremes, market opens.';
