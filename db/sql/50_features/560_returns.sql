-- Stage     50 features
-- Makes     feat.returns_1m, feat.returns_5m, feat.returns_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.returns(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.returns(text, text[], timestamptz, timestamptz)
-- Why       The whole of every width, and what each column means: definition,
--           unit, look-back and source. Ask the function for a range.

create view feat.returns_1m as
select f.* from feat.returns('1m', null, '-infinity', 'infinity') as f;

create view feat.returns_5m as
select f.* from feat.returns('5m', null, '-infinity', 'infinity') as f;

create view feat.returns_1h as
select f.* from feat.returns('1h', null, '-infinity', 'infinity') as f;

comment on view feat.returns_1m is
    'How far the price went.';
comment on column feat.returns_1m.symbol is
    'The series.';
comment on column feat.returns_1m.bar_start is
    'First instant of the bar.';
comment on column feat.returns_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.returns_1m.return_1 is
    'Change of the close against that of the bar before. | ratio | 1 bar | '
    'TA-Lib ROCP';
comment on column feat.returns_1m.return_5 is
    'Change of the close against that of five bars before. | ratio | 5 bars'
    ' | TA-Lib ROCP';
comment on column feat.returns_1m.return_20 is
    'Change of the close against that of twenty bars before. | ratio | 20 '
    'bars | TA-Lib ROCP';
comment on column feat.returns_1m.log_return_1 is
    'Logarithm of the close over that of the bar before. | ratio | 1 bar | '
    'ln(c / c[-1])';
comment on column feat.returns_1m.log_return_5 is
    'Logarithm of the close over that of five bars before. | ratio | 5 bars'
    ' | ln(c / c[-5])';
comment on column feat.returns_1m.log_return_20 is
    'Logarithm of the close over that of twenty bars before. | ratio | 20 '
    'bars | ln(c / c[-20])';
comment on column feat.returns_1m.return_15min is
    'Change of the close against the oldest that began no more than 15 '
    'minutes before. | ratio | 15 min | range frame';
comment on column feat.returns_1m.return_60min is
    'Change of the close against the oldest that began no more than 60 '
    'minutes before. | ratio | 60 min | range frame';
comment on column feat.returns_1m.slope_20 is
    'Slope of the line of least squares through the last twenty closes. | '
    'points a bar | 19 bars | TA-Lib LINEARREG_SLOPE';
comment on column feat.returns_1m.efficiency_20 is
    'Way that the close has come in twenty bars over the way it went. | '
    'ratio | 20 bars | Kaufman 1995, efficiency ratio';
comment on column feat.returns_1m.drawdown_60 is
    'Close against the highest high of the last sixty bars. | ratio | 59 '
    'bars | c / max(h) - 1';

select feat.copy_comments('returns');
