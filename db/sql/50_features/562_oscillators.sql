-- Stage     50 features
-- Makes     feat.oscillators_1m, feat.oscillators_5m, feat.oscillators_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.oscillators(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.oscillators(text, text[], timestamptz, timestamptz)
-- Why       Every bar of each width, with a comment on each column: definition,
--           unit, look-back, source. Call the function for a range.

create view feat.oscillators_1m as
select f.* from feat.oscillators('1m', null, '-infinity', 'infinity') as f;

create view feat.oscillators_5m as
select f.* from feat.oscillators('5m', null, '-infinity', 'infinity') as f;

create view feat.oscillators_1h as
select f.* from feat.oscillators('1h', null, '-infinity', 'infinity') as f;

comment on view feat.oscillators_1m is
    'Momentum of the close.';
comment on column feat.oscillators_1m.symbol is
    'The series.';
comment on column feat.oscillators_1m.bar_start is
    'First instant of the bar.';
comment on column feat.oscillators_1m.known_at is
    'First moment at which a decision may use the row.';
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
