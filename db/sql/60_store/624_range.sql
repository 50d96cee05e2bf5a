-- Stage     60 store
-- Makes     feat.range_1m, feat.range_5m, feat.range_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.range(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('range');

comment on view feat.range_1m is
    'Ranges and directions of the bars, after Wilder. Stored: filter by '
    'symbol and bar_start, not by known_at.';
comment on column feat.range_1m.symbol is
    'The series.';
comment on column feat.range_1m.bar_start is
    'First instant of the bar.';
comment on column feat.range_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.range_1m.true_range is
    'Highest less lowest of the bar''s high, the bar''s low and the close '
    'before. | points | 1 bar | TA-Lib TRANGE';
comment on column feat.range_1m.atr_14 is
    'Average true range, Wilder 14. | points | 393 bars | TA-Lib ATR';
comment on column feat.range_1m.natr_14 is
    'Average true range, Wilder 14, over the close. Null where a price is not '
    'above 0. | percent | 393 bars | TA-Lib NATR';
comment on column feat.range_1m.di_plus_14 is
    'Directional indicator: upward moves over the true range, Wilder 14. | '
    'percent | 393 bars | TA-Lib PLUS_DI';
comment on column feat.range_1m.di_minus_14 is
    'Directional indicator: downward moves over the true range, Wilder 14. | '
    'percent | 393 bars | TA-Lib MINUS_DI';
comment on column feat.range_1m.adx_14 is
    'Average directional index: Wilder mean of 14 of the distance between the '
    'directional indicators over their sum. | percent | 785 bars | TA-Lib ADX';

select feat.copy_comments('range');
