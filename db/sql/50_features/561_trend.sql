-- Stage     50 features
-- Makes     feat.trend_1m, feat.trend_5m, feat.trend_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.trend(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.trend(text, text[], timestamptz, timestamptz)
-- Why       Every bar of each width, with a comment on each column: definition,
--           unit, look-back, source. Call the function for a range.

create view feat.trend_1m as
select f.* from feat.trend('1m', null, '-infinity', 'infinity') as f;

create view feat.trend_5m as
select f.* from feat.trend('5m', null, '-infinity', 'infinity') as f;

create view feat.trend_1h as
select f.* from feat.trend('1h', null, '-infinity', 'infinity') as f;

comment on view feat.trend_1m is
    'Exponential means of the close.';
comment on column feat.trend_1m.symbol is
    'The series.';
comment on column feat.trend_1m.bar_start is
    'First instant of the bar.';
comment on column feat.trend_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.trend_1m.ema_9 is
    'Exponential mean of the closes, span 9; it starts with the simple mean '
    'of the first 9. | points | 140 bars | TA-Lib EMA';
comment on column feat.trend_1m.ema_12 is
    'Exponential mean of the closes, span 12; it starts with the simple mean '
    'of the first 12. | points | 182 bars | TA-Lib EMA';
comment on column feat.trend_1m.ema_20 is
    'Exponential mean of the closes, span 20; it starts with the simple mean '
    'of the first 20. | points | 294 bars | TA-Lib EMA';
comment on column feat.trend_1m.ema_26 is
    'Exponential mean of the closes, span 26; it starts with the simple mean '
    'of the first 26. | points | 378 bars | TA-Lib EMA';
comment on column feat.trend_1m.ema_50 is
    'Exponential mean of the closes, span 50; it starts with the simple mean '
    'of the first 50. | points | 714 bars | TA-Lib EMA';
comment on column feat.trend_1m.ema_200 is
    'Exponential mean of the closes, span 200; it starts with the simple mean '
    'of the first 200. | points | 2,814 bars | TA-Lib EMA';

select feat.copy_comments('trend');
