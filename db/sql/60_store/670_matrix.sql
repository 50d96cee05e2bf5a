-- Stage     60 store
-- Makes     feat.matrix_1m, feat.matrix_5m, feat.matrix_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as the families
-- Why       All features of a bar in one row, what a model is shown: one row of
--           one table.

select store.make_matrix();

comment on view feat.matrix_1m is
    'Every feature of every closed bar, by series and start. A where on symbol '
    'and bar_start costs what it returns; one on known_at or trade_date reads '
    'the series whole. feat.matrix() computes a range that is not stored.';

select feat.copy_matrix_comments();

select store.copy_comments();
