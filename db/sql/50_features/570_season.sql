-- Stage     50 features
-- Makes     feat.season_1m, feat.season_5m, feat.season_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.season(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.season(text, text[], timestamptz, timestamptz)
-- Why       Every bar of each width, with a comment on each column: definition,
--           unit, look-back, source. Call the function for a range.

create view feat.season_1m as
select f.* from feat.season('1m', null, '-infinity', 'infinity') as f;

create view feat.season_5m as
select f.* from feat.season('5m', null, '-infinity', 'infinity') as f;

create view feat.season_1h as
select f.* from feat.season('1h', null, '-infinity', 'infinity') as f;

comment on view feat.season_1m is
    'A bar beside the bars of the same minute of earlier sessions.';
comment on column feat.season_1m.symbol is
    'The series.';
comment on column feat.season_1m.bar_start is
    'First instant of the bar.';
comment on column feat.season_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.season_1m.volume_z_20sessions is
    'Volume less its mean, over its standard deviation, both of the same '
    'minute in the last 20 sessions of the last 30 days; 10 sessions or more. '
    '| 1 | 30 days | z-score, sample deviation';
comment on column feat.season_1m.vol_regime_60min_20sessions is
    'Realised volatility of 60 minutes over its mean at the same minute in '
    'the last 20 sessions of the last 30 days; 10 sessions or more. | ratio | '
    '31 days | realised volatility';

select feat.copy_comments('season');
