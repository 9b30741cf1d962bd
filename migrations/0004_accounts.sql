-- Who may sign in, and the refresh tokens that keep them signed in.

create type user_role as enum ('customer', 'organizer', 'admin');

-- Addresses that differ in case only are one account. password_hash is a PHC string: it says how it was made, so that
-- stronger parameters can be introduced without a migration.
--
-- Nothing refers to this table but the tokens below: reservations and bookings carry the id that an access token named,
-- and whoever signs such tokens elsewhere needs no account here.
create table users (
    id             uuid        not null constraint users_pkey primary key,
    email          text        not null,
    password_hash  text        not null,
    role           user_role   not null default 'customer',
    created_at     timestamptz not null default now()
);
create unique index users_email_key on users (lower(email));

-- A login starts a family: its refresh token, the one that replaced it, and so on. A token used twice was stolen, from
-- its owner or by its owner, so the whole family ends. That is a mark on the one row all of them share, and not on each
-- token: a token that is being made at that very moment is in the family, too.
create table token_families (
    id          uuid        not null constraint token_families_pkey primary key,
    user_id     uuid        not null constraint token_families_user_id_fkey references users (id) on delete cascade,
    revoked_at  timestamptz,
    created_at  timestamptz not null default now()
);
create index token_families_by_user on token_families (user_id);

-- A refresh token is 256 random bits, so its plain SHA-256 tells nobody what it was, and finds it by index. Used ones
-- stay until they would have ended: that is how using one twice is noticed.
create table refresh_tokens (
    token_sha256  bytea       not null constraint refresh_tokens_pkey primary key,
    family_id     uuid        not null constraint refresh_tokens_family_id_fkey references token_families (id) on delete cascade,
    expires_at    timestamptz not null,
    used_at       timestamptz
);
create index refresh_tokens_by_family on refresh_tokens (family_id);
create index refresh_tokens_by_expiry on refresh_tokens (expires_at);
