-- States are enumerations: the type refuses an unknown word, at no cost. (A check constraint is set up anew for every
-- statement, and these tables are written on the busiest path of the system.)
create type reservation_state as enum ('held', 'confirmed', 'cancelled', 'expired');
create type booking_state as enum ('pending', 'confirmed', 'cancelled', 'expired');
create type payment_state as enum ('pending', 'captured', 'failed', 'refunded');
create type payment_step as enum ('charging', 'refunding', 'done');
create type record_state as enum ('IN_PROGRESS', 'SUCCESS', 'FAILED');

-- A reservation holds its seats until expires_at, by the database's clock. Its seats never change, so they are an
-- array and not a table: one row to write on the busiest path of the system.
--
-- event_id has no foreign key: the check would lock the one event row that every buyer of an on-sale shares. The
-- seats themselves are checked against the event before a reservation is written.
create table reservations (
    id               uuid        not null constraint reservations_pkey primary key,
    event_id         uuid        not null,
    user_id          uuid        not null,
    seat_ids         bigint[]    not null,
    state            reservation_state not null default 'held',
    total_cents      bigint      not null,
    expires_at       timestamptz not null,
    idempotency_key  text        not null,
    created_at       timestamptz not null default now()
);
-- For the expiry job; only live holds are in it.
create index reservations_held_by_expiry on reservations (expires_at) where state = 'held';

-- A booking is the sale; a reservation becomes at most one.
create table bookings (
    id               uuid        not null constraint bookings_pkey primary key,
    reference        text        not null constraint bookings_reference_key unique,
    reservation_id   uuid        not null constraint bookings_one_per_reservation unique
                     constraint bookings_reservation_id_fkey references reservations (id),
    event_id         uuid        not null,
    user_id          uuid        not null,
    state            booking_state not null,
    total_cents      bigint      not null,
    idempotency_key  text        not null,
    created_at       timestamptz not null default now()
);

-- One ticket a seat, written by the statement that writes its booking, which is why the reference needs no check. live falls when the booking is cancelled.
create table booking_seats (
    booking_id     uuid    not null,
    seat_id        bigint  not null,
    ticket_number  text    not null constraint booking_seats_ticket_number_key unique,
    price_cents    bigint  not null,
    live           boolean not null default true,
    constraint booking_seats_pkey primary key (booking_id, seat_id)
);
-- The guarantee of the whole system: a seat has one live sale. No lock, no paused process and no mistake in the code
-- above it can get round this index.
create unique index booking_seats_one_live_sale on booking_seats (seat_id) where live;

-- One attempt to charge for a reservation, written by the statement that reads it (nothing deletes reservations). step is the saga's recovery point, written before the step it names is
-- taken; worked_at is when a process last worked on it, so that another can tell that it was left behind.
create table payments (
    id               uuid        not null constraint payments_pkey primary key,
    reservation_id   uuid        not null,
    user_id          uuid        not null,
    idempotency_key  text        not null,
    amount_cents     bigint      not null,
    payment_method   text        not null,
    state            payment_state not null default 'pending',
    step             payment_step not null default 'charging',
    worked_at        timestamptz not null default now(),
    created_at       timestamptz not null default now()
);
-- A reservation is charged once at a time, whatever keys its owner sends.
create unique index payments_one_live_per_reservation on payments (reservation_id) where state in ('pending', 'captured');
create index payments_unfinished on payments (worked_at) where step <> 'done';

-- What became of a request that carried an Idempotency-Key, and the answer to repeat. The key belongs to its user.
create table idempotency_records (
    user_id         uuid        not null,
    key             text        not null,
    request_sha256  bytea       not null,
    state           record_state not null,
    status_code     smallint,
    response        text,
    expires_at      timestamptz not null,
    created_at      timestamptz not null default now(),
    constraint idempotency_records_pkey primary key (user_id, key)
);
create index idempotency_records_by_expiry on idempotency_records (expires_at);
