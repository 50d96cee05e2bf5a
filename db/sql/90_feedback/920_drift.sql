-- Stage     90 feedback
-- Makes     feedback.psi(double precision[], double precision[]),
--           feedback.drift
-- Kind      function and view
-- Grain     one value; one row a (served model, feature)
-- Known at  known_at of the newest row
-- Reads     model.aliases, model.predictions, model.profiles, model.versions,
--           store.feature_rows
-- Nulls     psi where no row has a value
-- Why       A model is right only of a market like the one that it learned. The
--           time of day alone moves a feature as far as a drift would, so the
--           limit of each is what the training itself showed, and a half more.

create function feedback.psi(actual float8[], expected float8[])
returns float8
language sql immutable strict parallel safe
begin atomic
    select
        sum((s.a - s.e) * ln(s.a / s.e))
    from (
        select
            greatest(u.a, 1e-4) as a,
            greatest(u.e, 1e-4) as e
        from unnest(actual, expected) as u (a, e)
    ) as s;
end;

create view feedback.drift as
with served as (
    select distinct
        a.version_id as model_id,
        v.set_hash
    from model.aliases as a
    inner join model.versions as v on v.id = a.version_id
),

shown as (
    select
        s.model_id,
        n.known_at,
        r.values
    from served as s
    cross join lateral (
        select
            p.symbol,
            p.bar_start,
            p.known_at,
            p.row_version
        from model.predictions as p
        where
            p.model_id = s.model_id
            and p.revision = 1
            and p.row_version is not null
        order by p.bar_start desc, p.symbol
        limit 500
    ) as n
    inner join store.feature_rows as r
        on
            r.set_hash = s.set_hash
            and r.symbol = n.symbol
            and r.bar_start = n.bar_start
            and r.version = n.row_version
),

binned as (
    select
        f.model_id,
        f.feature,
        width_bucket(s.values[f.place]::float8, f.edges) + 1 as bin,
        count(*) as rows,
        max(s.known_at) as known_at
    from shown as s
    inner join model.profiles as f on f.model_id = s.model_id
    where f.is_used and s.values[f.place] <> 'NaN'
    group by f.model_id, f.feature, 3
),

counted as (
    select
        b.model_id,
        b.feature,
        sum(b.rows)::bigint as rows,
        max(b.known_at) as known_at,
        array[
            sum(b.rows) filter (where b.bin = 1),
            sum(b.rows) filter (where b.bin = 2),
            sum(b.rows) filter (where b.bin = 3),
            sum(b.rows) filter (where b.bin = 4),
            sum(b.rows) filter (where b.bin = 5),
            sum(b.rows) filter (where b.bin = 6),
            sum(b.rows) filter (where b.bin = 7),
            sum(b.rows) filter (where b.bin = 8),
            sum(b.rows) filter (where b.bin = 9),
            sum(b.rows) filter (where b.bin = 10)
        ] as counts
    from binned as b
    group by b.model_id, b.feature
),

measured as (
    select
        f.model_id,
        f.feature,
        coalesce(c.rows, 0) as rows,
        c.known_at,
        f.shares as expected,
        array(
            select coalesce(u.n, 0)::float8 / c.rows
            from unnest(c.counts) with ordinality as u (n, at)
            order by u.at
        ) as actual,
        f.usual_psi
    from model.profiles as f
    inner join served as s on s.model_id = f.model_id
    left join counted as c
        on c.model_id = f.model_id and c.feature = f.feature
    where f.is_used
)

select
    m.model_id,
    m.feature,
    m.rows,
    m.known_at,
    case when m.rows > 0 then feedback.psi(m.actual, m.expected) end as psi,
    m.usual_psi,
    greatest(0.1, 1.5 * m.usual_psi) as warns_at,
    greatest(0.25, 1.5 * m.usual_psi) as demotes_at,
    case
        when m.rows < 400 then 'unknown'
        when
            feedback.psi(m.actual, m.expected)
            >= greatest(0.25, 1.5 * m.usual_psi)
            then 'decayed'
        when
            feedback.psi(m.actual, m.expected)
            >= greatest(0.1, 1.5 * m.usual_psi)
            then 'warns'
        else 'well'
    end as level,
    m.actual,
    m.expected
from measured as m;

comment on function feedback.psi(float8[], float8[]) is
    'Population stability index of shares against expected ones: the sum of '
    '(a - e) ln(a / e), shares below 1e-4 taken as that.';

comment on view feedback.drift is
    'How far the newest 500 rows that a champion or challenger was shown are '
    'from those that it learned, a row a feature.';
comment on column feedback.drift.model_id is
    'The fitted model: model.versions.';
comment on column feedback.drift.feature is 'The feature.';
comment on column feedback.drift.rows is
    'Rows with a value, 500 at most.';
comment on column feedback.drift.known_at is 'known_at of the newest of them.';
comment on column feedback.drift.psi is
    'Population stability index over ten bins at the deciles of the training.';
comment on column feedback.drift.usual_psi is
    'The largest of 500 rows on end of the training itself.';
comment on column feedback.drift.warns_at is
    'From where it warns: 0.1, or one and a half times the usual.';
comment on column feedback.drift.demotes_at is
    'From where it demotes: 0.25, or one and a half times the usual.';
comment on column feedback.drift.level is
    'well, warns, decayed; unknown under 400 rows.';
comment on column feedback.drift.actual is
    'Shares of the ten bins, 0 to 1.';
comment on column feedback.drift.expected is
    'Shares of the ten bins in the training, 0 to 1.';
