//! The stack with real PostgreSQL and Redis processes: start, kill, pause, restart, stop. The black-box half, in which
//! its holder is killed, is `tests/stack.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use super::server::ServerSpec;
use super::{Stack, StackSpec, postgres, process_table};
use crate::tests::program::exe;

/// Open to all, so that PostgreSQL's user may pass through it.
fn temp_parent() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn spec(temp_parent: &Path) -> StackSpec {
    StackSpec {
        redis_nodes: 1,
        exe: exe(),
        database_url: None,
        redis_urls: Vec::new(),
        temp_parent: Some(temp_parent.to_owned()),
    }
}

async fn database(stack: &Stack) -> PgConnection {
    stack.database_url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
}

async fn ping(url: &str) -> redis::RedisResult<String> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async(&mut connection).await
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

fn has_segment(id: u32) -> bool {
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    segments.lines().any(|line| line.split_whitespace().nth(1) == Some(&id.to_string()))
}

fn is_running(pid: Pid) -> bool {
    process_table::find(pid).is_some_and(|entry| !entry.is_dead())
}

/// Every process of the stack, with PostgreSQL's backends.
fn family(stack: &Stack) -> Vec<Pid> {
    let group = Some(stack.guard_pid());
    let entries = process_table::list().unwrap();
    process_table::family(&entries, |entry| entry.group == group).iter().map(|e| e.pid).collect()
}

#[tokio::test]
async fn a_stack_is_ready_when_started_and_leaves_nothing_when_stopped() {
    let temp = temp_parent();
    let stack = Stack::start(StackSpec { redis_nodes: 3, ..spec(temp.path()) }).await.unwrap();
    let mut connection = database(&stack).await;
    let (markers, fsync): (i64, String) =
        sqlx::query_as("select count(*), current_setting('fsync') from throwaway_stack")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert_eq!((markers, fsync.as_str()), (1, "on"));
    assert_eq!(stack.redis_urls().len(), 3);
    for url in stack.redis_urls() {
        assert_eq!(ping(url).await.unwrap(), "PONG");
    }
    assert!(stack.is_throwaway());
    assert!(stack.logs_dir().join("postgres.log").exists());

    let family = family(&stack);
    assert!(family.len() > 8, "a guard, three redis and postgres with its workers: {family:?}");
    stack.stop().await.unwrap();
    assert!(is_empty(temp.path()));
    assert!(!family.into_iter().any(is_running));
}

#[tokio::test]
async fn the_database_wants_its_password() {
    let temp = temp_parent();
    let stack = Stack::start(spec(temp.path())).await.unwrap();
    let options: PgConnectOptions = stack.database_url().parse().unwrap();
    options.password("guess").connect().await.unwrap_err();
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_redis_is_gone_and_comes_back_empty_on_its_port() {
    let temp = temp_parent();
    let stack = Stack::start(spec(temp.path())).await.unwrap();
    let url = stack.redis_urls()[0].clone();
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("SET").arg("k").arg(1).query_async(&mut connection).await.unwrap();
    let pid = stack.pid("redis-1").await.unwrap();

    assert_eq!(stack.kill("redis-1").await.unwrap().signal(), Some(9));
    assert!(!stack.is_alive("redis-1").await.unwrap());
    assert_eq!(stack.state("redis-1").await.unwrap(), None);
    ping(&url).await.unwrap_err();
    let again = stack.kill("redis-1").await.unwrap_err().to_string();
    assert!(again.starts_with("redis-1 is not running"), "{again}");

    stack.restart("redis-1").await.unwrap();
    assert_eq!(ping(&url).await.unwrap(), "PONG");
    assert_ne!(stack.pid("redis-1").await.unwrap(), pid);
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let value: Option<i64> = redis::cmd("GET").arg("k").query_async(&mut connection).await.unwrap();
    assert_eq!(value, None);
    stack.stop().await.unwrap();
    assert!(is_empty(temp.path()));
}

#[tokio::test]
async fn a_paused_postgres_stays_silent_with_all_its_backends_until_resumed() {
    let temp = temp_parent();
    let stack = Stack::start(spec(temp.path())).await.unwrap();
    let mut connection = database(&stack).await;
    stack.pause("postgres").await.unwrap();
    assert_eq!(stack.state("postgres").await.unwrap(), Some('T'));
    assert!(stack.is_alive("postgres").await.unwrap());
    {
        let query = sqlx::query("select 1").execute(&mut connection);
        let mut query = std::pin::pin!(query);
        timeout(Duration::from_millis(300), &mut query).await.unwrap_err();
        stack.resume("postgres").await.unwrap();
        timeout(Duration::from_secs(5), query).await.unwrap().unwrap();
    }
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_postgres_keeps_what_was_committed() {
    let temp = temp_parent();
    let stack = Stack::start(spec(temp.path())).await.unwrap();
    let mut connection = database(&stack).await;
    sqlx::query("create table t as select 7 as n").execute(&mut connection).await.unwrap();
    assert_eq!(stack.kill("postgres").await.unwrap().signal(), Some(9));
    sqlx::query("select 1").execute(&mut connection).await.unwrap_err();
    stack.restart("postgres").await.unwrap();
    let mut connection = database(&stack).await;
    let (n,): (i32,) = sqlx::query_as("select n from t").fetch_one(&mut connection).await.unwrap();
    assert_eq!(n, 7);
    stack.stop().await.unwrap();
    assert!(is_empty(temp.path()));
}

#[tokio::test]
async fn a_stack_whose_postgres_is_paused_or_dead_is_stopped_all_the_same() {
    for end in ["pause", "kill"] {
        let temp = temp_parent();
        let stack = Stack::start(spec(temp.path())).await.unwrap();
        let _connection = database(&stack).await;
        let family = family(&stack);
        match end {
            "pause" => stack.pause("postgres").await.unwrap(),
            _ => drop(stack.kill("postgres").await.unwrap()),
        }
        let segment = postgres::shared_memory_id(stack.dir()).unwrap();
        assert!(has_segment(segment));
        stack.stop().await.unwrap();
        assert!(!has_segment(segment), "after {end}");
        assert!(is_empty(temp.path()), "after {end}");
        assert!(!family.into_iter().any(is_running), "after {end}");
    }
}

#[tokio::test]
async fn a_killed_guard_is_replaced_by_the_one_who_stops() {
    let temp = temp_parent();
    let stack = Stack::start(spec(temp.path())).await.unwrap();
    let family = family(&stack);
    kill_process(stack.guard_pid(), Signal::KILL).unwrap();
    stack.stop().await.unwrap();
    assert!(is_empty(temp.path()));
    assert!(!family.into_iter().any(is_running));
}

#[tokio::test]
async fn a_dropped_stack_is_taken_down_by_its_guard() {
    let temp = temp_parent();
    let stack = Stack::start(spec(temp.path())).await.unwrap();
    let family = family(&stack);
    drop(stack);
    let deadline = Instant::now() + Duration::from_secs(5);
    while !is_empty(temp.path()) || family.iter().any(|pid| is_running(*pid)) {
        assert!(Instant::now() < deadline, "still there after five seconds");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_kept_stack_lives_until_its_guard_is_told() {
    let temp = temp_parent();
    let stack = Stack::start(spec(temp.path())).await.unwrap();
    let (url, guard) = (stack.redis_urls()[0].clone(), stack.guard_pid());
    stack.keep().await.unwrap();
    // Longer than a guard that did not understand would need.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ping(&url).await.unwrap(), "PONG");
    kill_process(guard, Signal::TERM).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !is_empty(temp.path()) {
        assert!(Instant::now() < deadline, "still there after five seconds");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_ends_early_is_quoted_and_its_name_is_free_again() {
    let temp = temp_parent();
    let mut stack = Stack::start(spec(temp.path())).await.unwrap();
    let server = ServerSpec {
        name: "server-1".to_owned(),
        strategy: "no-such-strategy".to_owned(),
        database_url: stack.database_url().to_owned(),
        redis_urls: stack.redis_urls().to_vec(),
        env: [("RUST_BACKTRACE".to_owned(), "0".to_owned())].into(),
    };
    for _ in 0..2 {
        let error = stack.start_server(server.clone()).await.unwrap_err().to_string();
        assert!(error.starts_with("server-1 ended early (exit status: 2): error: "), "{error}");
    }
    let bad_name = ServerSpec { name: "../x".to_owned(), ..server.clone() };
    let error = stack.start_server(bad_name).await.unwrap_err().to_string();
    assert!(error.contains("cannot name a server"), "{error}");
    let taken = ServerSpec { name: "postgres".to_owned(), ..server };
    let error = stack.start_server(taken).await.unwrap_err().to_string();
    assert!(error.contains("has a postgres already"), "{error}");
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn given_stores_are_used_and_not_for_this_stack_to_break() {
    let temp = temp_parent();
    let owner = Stack::start(spec(temp.path())).await.unwrap();
    let guest = Stack::start(StackSpec {
        database_url: Some(owner.database_url().to_owned()),
        redis_urls: owner.redis_urls().to_vec(),
        ..spec(temp.path())
    });
    let guest = guest.await.unwrap();
    assert!(!guest.is_throwaway());
    assert_eq!(guest.database_url(), owner.database_url());
    assert!(guest.process_names().is_empty());
    for name in ["postgres", "redis-1"] {
        let error = guest.kill(name).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name} is external")), "{error}");
    }
    guest.stop().await.unwrap();
    assert_eq!(ping(&owner.redis_urls()[0]).await.unwrap(), "PONG");
    let error = owner.pause("redis-2").await.unwrap_err().to_string();
    assert_eq!(error, "the stack has no process redis-2; it has postgres, redis-1");
    owner.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_that_fails_leaves_nothing() {
    let temp = temp_parent();
    let unreachable = "postgres://bob:secret@127.0.0.1:1/x".to_owned();
    let started = Instant::now();
    let error = Stack::start(StackSpec { database_url: Some(unreachable), ..spec(temp.path()) });
    let message = format!("{:#}", error.await.unwrap_err());
    assert!(message.starts_with("DATABASE_URL postgres://bob:***@127.0.0.1:1/x cannot be reached"));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(is_empty(temp.path()));

    let error = Stack::start(StackSpec { redis_nodes: 2, ..spec(temp.path()) }).await.unwrap_err();
    assert_eq!(error.to_string(), "a stack has 1, 3 or 5 redis nodes, not 2");
    let nowhere = temp.path().join("nowhere");
    let error = format!("{:#}", Stack::start(spec(&nowhere)).await.unwrap_err());
    assert!(error.starts_with(&format!("cannot create a folder in {}", nowhere.display())));
}
