comment on column model.runs.skill is
    '1 - loss of the best model / loss of the baseline, out of sample, all '
    'folds together, 1; of a direction the loss of the sign, where there was a '
    'move.';

comment on column model.folds.skill is
    '1 - loss / loss of the run''s baseline; of a direction that of the sign, '
    'where there was a move; of regimes, the baseline''s loss minus the loss.';
