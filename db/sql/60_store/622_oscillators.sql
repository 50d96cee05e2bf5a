-- Stage     60 store
-- Makes     feat.oscillators_1m, feat.oscillators_5m, feat.oscillators_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.oscillators(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('oscillators');

comment on view feat.oscillators_1m is
    'Momentum of the close. Stored: filter by symbol and bar_start, not by '
    'known_at.';
comment on column feat.oscillators_1m.symbol is
    'The series.';
comment on column feat.oscillators_1m.bar_start is
    'First instant of the bar.';
comment on column feat.oscillators_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.oscillators_1m.rsi_14 is
    'Relative strength index: mean gain over mean gain plus mean loss, Wilder '
    '14. | percent | 392 bars | TA-Lib RSI';
comment on column feat.oscillators_1m.macd_12_26 is
    'Exponential mean of span 12 less that of span 26. | points | 378 bars | '
    'TA-Lib MACD';
comment on column feat.oscillators_1m.macd_signal_9 is
    'Exponential mean of macd_12_26, span 9. | points | 518 bars | TA-Lib MACD';
comment on column feat.oscillators_1m.macd_histogram is
    'macd_12_26 less macd_signal_9. | points | 518 bars | TA-Lib MACD';
comment on column feat.oscillators_1m.roc_10 is
    'Close over the close ten bars before, less 1. Null where a price is not '
    'above 0. | percent | 10 bars | TA-Lib ROC';

select feat.copy_comments('oscillators');
