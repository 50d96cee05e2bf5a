comment on column feedback.outcomes.actual is
    'The label: what value was a prediction of; of a regime that of the next '
    'trade date, by the same model.';

comment on column feedback.outcomes.is_hit is
    'direction: value is actual; magnitude: the signs are equal; volatility: '
    'actual is inside low and high; regime: the next trade date has the same. '
    'Null where the mid did not move.';

comment on column feedback.outcomes.loss is
    'direction: minus the log of the probability of value where it happened, '
    'of the rest where not; else the squared error, of a volatility of its '
    'logs; null of regimes.';

comment on column feedback.outcomes.reason is
    'Why there is no label: a gap, a roll, a halt or the close; of a regime '
    'why the next trade date has none.';
