-- What is for sale.
--
-- An event is found again by its slug, so that seeding the same fixture twice changes nothing.
create table events (
    id          uuid        not null constraint events_pkey primary key,
    slug        text        not null constraint events_slug_key unique,
    title       text        not null,
    venue       text        not null,
    starts_at   timestamptz not null,
    created_at  timestamptz not null default now()
);

-- A seat carries its current claim: the reservation that holds it and until when, then the booking that bought it.
-- Whether it is free is calculated from these at every use; no counter is kept anywhere.
--
-- version counts claims: what the optimistic strategy compares.
-- fence is the largest fencing token that wrote here: a late writer with a smaller one is refused.
--
-- Every claim and every sale updates a seat, and PostgreSQL sets up each check constraint anew for every statement. So
-- there are none here: places and prices are checked before they come in, and the audit looks at the rest.
--
-- There is no foreign key from reservation_id or booking_id: both tables refer to seats, every claim would pay for
-- the check, and `ticketctl audit` reports a claim that leads nowhere. There is no index on them either: claims change
-- them on every sale, and without an index PostgreSQL can update the row in place (fillfactor leaves it the room).
create table seats (
    id              bigint      generated always as identity constraint seats_pkey primary key,
    event_id        uuid        not null constraint seats_event_id_fkey references events (id),
    section         text        not null,
    row_label       text        not null,
    number          integer     not null,
    price_cents     bigint      not null,
    reservation_id  uuid,
    held_until      timestamptz,
    booking_id      uuid,
    version         bigint      not null default 0,
    fence           bigint      not null default 0,
    constraint seats_place_key unique (event_id, section, row_label, number)
) with (fillfactor = 70);

-- Fencing tokens grow for ever: a lease taken later carries a larger one.
create sequence fencing_tokens;
