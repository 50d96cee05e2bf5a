-- Stage     60 store
-- Makes     feat.returns_1m, feat.returns_5m, feat.returns_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.returns(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('returns');

comment on view feat.returns_1m is
    'How far the price moved. Stored: filter by symbol and bar_start, not by '
    'known_at.';
comment on column feat.returns_1m.symbol is
    'The series.';
comment on column feat.returns_1m.bar_start is
    'First instant of the bar.';
comment on column feat.returns_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.returns_1m.return_1 is
    'Close over the close of the bar before, less 1. Null where a price is '
    'not above 0. | ratio | 1 bar | TA-Lib ROCP';
comment on column feat.returns_1m.return_5 is
    'Close over the close five bars before, less 1. Null where a price is not '
    'above 0. | ratio | 5 bars | TA-Lib ROCP';
comment on column feat.returns_1m.return_20 is
    'Close over the close twenty bars before, less 1. Null where a price is '
    'not above 0. | ratio | 20 bars | TA-Lib ROCP';
comment on column feat.returns_1m.log_return_1 is
    'Natural logarithm of the close over the close of the bar before. Null '
    'where a price is not above 0. | ratio | 1 bar | ln(c / c[-1])';
comment on column feat.returns_1m.log_return_5 is
    'Natural logarithm of the close over the close five bars before. Null '
    'where a price is not above 0. | ratio | 5 bars | ln(c / c[-5])';
comment on column feat.returns_1m.log_return_20 is
    'Natural logarithm of the close over the close twenty bars before. Null '
    'where a price is not above 0. | ratio | 20 bars | ln(c / c[-20])';
comment on column feat.returns_1m.return_15min is
    'Close over the close of the oldest bar that started at most 15 minutes '
    'before, less 1. Null where a price is not above 0. | ratio | 15 min | '
    'range frame';
comment on column feat.returns_1m.return_60min is
    'Close over the close of the oldest bar that started at most 60 minutes '
    'before, less 1. Null where a price is not above 0. | ratio | 60 min | '
    'range frame';
comment on column feat.returns_1m.slope_20 is
    'Slope of the least-squares line through the last twenty closes. | points '
    'a bar | 19 bars | TA-Lib LINEARREG_SLOPE';
comment on column feat.returns_1m.efficiency_20 is
    'Distance between the close and the close twenty bars before, over the '
    'sum of the distances from bar to bar. | ratio | 20 bars | Kaufman 1995, '
    'efficiency ratio';
comment on column feat.returns_1m.drawdown_60 is
    'Close over the highest high of the last sixty bars, less 1. Null where a '
    'price is not above 0. | ratio | 59 bars | c / max(h) - 1';

select feat.copy_comments('returns');
