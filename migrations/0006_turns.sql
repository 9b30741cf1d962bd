-- What one user may have of an event is counted, and nothing keeps two counts from overlooking each other: the rows to lock do
-- not exist yet. So the holds of one user and event take turns, by a lock that ends with its transaction. Every strategy takes
-- it in the statement that claims, before any seat is locked; what counts is a later statement, which sees all that was
-- committed before the turn came. It is a function so that they agree on the lock, and one that PostgreSQL puts into the
-- statement that names it.
create function take_turn(user_id uuid, event_id uuid) returns boolean language sql volatile as
    $$ select pg_advisory_xact_lock(hashtextextended(user_id::text || event_id::text, 0)) is not null $$;
