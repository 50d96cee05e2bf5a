-- Stage     60 store
-- Makes     feat.bands_1m, feat.bands_5m, feat.bands_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.bands(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('bands');

comment on view feat.bands_1m is
    'Where the close lies in the range of the last bars. Stored: filter by '
    'symbol and bar_start, not by known_at.';
comment on column feat.bands_1m.symbol is
    'The series.';
comment on column feat.bands_1m.bar_start is
    'First instant of the bar.';
comment on column feat.bands_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.bands_1m.sma_20 is
    'Mean of the last twenty closes. | points | 19 bars | TA-Lib SMA';
comment on column feat.bands_1m.sma_50 is
    'Mean of the last fifty closes. | points | 49 bars | TA-Lib SMA';
comment on column feat.bands_1m.sma_200 is
    'Mean of the last two hundred closes. | points | 199 bars | TA-Lib SMA';
comment on column feat.bands_1m.bollinger_upper_20 is
    'Mean of the last twenty closes plus two standard deviations. | points | '
    '19 bars | TA-Lib BBANDS';
comment on column feat.bands_1m.bollinger_lower_20 is
    'Mean of the last twenty closes less two standard deviations. | points | '
    '19 bars | TA-Lib BBANDS';
comment on column feat.bands_1m.bollinger_position_20 is
    'Where the close lies between the lower band (0) and the upper band (1). '
    '| ratio | 19 bars | Bollinger, %B';
comment on column feat.bands_1m.bollinger_width_20 is
    'Upper band less lower band, over their mean. Null where a price is not '
    'above 0. | ratio | 19 bars | Bollinger, BandWidth';
comment on column feat.bands_1m.stochastic_k_14 is
    'Where the close lies between the lowest low (0) and the highest high '
    '(100) of fourteen bars; mean of three. | percent | 15 bars | TA-Lib '
    'STOCH, slow %K';
comment on column feat.bands_1m.stochastic_d_3 is
    'Mean of the last three stochastic_k_14. | percent | 17 bars | TA-Lib '
    'STOCH, slow %D';
comment on column feat.bands_1m.cci_20 is
    'Commodity channel index: typical price less its mean over twenty bars, '
    'over 0.015 mean deviations. | 1 | 19 bars | TA-Lib CCI';

select feat.copy_comments('bands');
