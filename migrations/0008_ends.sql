-- From when to when a hold had its seats, for whoever asks afterwards whether two ever had the same one. created_at and
-- expires_at are by the time at which a transaction began, before it waited for anybody; claimed_at is read after the seats
-- were claimed, so everything that let go of them before had ended by then. ended_at is when the hold was paid for, given up
-- or expired, by the clock that decided it. A default that is set apart from its column leaves the rows there are alone.
alter table reservations
    add column claimed_at  timestamptz,
    add column ended_at    timestamptz;
alter table reservations alter column claimed_at set default clock_timestamp();
