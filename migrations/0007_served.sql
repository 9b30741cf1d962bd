-- How this database is served: with the guard index booking_seats_one_live_sale or, for the strategy that is there to be
-- caught, without it. The first server writes it down, and the two never meet: a server without the guard takes it away only
-- where none that counts on it was before, and a server that counts on it starts only where it stands. One row.
create table served (
    one      boolean      not null default true constraint served_pkey primary key constraint served_one_row check (one),
    guarded  boolean      not null,
    since    timestamptz  not null default now()
);
