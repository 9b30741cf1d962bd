//! A throwaway database that is set up for running requests in every order: its clock can be moved, it is put back to the
//! beginning in one round trip, and it says who waits for whom. Makes what it works with itself.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use uuid::Uuid;

use super::audit::{self, Audit};
use super::{Storage, StorageError, StorageSettings, migrations};

/// A clock that can be moved, in a schema that is looked into before PostgreSQL's own, so that statements as they stand read
/// it. A move counts for transactions that begin after it, as real time does: `now()` stands still within one.
const CLOCK: &str = "
    create schema clock;
    create table clock.moves (at timestamptz not null, ahead interval not null);
    create function clock.moved(moment timestamptz) returns timestamptz language sql stable as
        $$ select moment + coalesce((select sum(ahead) from clock.moves where at <= moment), interval '0') $$;
    create function clock.now() returns timestamptz language sql stable as
        $$ select clock.moved(transaction_timestamp()) $$;
    create function clock.clock_timestamp() returns timestamptz language sql volatile as
        $$ select clock.moved(pg_catalog.clock_timestamp()) $$;
    -- A column's default keeps the function that it found when it was made.
    do $$ declare it record; begin
        for it in select adrelid::regclass as relation, attname, pg_get_expr(adbin, adrelid) as reads
                  from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum
                  where pg_get_expr(adbin, adrelid) in ('now()', 'clock_timestamp()') loop
            execute format('alter table %s alter column %I set default clock.%s', it.relation, it.attname, it.reads);
        end loop; end $$;";

/// What every connection of the database is set to from now on. Nothing here is to survive a crash, and who waits for each
/// other in a circle is to be told so at once.
const SETTINGS: &str = "
    do $$ begin
        execute format('alter database %I set search_path = clock, pg_catalog, public', current_database());
        execute format('alter database %I set synchronous_commit = off', current_database());
        execute format('alter database %I set deadlock_timeout = ''50ms''', current_database());
    end $$;";

/// Everything that was sold or tried, gone; the event and its seats as they were made, and the bystanders again.
const RESET: &str = "
    delete from booking_seats; delete from bookings; delete from payments; delete from idempotency_records;
    delete from reservations; delete from clock.moves;
    update seats set reservation_id = null, held_until = null, booking_id = null, version = 0, fence = 0;
    update events set status = 'published', version = 1, cancelled_at = null where slug = 'interleave';";

/// An event that no request names, and that is over.
const BYSTANDER: Uuid = Uuid::from_u128(7);
/// One more, which stays on sale.
const ON_SALE: Uuid = Uuid::from_u128(6);

/// What the keys of the bystanders' requests begin with.
const THEIRS: &str = "bystander-";

/// What is of no concern to any request: other events with the same places, of which those who ask have a hold and a booking, too;
/// payments of those; and another user's requests under the same keys. A statement that forgets whose row it is about, or which,
/// finds them.
const BYSTANDERS: &str = "
    update events set status = case slug when 'bystander' then 'completed' else 'published' end::event_status, version = 1, cancelled_at = null
        where slug <> 'interleave' and (version <> 1 or cancelled_at is not null);
    insert into reservations (id, event_id, user_id, seat_ids, state, total_cents, expires_at, idempotency_key, created_at, claimed_at, ended_at)
        select made.id, events.id, owner, array (select seats.id from seats where event_id = events.id order by 1),
               state::reservation_state, 4, '2100-01-01', 'bystander-' || state, '2020-01-01', '2020-01-01', ended_at::timestamptz
        from (values ('00000000-0000-0000-0000-000000000001'::uuid, 'HOLDER'::uuid, 'on-sale', 'held', null),
                     ('00000000-0000-0000-0000-000000000003'::uuid, 'OWNER'::uuid, 'bystander', 'confirmed', '2020-01-02'))
             as made (id, owner, of, state, ended_at) join events on slug = of;
    insert into bookings (id, reference, reservation_id, event_id, user_id, state, total_cents, idempotency_key, created_at)
        select '00000000-0000-0000-0000-000000000004', 'BYSTANDER', id, event_id, user_id, 'confirmed', 4, idempotency_key, '2020-01-02'
        from reservations where state = 'confirmed';
    insert into booking_seats (booking_id, seat_id, ticket_number, price_cents, checked_in_at)
        select bookings.id, seat, 'BYSTANDER-' || seat, 1, '2020-01-03'
        from bookings join reservations on reservations.id = reservation_id, unnest(seat_ids) as seat;
    update seats set reservation_id = reservations.id, held_until = reservations.expires_at, booking_id = bookings.id
        from reservations left join bookings on bookings.reservation_id = reservations.id where seats.id = any (seat_ids);
    insert into payments (id, reservation_id, user_id, idempotency_key, amount_cents, payment_method, state, step, worked_at, created_at)
        select made.id, reservations.id, user_id, idempotency_key, total_cents, 'card', made.state::payment_state, step::payment_step, '2100-01-01', '2020-01-02'
        from reservations, (values ('00000000-0000-0000-0000-000000000001'::uuid, 'held', 'failed', 'done'),
                                   ('00000000-0000-0000-0000-000000000002'::uuid, 'held', 'pending', 'charging'),
                                   ('00000000-0000-0000-0000-000000000004'::uuid, 'confirmed', 'captured', 'done'),
                                   ('00000000-0000-0000-0000-000000000005'::uuid, 'held', 'failed', 'refunding')) as made (id, of, state, step)
        where reservations.state::text = made.of;
    insert into idempotency_records (user_id, key, request_sha256, state, status_code, response, expires_at, created_at)
        select '00000000-0000-0000-0000-000000000007', key, '\\x00', 'SUCCESS', 201, '{}', '2100-01-01', '2020-01-01'
        from unnest(array['hold-0', 'hold-1', 'confirm-0', 'confirm-1']) as key;
    insert into idempotency_records (user_id, key, request_sha256, state, expires_at, created_at)
        select user_id, idempotency_key, '\\x00', 'IN_PROGRESS', '2100-01-01', '2020-01-01' from reservations where state = 'held';";

/// All that is the bystanders', in one text; and of the event what no request asks to change.
const OF_BYSTANDERS: &str = "
    select string_agg(line, e'\\n' order by line) as lines from (
        select events::text from events where slug <> 'interleave'
        union all select (title, venue, description, starts_at, sales_end_at, organizer_id, deleted_at)::text from events
        union all select seats::text from seats join events on events.id = event_id where slug <> 'interleave'
        union all select reservations::text from reservations where idempotency_key like 'bystander-%'
        union all select bookings::text from bookings where idempotency_key like 'bystander-%'
        union all select booking_seats::text from booking_seats where ticket_number like 'BYSTANDER-%'
        union all select payments::text from payments where idempotency_key like 'bystander-%'
        union all select idempotency_records::text from idempotency_records where expires_at = '2100-01-01'
    ) as lines (line)";

/// The connection through which such a database is prepared and watched; it waits for nobody.
pub struct Control {
    connection: PgConnection,
    storage: Storage,
}

/// What is for sale in it.
#[derive(Debug, Clone)]
pub struct Stock {
    /// The event.
    pub event: Uuid,
    /// The price of each of its seats, in cents.
    pub prices: Vec<i64>,
}

impl Control {
    /// Makes a database of this name beside the one at the URL, with our schema and a clock that can be moved, and puts the
    /// stock in; returns its URL too.
    ///
    /// # Errors
    /// There is one of this name, or a statement failed.
    pub async fn create(
        database_url: &str,
        name: &str,
        stock: &Stock,
    ) -> Result<(Self, String), StorageError> {
        let beside: PgConnectOptions = database_url.parse().map_err(StorageError::from)?;
        let mut maintenance = beside.clone().connect().await?;
        let create = format!("create database \"{name}\"");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut maintenance).await?;
        maintenance.close().await?;
        let options = beside.database(name);
        let url = options.to_url_lossy().to_string();
        let storage = Storage::open(&StorageSettings::for_command(&url))?;
        migrations::migrate(&storage)
            .await
            .map_err(|_refused| StorageError::Impossible("schema of a new database"))?;
        storage.close().await;
        let mut connection = options.clone().connect().await?;
        for text in ["create table throwaway_stack ()", CLOCK, SETTINGS] {
            sqlx::raw_sql(text).execute(&mut connection).await?;
        }
        put_in(&mut connection, stock).await?;
        connection.close().await?;
        // A new connection has the new settings.
        let storage = Storage::open(&StorageSettings::for_command(&url))?;
        Ok((Self { connection: options.connect().await?, storage }, url))
    }

    /// The ids of the event's seats, in the order in which they were made.
    pub async fn seats(&mut self, event: Uuid) -> Result<Vec<i64>, StorageError> {
        let rows = sqlx::query("select id from seats where event_id = $1 order by id")
            .bind(event)
            .fetch_all(&mut self.connection);
        rows.await?.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// Puts everything back to the beginning. The bystanders' hold is `holder`'s, and their booking `owner`'s. Returns all that no
    /// request is to change, as text.
    pub async fn reset(&mut self, holder: Uuid, owner: Uuid) -> Result<String, StorageError> {
        let bystanders =
            BYSTANDERS.replace("HOLDER", &holder.to_string()).replace("OWNER", &owner.to_string());
        let text = sqlx::AssertSqlSafe(format!("{RESET}{bystanders}"));
        sqlx::raw_sql(text).execute(&mut self.connection).await?;
        self.bystanders().await
    }

    /// All that no request is to change, as text.
    pub async fn bystanders(&mut self) -> Result<String, StorageError> {
        let row = sqlx::query(OF_BYSTANDERS).fetch_one(&mut self.connection).await?;
        Ok(row.try_get("lines")?)
    }

    /// Moves the clock on, for every transaction that begins from now on.
    pub async fn pass(&mut self, time: Duration) -> Result<(), StorageError> {
        sqlx::query(
            "insert into clock.moves values (pg_catalog.clock_timestamp(), make_interval(secs => $1))",
        )
        .bind(time.as_secs_f64())
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// Everything in it but the bystanders.
    pub async fn audit(&self) -> Result<Audit, StorageError> {
        let mut audit = audit::read_from(&self.storage).await?;
        audit.events.retain(|row| ![BYSTANDER, ON_SALE].contains(&row.id));
        audit.seats.retain(|row| ![BYSTANDER, ON_SALE].contains(&row.event_id));
        audit.reservations.retain(|row| !row.idempotency_key.starts_with(THEIRS));
        audit.bookings.retain(|row| !row.idempotency_key.starts_with(THEIRS));
        audit.payments.retain(|row| !row.idempotency_key.starts_with(THEIRS));
        Ok(audit)
    }

    /// Live claims of cancelled events, and payments that are being refunded: what the job that refunds has to do.
    pub async fn due_for_refund(&mut self) -> Result<i64, StorageError> {
        let row = sqlx::query(
            "select (select count(*) from bookings join events on events.id = event_id
                     where status = 'cancelled' and state = 'confirmed')
                  + (select count(*) from reservations join events on events.id = event_id
                     where status = 'cancelled' and state = 'held')
                  + (select count(*) from payments where step = 'refunding' and idempotency_key not like 'bystander-%') as due",
        )
        .fetch_one(&mut self.connection)
        .await?;
        Ok(row.try_get("due")?)
    }

    /// Those of these server processes that wait for a lock of another's.
    pub async fn waiting(&mut self, processes: &[i32]) -> Result<Vec<i32>, StorageError> {
        let rows = sqlx::query(
            "select pid from unnest($1::int[]) as pid where cardinality(pg_blocking_pids(pid)) > 0",
        )
        .bind(processes)
        .fetch_all(&mut self.connection)
        .await?;
        rows.iter().map(|row| Ok(row.try_get("pid")?)).collect()
    }
}

async fn put_in(connection: &mut PgConnection, stock: &Stock) -> Result<(), StorageError> {
    // The bystanders come first: who asks for any event, or any seat, gets that.
    for (event, slug, status, prices) in [
        (BYSTANDER, "bystander", "completed", &vec![1; stock.prices.len()]),
        (ON_SALE, "on-sale", "published", &vec![1; stock.prices.len()]),
        (stock.event, "interleave", "published", &stock.prices),
    ] {
        sqlx::query(
            "insert into events (id, slug, title, venue, starts_at, admission, status)
             values ($1, $2, $2, $2, '2100-01-01', 'seated', $3::event_status)",
        )
        .bind(event)
        .bind(slug)
        .bind(status)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "insert into seats (event_id, section, row_label, number, price_cents)
             select $1, 'A', '1', number, price from unnest($2::bigint[]) with ordinality as priced (price, number)",
        )
        .bind(event)
        .bind(prices)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
