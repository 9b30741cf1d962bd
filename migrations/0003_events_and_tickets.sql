-- What an organizer prepares, and what a visitor carries.

create type event_status as enum ('draft', 'published', 'cancelled', 'completed');
create type event_admission as enum ('seated', 'general');

-- version grows with every change, and a change names the version it was made from: two organizers editing at once do
-- not overwrite each other. It is not touched by sales, so the row that every buyer of an on-sale reads is written only
-- when somebody edits it.
--
-- deleted_at hides an event and keeps what was sold of it. Events that were there before are on sale.
--
-- search is what a visitor types into a search box, folded without a dictionary of any one language. It has no index of
-- its own: a house has thousands of events, not millions, and the list is read in order of starts_at anyway.
alter table events
    add column description           text            not null default '',
    add column organizer_id          uuid,
    add column admission             event_admission not null default 'seated',
    add column status                event_status    not null default 'published',
    add column tickets_per_user_max  integer,
    add column version               bigint          not null default 1,
    add column cancelled_at          timestamptz,
    add column deleted_at            timestamptz,
    add column search                tsvector        generated always as
                                     (to_tsvector('simple', title || ' ' || venue)) stored;
alter table events alter column status drop default;
create index events_by_start on events (starts_at, id);
-- For "between these prices". A seat's price never changes, so this index does not keep claims from updating in place.
create index seats_by_price on seats (event_id, price_cents);

-- A hold can be extended once.
alter table reservations add column extended_at timestamptz;
-- What a user has, newest first; also what the limit per user and event counts.
create index reservations_by_user on reservations (user_id, created_at desc, id desc);

alter table bookings add column cancelled_at timestamptz;
create index bookings_by_user on bookings (user_id, created_at desc, id desc);
-- What has to be given back when an event is called off.
create index bookings_confirmed_by_event on bookings (event_id) where state = 'confirmed';

-- A ticket lets its bearer in once.
alter table booking_seats add column checked_in_at timestamptz;

-- A booking that is being paid for is a payment under way, and has the payment's id from the beginning: these are the
-- ones its owner sees as pending, or as expired when nothing was charged before the hold ended.
create index payments_without_booking_by_user on payments (user_id, created_at desc, id desc)
    where state in ('pending', 'failed');
