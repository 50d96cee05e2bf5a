-- Stage     50 features
-- Makes     feat.range_1m, feat.range_5m, feat.range_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.range(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.range(text, text[], timestamptz, timestamptz)
-- Why       The whole of every width, and what each column means: definition,
--           unit, look-back and source. Ask the function for a range.

create view feat.range_1m as
select f.* from feat.range('1m', null, '-infinity', 'infinity') as f;

create view feat.range_5m as
select f.* from feat.range('5m', null, '-infinity', 'infinity') as f;

create view feat.range_1h as
select f.* from feat.range('1h', null, '-infinity', 'infinity') as f;

comment on view feat.range_1m is
    'How far the bars reached, by Wilder.';
comment on column feat.range_1m.symbol is
    'The series.';
comment on column feat.range_1m.bar_start is
    'First instant of the bar.';
comment on column feat.range_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.range_1m.true_range is
    'Reach of the bar and the close before it. | points | 1 bar | TA-Lib '
    'TRANGE';
comment on column feat.range_1m.atr_14 is
    'Mean true range, Wilder 14. | points | 393 bars | TA-Lib ATR';
comment on column feat.range_1m.natr_14 is
    'Mean true range, Wilder 14, over the close. | percent | 393 bars | TA-'
    'Lib NATR';
comment on column feat.range_1m.di_plus_14 is
    'Share of upward moves in the true range, Wilder 14. | percent | 393 '
    'bars | TA-Lib PLUS_DI';
comment on column feat.range_1m.di_minus_14 is
    'Share of downward moves in the true range, Wilder 14. | percent | 393 '
    'bars | TA-Lib MINUS_DI';
comment on column feat.range_1m.adx_14 is
    'Directional movement index, smoothed once more, Wilder 14. | percent |'
    ' 785 bars | TA-Lib ADX';

select feat.copy_comments('range');
