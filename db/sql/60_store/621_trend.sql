-- Stage     60 store
-- Makes     feat.trend_1m, feat.trend_5m, feat.trend_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.trend(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('trend');

comment on view feat.trend_1m is
    'Exponential means of the close. Stored: filter by symbol and bar_start, '
    'not by known_at.';
comment on column feat.trend_1m.symbol is
    'The series.';
comment on column feat.trend_1m.bar_start is
    'First instant of the bar.';
comment on column feat.trend_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
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
