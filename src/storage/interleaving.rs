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

/// Everything that was sold or tried, gone; the event and its seats as they were made.
const RESET: &str = "
    delete from booking_seats; delete from bookings; delete from payments; delete from idempotency_records;
    delete from reservations; delete from clock.moves;
    update seats set reservation_id = null, held_until = null, booking_id = null, version = 0, fence = 0;
    update events set status = 'published', version = 1, cancelled_at = null;";

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

    /// The seats' ids, in the order in which they were made.
    pub async fn seats(&mut self) -> Result<Vec<i64>, StorageError> {
        let rows = sqlx::query("select id from seats order by id").fetch_all(&mut self.connection);
        rows.await?.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// Puts everything back to the beginning.
    pub async fn reset(&mut self) -> Result<(), StorageError> {
        sqlx::raw_sql(RESET).execute(&mut self.connection).await?;
        Ok(())
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

    /// Everything in it.
    pub async fn audit(&self) -> Result<Audit, StorageError> {
        audit::read_from(&self.storage).await
    }

    /// Live claims of cancelled events, and payments that are being refunded: what the job that refunds has to do.
    pub async fn due_for_refund(&mut self) -> Result<i64, StorageError> {
        let row = sqlx::query(
            "select (select count(*) from bookings join events on events.id = event_id
                     where status = 'cancelled' and state = 'confirmed')
                  + (select count(*) from reservations join events on events.id = event_id
                     where status = 'cancelled' and state = 'held')
                  + (select count(*) from payments where step = 'refunding') as due",
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
    sqlx::query(
        "insert into events (id, slug, title, venue, starts_at, admission, status)
         values ($1, 'interleave', 'Interleaved', 'Here', now() + interval '10 years', 'seated', 'published')",
    )
    .bind(stock.event)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "insert into seats (event_id, section, row_label, number, price_cents)
         select $1, 'A', '1', number, price from unnest($2::bigint[]) with ordinality as priced (price, number)",
    )
    .bind(stock.event)
    .bind(&stock.prices)
    .execute(connection)
    .await?;
    Ok(())
}
