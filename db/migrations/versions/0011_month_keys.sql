-- A month is one contract in one year: its series is keyed by root, month
-- letter and two digits of the year (ESH24). Until now one digit was kept as it
-- came, so that March 2014 and March 2024 stood in one series.

create temporary table contracts_before on commit drop as
select
    c.root,
    c.month,
    c.first_notice,
    c.last_trade,
    c.expiry,
    c.rule,
    c.is_by_hand,
    c.version,
    c.changed_at
from reference.contracts as c;

drop table reference.contracts;

create table reference.contracts (
    root text not null references reference.instruments (symbol),
    month date not null check (extract(day from month) = 1),
    symbol text not null generated always as (
        root
        || substr('FGHJKMNQUVXZ', extract(month from month)::integer, 1)
        || lpad((extract(year from month)::integer % 100)::text, 2, '0')
    ) stored,
    first_notice date,
    last_trade date not null,
    expiry timestamptz not null,
    rule text not null,
    is_by_hand boolean not null default false,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (root, month)
);

create trigger keep_version
before update or delete on reference.contracts
for each row execute function reference.keep_version('root', 'month');

comment on table reference.contracts is
    'The delivery months of each root: when notice begins and trading ends.';
comment on column reference.contracts.root is 'The instrument, ES say.';
comment on column reference.contracts.month is
    'First day of the delivery month.';
comment on column reference.contracts.symbol is
    'The key of its series: root, month letter and two digits of the year.';
comment on column reference.contracts.first_notice is
    'First day on which a holder may be told to take delivery; null where '
    'that cannot be before the last trade.';
comment on column reference.contracts.last_trade is
    'Last trade date.';
comment on column reference.contracts.expiry is
    'Instant at which its trading ends, on the day of last_trade.';
comment on column reference.contracts.rule is
    'The exchange''s rule the dates follow from, or whose word they are.';
comment on column reference.contracts.is_by_hand is
    'Whether a person stated the dates: then no rule changes them.';
comment on column reference.contracts.version is
    'Counts the changes of this row, from 1.';
comment on column reference.contracts.changed_at is
    'When this version was written.';

insert into reference.contracts (
    root, month, first_notice, last_trade, expiry, rule, is_by_hand, version,
    changed_at
)
select
    b.root,
    b.month,
    b.first_notice,
    b.last_trade,
    b.expiry,
    b.rule,
    b.is_by_hand,
    b.version,
    b.changed_at
from contracts_before as b;

comment on column market.ticks.symbol is
    'The series: the root (ES) from a feed that follows the front month, '
    'the month with its year (ESH24) from one that names it.';
comment on table reference.series is
    'Every symbol a tick may carry: a root, or a month of a root.';
comment on column reference.series.symbol is
    'The root (ES) for a feed that follows the front month, or ESH24.';

-- What stands is renamed by the date of each record: a code of one digit names
-- the first such month that had not ended then. A three-month rate (SR3) ends
-- three months after the month that it is named by. What would meet another
-- record in its place is named in a warning, and left.
do $$
declare
    one record;
    year integer;
    ends_after integer;
    letter integer;
    first timestamptz;
    after timestamptz;
    new_key text;
    stored record;
    found_rows bigint;
    moved bigint;
begin
    -- Renaming may take more rows out of columnstore than one statement should.
    perform set_config(
        'timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true
    );
    for one in
        select
            s.symbol,
            s.root,
            right(s.symbol, 1)::integer as digit,
            strpos('FGHJKMNQUVXZ', substr(s.symbol, length(s.root) + 1, 1))
                as letter
        from reference.series as s
        where
            s.kind = 'month'
            and s.symbol ~ ('^' || s.root || '[FGHJKMNQUVXZ][0-9]$')
        order by s.symbol
    loop
        ends_after := case one.root when 'SR3' then 3 else 0 end;
        for year in
            select y from generate_series(1970, 2199) as y
            where y % 10 = one.digit
        loop
            -- From the end of the same month ten years before to its own end.
            after := (
                make_date(year, one.letter, 1)
                + make_interval(months => 1 + ends_after)
            )::timestamp at time zone 'UTC';
            first := (
                make_date(year - 10, one.letter, 1)
                + make_interval(months => 1 + ends_after)
            )::timestamp at time zone 'UTC';
            new_key := left(one.symbol, -1) || lpad((year % 100)::text, 2, '0');
            if not exists (
                select from market.ticks as t
                where t.symbol = one.symbol and t.ts >= first and t.ts < after
            ) and not exists (
                select from market.bars_imported as b
                where
                    b.symbol = one.symbol
                    and b.bar_start >= first
                    and b.bar_start < after
            ) then
                continue;
            end if;
            if exists (
                select from market.bars_imported as o
                inner join market.bars_imported as n
                    on
                        n.symbol = new_key
                        and n.width = o.width
                        and n.bar_start = o.bar_start
                where
                    o.symbol = one.symbol
                    and o.bar_start >= first
                    and o.bar_start < after
            ) or exists (
                select from market.ticks as o
                inner join market.ticks as n
                    on
                        n.symbol = new_key
                        and n.ts = o.ts
                        and n.seq = o.seq
                        and n.source = o.source
                where
                    o.symbol = one.symbol and o.ts >= first and o.ts < after
            ) or exists (
                select from reference.instruments as i
                where i.symbol = new_key
            ) then
                raise warning '% of % to % stays as it is: % has records of '
                    'the same moments', one.symbol, first::date, after::date,
                    new_key;
                continue;
            end if;
            insert into reference.series (symbol, root, kind)
            values (new_key, one.root, 'month')
            on conflict (symbol) do nothing;
            update market.ticks
            set symbol = new_key, contract = new_key
            where symbol = one.symbol and ts >= first and ts < after;
            update market.bars_imported
            set symbol = new_key
            where
                symbol = one.symbol
                and bar_start >= first
                and bar_start < after;
            update market.gaps
            set symbol = new_key
            where
                symbol = one.symbol
                and gap_start >= first
                and gap_start < after;
            -- Of two rows that become one the newer one is kept.
            delete from market.last_values as n
            using market.last_values as o
            where
                o.symbol = one.symbol
                and n.symbol = new_key
                and n.trade_date = o.trade_date
                and (n.ts, n.seq) < (o.ts, o.seq)
                and o.ts >= first
                and o.ts < after;
            delete from market.last_values as o
            using market.last_values as n
            where
                o.symbol = one.symbol
                and n.symbol = new_key
                and n.trade_date = o.trade_date
                and o.ts >= first
                and o.ts < after;
            update market.last_values
            set
                symbol = new_key,
                contract = case when contract is not null then new_key end
            where symbol = one.symbol and ts >= first and ts < after;
            update market.marks as o
            set symbol = new_key
            where
                o.symbol = one.symbol
                and o.trade_date >= first::date
                and o.trade_date < after::date
                and not exists (
                    select from market.marks as n
                    where
                        n.symbol = new_key
                        and n.trade_date = o.trade_date
                        and n.source = o.source
                );
            update reference.rolls
            set from_contract = new_key
            where
                from_contract = one.symbol
                and rolled_at > first
                and rolled_at <= after;
            update reference.rolls
            set to_contract = new_key
            where
                to_contract = one.symbol
                and rolled_at >= first
                and rolled_at < after;
            update reference.tapes
            set symbols = array_replace(symbols, one.symbol, new_key)
            where
                symbols @> array[one.symbol]
                and first_ts >= first
                and first_ts < after;
            update market.bar_files
            set symbols = array_replace(symbols, one.symbol, new_key)
            where
                symbols @> array[one.symbol]
                and first_bar >= first
                and first_bar < after;
            -- The bars made of ticks, as each edition stores them.
            if to_regclass('market._bars') is not null then
                update market._bars
                set symbol = new_key
                where
                    symbol = one.symbol
                    and bar_start >= first
                    and bar_start < after;
            else
                for stored in
                    execute
                    'select a.materialization_hypertable_schema as of_schema, '
                    'a.materialization_hypertable_name as of_name '
                    'from timescaledb_information.continuous_aggregates as a '
                    'where a.view_schema = $1' using 'market'
                loop
                    execute format(
                        'update %I.%I set symbol = $1 where symbol = $2 '
                        'and bar_start >= $3 and bar_start < $4',
                        stored.of_schema, stored.of_name
                    ) using new_key, one.symbol, first, after;
                end loop;
            end if;
        end loop;
        if not exists (
            select from market.ticks as t where t.symbol = one.symbol
        ) and not exists (
            select from market.bars_imported as b where b.symbol = one.symbol
        ) and not exists (
            select from reference.rolls as r
            where one.symbol in (r.from_contract, r.to_contract)
        ) then
            -- Who looked at it when is told anew every second.
            delete from market.heard where symbol = one.symbol;
            delete from reference.series where symbol = one.symbol;
        end if;
    end loop;
    -- Tapes of one month that were filed under their root name it beside.
    for one in
        select
            p.source,
            s.symbol,
            p.first_ts,
            p.last_ts
        from reference.tapes as p
        inner join reference.series as s
            on s.symbol = any (p.symbols) and s.kind = 'root'
    loop
        update market.ticks as t
        set contract = left(t.contract, -1) || lpad((
            (
                -- The year of the tick's own month, or the next of that digit.
                select min(y) from generate_series(
                    extract(year from t.ts at time zone 'UTC')::integer,
                    extract(year from t.ts at time zone 'UTC')::integer + 10
                ) as y
                where
                    y % 10 = right(t.contract, 1)::integer
                    and make_date(
                        y,
                        strpos(
                            'FGHJKMNQUVXZ', substr(right(t.contract, 2), 1, 1)
                        ),
                        1
                    ) >= date_trunc('month', t.ts at time zone 'UTC')::date
            ) % 100)::text, 2, '0')
        where
            t.symbol = one.symbol
            and t.source = one.source
            and t.ts between one.first_ts and one.last_ts
            and t.contract ~ '^[A-Z0-9]{1,4}[FGHJKMNQUVXZ][0-9]$';
    end loop;
end $$;
