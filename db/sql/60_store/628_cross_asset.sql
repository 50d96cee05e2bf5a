-- Stage     60 store
-- Makes     feat.cross_asset_1m, feat.cross_asset_5m, feat.cross_asset_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.cross_asset(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('cross_asset');

comment on view feat.cross_asset_1m is
    'A series beside the four index futures. Stored: filter by symbol and '
    'bar_start, not by known_at.';
comment on column feat.cross_asset_1m.symbol is
    'The series.';
comment on column feat.cross_asset_1m.bar_start is
    'First instant of the bar.';
comment on column feat.cross_asset_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.cross_asset_1m.rel_strength_60min is
    'Log return of up to 60 minutes, less the mean of those of ES, NQ, YM and '
    'RTY at the same bar. | ratio | 60 min | range frame';
comment on column feat.cross_asset_1m.rel_strength_session is
    'Log return since the first open of the session, less the mean of those '
    'of ES, NQ, YM and RTY at the same bar. | ratio | session | ln(c / open) '
    '- mean';
comment on column feat.cross_asset_1m.rank_60min is
    'Rank of the log return of up to 60 minutes among those of ES, NQ, YM and '
    'RTY: 1 is the highest. | 1 | 60 min | range frame';
comment on column feat.cross_asset_1m.corr_es_60widths is
    'Correlation of the log returns of one width with those of ES, over the '
    'pairs in the last 60 widths of time (60 min, 5 h, 60 h); 20 pairs or '
    'more. | ratio | 60 widths | Pearson, numpy corrcoef';
comment on column feat.cross_asset_1m.beta_es_60widths is
    'Least-squares slope of the log returns of one width on those of ES, over '
    'the pairs in the last 60 widths of time (60 min, 5 h, 60 h); 20 pairs or '
    'more. | ratio | 60 widths | least squares, numpy polyfit';
comment on column feat.cross_asset_1m.corr_nq_60widths is
    'Correlation of the log returns of one width with those of NQ, over the '
    'pairs in the last 60 widths of time (60 min, 5 h, 60 h); 20 pairs or '
    'more. | ratio | 60 widths | Pearson, numpy corrcoef';
comment on column feat.cross_asset_1m.beta_nq_60widths is
    'Least-squares slope of the log returns of one width on those of NQ, over '
    'the pairs in the last 60 widths of time (60 min, 5 h, 60 h); 20 pairs or '
    'more. | ratio | 60 widths | least squares, numpy polyfit';
comment on column feat.cross_asset_1m.lead_es_1width is
    'Log return of ES one width before, less the log return of the bar: the '
    'part of the move that the series has not followed. | ratio | 2 widths | '
    'r_es[-1] - r';
comment on column feat.cross_asset_1m.lead_nq_1width is
    'Log return of NQ one width before, less the log return of the bar: the '
    'part of the move that the series has not followed. | ratio | 2 widths | '
    'r_nq[-1] - r';

select feat.copy_comments('cross_asset');
