-- Stage     80 trading
-- Makes     trade._start_price(text, integer, text, text, date,
--           timestamptz),
--           trade.pnl_days(text, date, date, timestamptz), trade.pnl_daily
-- Kind      function and view
-- Grain     one row a (series, trade date) that was held or traded; with the
--           account too
-- Known at  as_of
-- Reads     market.basis_of(text, date, text, timestamptz),
--           reference.instruments, reference.series, reference.sessions,
--           trade._epochs_at(timestamptz), trade.accounts, trade.fills,
--           trade.holdings, trade.newest_moment(),
--           trade.positions_at(timestamptz), trade.today(timestamptz)
-- Nulls     prices where nothing was held
-- Why       A position held overnight earns or loses every day: each day begins
--           where the one before ended, so that their sum is the whole profit.

create function trade._start_price(
    of_account text,
    of_epoch integer,
    of_series text,
    of_symbol text,
    of_date date,
    as_of timestamptz
)
returns numeric
language sql stable strict parallel safe
begin atomic
    select
        coalesce(
            (
                -- A month that a root's feed does not name is no series.
                select b.basis
                from market.basis_of(of_series, of_date, null, as_of) as b
                where exists (
                    select
                    from reference.series as s
                    where s.symbol = of_series
                )
            ),
            (
                select b.basis
                from market.basis_of(of_symbol, of_date, null, as_of) as b
                where of_symbol <> of_series
            ),
            (
                select f.price
                from trade.fills as f
                where
                    f.account_id = of_account
                    and f.epoch = of_epoch
                    and f.series = of_series
                    and f.trade_date < of_date
                order by f.trade_date desc, f.number desc
                limit 1
            )
        );
end;

comment on function trade._start_price(
    text, integer, text, text, date, timestamptz
) is
    'The price that a trade date of a position is counted from: the previous '
    'settlement or close of its series, else of its symbol, else its last '
    'fill.';

create function trade.pnl_days(
    of_account text, date_from date, date_to date, as_of timestamptz
)
returns table (
    account_id text,
    series text,
    root text,
    trade_date date,
    epoch integer,
    quantity_before bigint,
    quantity bigint,
    bought bigint,
    sold bigint,
    fills bigint,
    basis numeric,
    mark numeric,
    realised numeric,
    realised_fifo numeric,
    commission numeric,
    pnl numeric,
    currency text
)
language sql stable strict parallel safe rows 100
begin atomic
    with day as materialized (
        select
            d.today,
            least(d.today, date_to) as last_date
        from (select trade.today(as_of) as today) as d
    ),

    held as materialized (
        select
            h.epoch,
            h.series,
            h.symbol,
            s.root,
            i.calendar,
            i.currency,
            f.position,
            f.multiplier
        from trade._epochs_at(as_of) as e
        inner join trade.holdings as h
            on h.account_id = e.account_id and h.epoch = e.epoch
        inner join reference.series as s on s.symbol = h.symbol
        inner join reference.instruments as i on i.symbol = s.root
        cross join lateral (
            select
                l.position,
                l.multiplier
            from trade.fills as l
            where
                l.account_id = h.account_id
                and l.epoch = h.epoch
                and l.series = h.series
                and l.at <= as_of
            order by l.number desc
            limit 1
        ) as f
        where e.account_id = of_account
    ),

    -- To the end, not to date_to: what was held before is what is held now
    -- less all that was traded since.
    traded as materialized (
        select
            f.series,
            f.trade_date,
            count(*) as fills,
            coalesce(sum(f.quantity) filter (where f.side = 'BUY'), 0)
                as bought,
            coalesce(sum(f.quantity) filter (where f.side = 'SELL'), 0)
                as sold,
            sum(
                case f.side when 'BUY' then f.quantity else -f.quantity end
                * f.price * f.multiplier
            ) as flow,
            sum(f.realised) as realised,
            sum(f.realised_fifo) as realised_fifo,
            sum(f.commission) as commission
        from trade.fills as f
        inner join trade._epochs_at(as_of) as e
            on e.account_id = f.account_id and e.epoch = f.epoch
        where
            f.account_id = of_account
            and f.trade_date >= date_from
            and f.at <= as_of
        group by f.series, f.trade_date
    ),

    dates as (
        select
            t.series,
            t.trade_date
        from traded as t
        union
        select
            h.series,
            s.trade_date
        from held as h
        cross join day as d
        cross join lateral (
            select min(f.trade_date) as first_date
            from trade.fills as f
            where
                f.account_id = of_account
                and f.epoch = h.epoch
                and f.series = h.series
        ) as b
        inner join reference.sessions as s
            on
                s.calendar = h.calendar
                and s.trade_date >= date_from
                and s.trade_date > b.first_date
                and s.trade_date <= d.last_date
        -- The newest day, also where no calendar has it.
        union
        select
            h.series,
            d.today
        from held as h
        cross join day as d
        where h.position <> 0 and d.today between date_from and date_to
    ),

    walked as (
        select
            h.epoch,
            h.series,
            h.symbol,
            h.root,
            h.calendar,
            h.currency,
            h.multiplier,
            d.trade_date,
            coalesce(t.fills, 0) as fills,
            coalesce(t.bought, 0) as bought,
            coalesce(t.sold, 0) as sold,
            coalesce(t.flow, 0) as flow,
            coalesce(t.realised, 0) as realised,
            coalesce(t.realised_fifo, 0) as realised_fifo,
            coalesce(t.commission, 0) as commission,
            h.position - sum(coalesce(t.bought - t.sold, 0)) over (
                partition by h.series
                order by d.trade_date desc
                rows between unbounded preceding and 1 preceding
            ) as after,
            h.position as newest
        from dates as d
        inner join held as h on h.series = d.series
        left join traded as t
            on t.series = d.series and t.trade_date = d.trade_date
    ),

    counted as materialized (
        select
            w.*,
            coalesce(w.after, w.newest) as quantity,
            coalesce(w.after, w.newest) - w.bought + w.sold as quantity_before
        from walked as w
        cross join day as d
        where w.trade_date <= d.last_date
    ),

    based as (
        select
            c.*,
            -- A join would ask for every row, and leave out those after that.
            case
                when c.quantity_before <> 0
                    then trade._start_price(
                        of_account, c.epoch, c.series, c.symbol, c.trade_date,
                        as_of
                    )
            end as basis
        from counted as c
        where c.quantity_before <> 0 or c.fills > 0
    ),

    followed as (
        select
            b.*,
            lead(b.basis) over w as next_basis,
            lead(b.trade_date) over w is null as is_last
        from based as b
        window w as (partition by b.series order by b.trade_date)
    ),

    now_held as materialized (
        select
            p.series,
            p.mark
        from day as d
        cross join lateral trade.positions_at(as_of) as p
        where p.account_id = of_account and d.last_date = d.today
    ),

    marked as (
        select
            f.*,
            case
                when f.quantity = 0 then null
                when not f.is_last then f.next_basis
                when p.mark is not null then p.mark
                else trade._start_price(
                    of_account, f.epoch, f.series, f.symbol,
                    coalesce((
                        select min(s.trade_date)
                        from reference.sessions as s
                        where
                            s.calendar = f.calendar
                            and s.trade_date > f.trade_date
                    ), f.trade_date + 1), as_of
                )
            end as mark
        from followed as f
        left join now_held as p on p.series = f.series
    )

    select
        of_account as account_id,
        m.series,
        m.root,
        m.trade_date,
        m.epoch,
        m.quantity_before,
        m.quantity,
        m.bought,
        m.sold,
        m.fills,
        trim_scale(m.basis) as basis,
        trim_scale(m.mark) as mark,
        round(m.realised, 2) as realised,
        round(m.realised_fifo, 2) as realised_fifo,
        m.commission,
        -- Not rounded, since days and series are added up.
        trim_scale(
            case
                when m.quantity = 0 then 0
                else m.quantity * m.mark * m.multiplier
            end
            - case
                when m.quantity_before = 0 then 0
                else m.quantity_before * m.basis * m.multiplier
            end
            - m.flow - m.commission
        ) as pnl,
        m.currency
    from marked as m
    order by m.trade_date, m.series;
end;

comment on function trade.pnl_days(text, date, date, timestamptz) is
    'Profit of an account a series and trade date, from a date to a date, in '
    'the epoch of the moment.';

create view trade.pnl_daily as
select d.*
from trade.newest_moment() as m (moment)
cross join trade.accounts as a
cross join lateral trade.pnl_days(
    a.account_id, '-infinity', 'infinity', m.moment
) as d;

comment on view trade.pnl_daily is
    'Profit an account, series and trade date, as of the newest moment that '
    'the database knows: see pnl_days.';
comment on column trade.pnl_daily.account_id is 'The account.';
comment on column trade.pnl_daily.series is
    'What was held: the contract, else the symbol.';
comment on column trade.pnl_daily.root is 'The instrument behind it.';
comment on column trade.pnl_daily.trade_date is 'The exchange''s day.';
comment on column trade.pnl_daily.epoch is 'The account''s epoch.';
comment on column trade.pnl_daily.quantity_before is
    'Contracts held when it began; negative when short.';
comment on column trade.pnl_daily.quantity is
    'Contracts held when it ended, or now.';
comment on column trade.pnl_daily.bought is 'Contracts bought.';
comment on column trade.pnl_daily.sold is 'Contracts sold.';
comment on column trade.pnl_daily.fills is 'Number of fills.';
comment on column trade.pnl_daily.basis is
    'Price of what was held before, in points: the previous settlement or '
    'close; null where nothing was.';
comment on column trade.pnl_daily.mark is
    'Price of what is held at its end, in points: what the next day is '
    'counted from, or the newest price; null where nothing is.';
comment on column trade.pnl_daily.realised is
    'Profit realised by average price, commission left out.';
comment on column trade.pnl_daily.realised_fifo is
    'The same, first in, first out.';
comment on column trade.pnl_daily.commission is 'Commission.';
comment on column trade.pnl_daily.pnl is
    'Profit of the day after commission. Over all days it sums to realised - '
    'commission + unrealised.';
comment on column trade.pnl_daily.currency is 'ISO code of its money.';
