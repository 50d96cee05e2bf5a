-- Stage     85 people
-- Accounts, sessions, keys and the audit.

-- name: people_state
select
    e.nature,
    exists (
        select from people.users as u
        where u.role = 'OWNER' and u.is_enabled and u.is_approved
    ) as has_owner
from ops.edition as e;

-- name: signing_key
select k.key_id, k.secret
from people.signing_keys as k
order by k.made_at desc, k.key_id
limit 1;

-- name: make_signing_key
insert into people.signing_keys (key_id, secret)
select %(key_id)s::text, %(secret)s::text
where not exists (select from people.signing_keys);

-- Who changes accounts, one at a time: the last owner stays, a link is used
-- once, the sixth attempt waits.
-- name: lock_people
select pg_advisory_xact_lock(7405117, hashtext(%(what)s::text));

-- name: user_by_email
select * from people.users as u where u.email = %(email)s::text;

-- name: user_by_id
select * from people.users as u where u.user_id = %(user_id)s::bigint;

-- name: users
select
    u.user_id,
    u.email,
    u.display_name,
    u.role,
    u.is_approved,
    u.is_enabled,
    u.totp_secret is not null as has_totp,
    u.created_at,
    u.approved_at,
    u.approved_by,
    u.last_login_at,
    (
        select count(*) from people.sessions as s
        where
            s.user_id = u.user_id and s.ended_at is null
            and s.expires_at > %(as_of)s::timestamptz
    ) as sessions
from people.users as u
where %(user_id)s::bigint is null or u.user_id = %(user_id)s::bigint
order by u.user_id;

-- name: add_user
insert into people.users (
    email, password_hash, role, display_name, time_zone, is_approved,
    approved_at, approved_by
)
values (
    %(email)s::text, %(password_hash)s::text, %(role)s::text,
    %(display_name)s::text, %(time_zone)s::text,
    %(approved_by)s::text is not null,
    case when %(approved_by)s::text is not null then now() end,
    %(approved_by)s::text
)
on conflict (email) do nothing
returning user_id;

-- name: other_owners
select count(*) as owners from people.users as u
where
    u.role = 'OWNER' and u.is_enabled and u.is_approved
    and u.user_id <> %(user_id)s::bigint;

-- name: change_user
update people.users as u set
    role = coalesce(%(role)s::text, u.role),
    is_enabled = coalesce(%(is_enabled)s::boolean, u.is_enabled),
    approved_at = case
        when %(is_approved)s::boolean and not u.is_approved then now()
        else u.approved_at
    end,
    approved_by = case
        when %(is_approved)s::boolean and not u.is_approved
            then %(by)s::text
        else u.approved_by
    end,
    is_approved = coalesce(%(is_approved)s::boolean, u.is_approved)
where u.user_id = %(user_id)s::bigint;

-- name: change_me
update people.users as u set
    display_name = coalesce(%(display_name)s::text, u.display_name),
    time_zone = coalesce(%(time_zone)s::text, u.time_zone)
where u.user_id = %(user_id)s::bigint;

-- name: set_password
update people.users as u set
    password_hash = %(password_hash)s::text,
    password_changed_at = now()
where u.user_id = %(user_id)s::bigint;

-- A better hash of the same password.
-- name: rehash_password
update people.users as u set password_hash = %(password_hash)s::text
where u.user_id = %(user_id)s::bigint;

-- name: set_totp
update people.users as u set
    totp_secret = %(secret)s::text,
    totp_pending = %(pending)s::text,
    totp_step = null
where u.user_id = %(user_id)s::bigint;

-- Gives no row where the code of this step was used already.
-- name: use_totp_step
update people.users as u set totp_step = %(step)s::bigint
where
    u.user_id = %(user_id)s::bigint
    and coalesce(u.totp_step, -1) < %(step)s::bigint
returning u.user_id;

-- name: logged_in
update people.users as u set last_login_at = now()
where u.user_id = %(user_id)s::bigint;

-- name: begin_session
insert into people.sessions (user_id, expires_at, address, agent)
values (
    %(user_id)s::bigint, %(expires_at)s::timestamptz, %(address)s::text,
    left(%(agent)s::text, 200)
)
returning session_id::text;

-- name: add_refresh_token
insert into people.refresh_tokens (token_sha256, session_id)
values (%(token_sha256)s::text, %(session_id)s::uuid);

-- name: refresh_token
select
    t.session_id::text,
    t.used_at,
    t.replaced_by,
    r.used_at is not null as is_replacement_used,
    s.user_id,
    s.created_at,
    s.ended_at,
    s.expires_at,
    u.is_enabled and u.is_approved as is_welcome,
    now() as as_of
from people.refresh_tokens as t
inner join people.sessions as s on s.session_id = t.session_id
inner join people.users as u on u.user_id = s.user_id
left join people.refresh_tokens as r on r.token_sha256 = t.replaced_by
where t.token_sha256 = %(token_sha256)s::text
for update of t, s;

-- name: use_refresh_token
update people.refresh_tokens as t set
    used_at = now(),
    replaced_by = %(replaced_by)s::text
where t.token_sha256 = %(token_sha256)s::text;

-- name: renew_session
update people.sessions as s set
    last_used_at = now(),
    expires_at = %(expires_at)s::timestamptz
where s.session_id = %(session_id)s::uuid;

-- One session, or all of an account, or all but one.
-- name: end_sessions
update people.sessions as s set
    ended_at = now(),
    end_reason = %(reason)s::text
where
    s.ended_at is null
    and s.user_id = %(user_id)s::bigint
    and (
        %(session_id)s::uuid is null or s.session_id = %(session_id)s::uuid
    )
    and (%(but)s::uuid is null or s.session_id <> %(but)s::uuid)
returning s.session_id::text;

-- name: session_now
select
    u.user_id,
    u.email,
    u.role
from people.sessions as s
inner join people.users as u on u.user_id = s.user_id
where
    s.session_id = %(session_id)s::uuid
    and s.ended_at is null
    and s.expires_at > now()
    and u.is_enabled
    and u.is_approved;

-- name: sessions_of
select
    s.session_id::text,
    s.created_at,
    s.last_used_at,
    s.expires_at,
    s.address,
    s.agent
from people.sessions as s
where
    s.user_id = %(user_id)s::bigint and s.ended_at is null
    and s.expires_at > now()
order by s.last_used_at desc, s.session_id;

-- name: forget_sessions
delete from people.sessions as s
where coalesce(s.ended_at, s.expires_at) < now() - interval '30 days';

-- name: settings_of
select s.key, s.value from people.settings as s
where s.user_id = %(user_id)s::bigint
order by s.key;

-- name: set_setting
insert into people.settings as s (user_id, key, value)
values (%(user_id)s::bigint, %(key)s::text, %(value)s::text::jsonb)
on conflict (user_id, key) do update set
    value = excluded.value,
    changed_at = now();

-- name: drop_setting
delete from people.settings as s
where s.user_id = %(user_id)s::bigint and s.key = %(key)s::text
returning s.key;

-- name: count_settings
select count(*) as settings from people.settings as s
where s.user_id = %(user_id)s::bigint and s.key <> %(key)s::text;

-- name: add_key
insert into people.keys (
    user_id, name, prefix, key_sha256, scopes, expires_at
)
values (
    %(user_id)s::bigint, %(name)s::text, %(prefix)s::text,
    %(key_sha256)s::text, %(scopes)s::text[], %(expires_at)s::timestamptz
)
returning key_id;

-- name: keys
select
    k.key_id,
    u.email as owner,
    u.role as owner_role,
    k.name,
    k.prefix,
    k.scopes,
    k.created_at,
    k.expires_at,
    k.last_used_at,
    k.revoked_at
from people.keys as k
inner join people.users as u on u.user_id = k.user_id
where
    (%(user_id)s::bigint is null or k.user_id = %(user_id)s::bigint)
    and (%(key_id)s::bigint is null or k.key_id = %(key_id)s::bigint)
order by k.key_id;

-- name: revoke_key
update people.keys as k set
    revoked_at = now(),
    revoked_by = %(by)s::text
where k.key_id = %(key_id)s::bigint and k.revoked_at is null
returning k.key_id;

-- name: key_now
select
    k.key_id,
    k.prefix,
    k.scopes,
    u.user_id,
    u.email,
    u.role,
    coalesce(k.last_used_at < now() - interval '1 minute', true) as is_stale
from people.keys as k
inner join people.users as u on u.user_id = k.user_id
where
    k.key_sha256 = %(key_sha256)s::text
    and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > now())
    and u.is_enabled
    and u.is_approved;

-- name: key_used
update people.keys as k set last_used_at = now()
where k.key_id = %(key_id)s::bigint
returning k.key_id;

-- Seconds until fewer than so many wrong attempts are in the span; null: now.
-- name: attempts_wait
select ceil(extract(epoch from (
    greatest(
        (
            select a.at from people.attempts as a
            where
                a.account_sha256 = %(account_sha256)s::text
                and not a.is_ok
                and a.kind = any(%(kinds)s::text[])
                and a.at > clock_timestamp() - %(within)s::interval
            order by a.at desc
            offset %(most)s::integer - 1
            limit 1
        ),
        (
            select a.at from people.attempts as a
            where
                a.address = %(address)s::text
                and not a.is_ok
                and a.kind = any(%(kinds)s::text[])
                and a.at > clock_timestamp() - %(within)s::interval
            order by a.at desc
            offset %(most)s::integer - 1
            limit 1
        )
    ) + %(within)s::interval - clock_timestamp()
)))::integer as wait_s;

-- name: add_attempt
insert into people.attempts (kind, account_sha256, address, at)
values (
    %(kind)s::text, %(account_sha256)s::text, %(address)s::text,
    clock_timestamp()
)
returning attempt_id;

-- name: attempt_was_right
update people.attempts as a set is_ok = true
where a.attempt_id = %(attempt_id)s::bigint;

-- name: forget_attempts
delete from people.attempts as a where a.at < now() - interval '1 day';

-- name: add_setup_link
insert into people.setup_links (link_sha256, made_by, expires_at)
values (%(link_sha256)s::text, %(by)s::text, %(expires_at)s::timestamptz);

-- name: use_setup_link
update people.setup_links as l set used_at = now()
where
    l.link_sha256 = %(link_sha256)s::text
    and l.used_at is null
    and l.expires_at > now()
returning l.made_by;

-- name: add_audit
insert into people.audit (
    who, role, method, route, status, object, before, after, request_id,
    address, key
)
values (
    %(who)s::text, %(role)s::text, %(method)s::text, %(route)s::text,
    %(status)s::integer, %(object)s::text, %(before)s::text::jsonb,
    %(after)s::text::jsonb, %(request_id)s::uuid, %(address)s::text,
    %(key)s::text
)
returning audit_id;

-- name: audit
select
    a.audit_id,
    a.at,
    a.who,
    a.role,
    a.method,
    a.route,
    a.status,
    a.object,
    a.before,
    a.after,
    a.request_id::text,
    a.address,
    a.key
from people.audit as a
where
    (%(who)s::text is null or a.who = %(who)s::text)
    and (
        %(route)s::text is null
        or position(%(route)s::text in a.method || ' ' || a.route) > 0
    )
    and (%(ts_from)s::timestamptz is null or a.at >= %(ts_from)s::timestamptz)
    and (%(ts_to)s::timestamptz is null or a.at < %(ts_to)s::timestamptz)
    and (%(before)s::bigint is null or a.audit_id < %(before)s::bigint)
order by a.audit_id desc
limit %(limit)s::integer;
