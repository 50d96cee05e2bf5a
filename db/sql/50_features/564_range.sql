-- Stage     50 features
-- Makes     feat.range_1m, feat.range_5m, feat.range_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.range(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.range(text, text[], timestamptz, timestamptz)
-- Why       Every bar of each width, with a comment on each column: definition,
--           unit, look-back, source. Call the function for a range.

create view feat.range_1m as
select f.* from feat.range('1m', null, '-infinity', 'infinity') as f;

create view feat.range_5m as
select f.* from feat.range('5m', null, '-infinity', 'infinity') as f;

create view feat.range_1h as
select f.* from feat.range('1h', null, '-infinity', 'infinity') as f;

comment on view feat.range_1m is
    'Ranges and directions of the bars, after Wilder.';
comment on column feat.range_1m.symbol is
    'The series.';
comment on column feat.range_1m.bar_start is
    'First instant of the bar.';
comment on column feat.range_1m.known_at is
    'First moment at which a decision may use the row.';
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
