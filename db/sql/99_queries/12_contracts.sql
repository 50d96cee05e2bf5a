-- Stage     10 reference
-- Delivery months: computed by the exchange's rule, or entered by a person.

-- name: contracts
select
    c.root, c.symbol, c.month, c.first_notice, c.last_trade, c.expiry, c.rule,
    c.is_by_hand, c.version
from reference.contracts as c
where
    c.root = coalesce(%(root)s::text, c.root)
    and c.last_trade >= coalesce(%(since)s::date, '-infinity')
order by c.root, c.month;

-- No rule changes months entered by a person.
-- name: keep_contract
insert into reference.contracts as c (
    root, month, first_notice, last_trade, expiry, rule, is_by_hand
)
values (
    %(root)s::text, %(month)s::date, %(first_notice)s::date,
    %(last_trade)s::date, %(expiry)s::timestamptz, %(rule)s::text,
    %(is_by_hand)s::boolean
)
on conflict (root, month) do update
    set
        first_notice = excluded.first_notice,
        last_trade = excluded.last_trade,
        expiry = excluded.expiry,
        rule = excluded.rule,
        is_by_hand = excluded.is_by_hand
    where excluded.is_by_hand or not c.is_by_hand;
