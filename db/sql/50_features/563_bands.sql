-- Stage     50 features
-- Makes     feat.bands_1m, feat.bands_5m, feat.bands_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.bands(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.bands(text, text[], timestamptz, timestamptz)
-- Why       The whole of every width, and what each column means: definition,
--           unit, look-back and source. Ask the function for a range.

create view feat.bands_1m as
select f.* from feat.bands('1m', null, '-infinity', 'infinity') as f;

create view feat.bands_5m as
select f.* from feat.bands('5m', null, '-infinity', 'infinity') as f;

create view feat.bands_1h as
select f.* from feat.bands('1h', null, '-infinity', 'infinity') as f;

comment on view feat.bands_1m is
    'Where the close lies in the reach of the bars before it.';
comment on column feat.bands_1m.symbol is
    'The series.';
comment on column feat.bands_1m.bar_start is
    'First instant of the bar.';
comment on column feat.bands_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.bands_1m.sma_20 is
    'Mean of the last twenty closes. | points | 19 bars | TA-Lib SMA';
comment on column feat.bands_1m.sma_50 is
    'Mean of the last fifty closes. | points | 49 bars | TA-Lib SMA';
comment on column feat.bands_1m.sma_200 is
    'Mean of the last two hundred closes. | points | 199 bars | TA-Lib SMA';
comment on column feat.bands_1m.bollinger_upper_20 is
    'Mean of the last twenty closes and two of their deviations. | points |'
    ' 19 bars | TA-Lib BBANDS';
comment on column feat.bands_1m.bollinger_lower_20 is
    'Mean of the last twenty closes less two of their deviations. | points '
    '| 19 bars | TA-Lib BBANDS';
comment on column feat.bands_1m.bollinger_position_20 is
    'Where the close lies between the bands: 0 the lower, 1 the upper. | '
    'ratio | 19 bars | Bollinger, %B';
comment on column feat.bands_1m.bollinger_width_20 is
    'Upper less lower band over their mean. | ratio | 19 bars | Bollinger, '
    'BandWidth';
comment on column feat.bands_1m.stochastic_k_14 is
    'Where the close lies in the reach of fourteen bars, mean of three. | '
    'percent | 15 bars | TA-Lib STOCH, slow %K';
comment on column feat.bands_1m.stochastic_d_3 is
    'Mean of the last three stochastic_k_14. | percent | 17 bars | TA-Lib '
    'STOCH, slow %D';
comment on column feat.bands_1m.cci_20 is
    'Typical price less its mean of twenty bars over 0.015 mean deviations.'
    ' | 1 | 19 bars | TA-Lib CCI';

select feat.copy_comments('bands');
