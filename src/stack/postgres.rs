//! A private PostgreSQL cluster: created, started, and given one empty database with the marker of a throwaway.
//! Knows nothing of the tables that come later.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::process::Command;
use tokio::time::timeout;

use super::binaries;
use super::log;
use super::process::{Process, Recipe};
use super::process_group::ProcessGroup;
use super::readiness::Readiness;
use super::secret::random_secret;
use super::user::{self, User};

/// The name of its process.
pub const NAME: &str = "postgres";
const ROLE: &str = "ticketctl";
const DATABASE: &str = "ticketctl";
/// Databases with this table may be broken on purpose, and nobody misses them.
const MARKER: &str = "create table throwaway_stack (created_at timestamptz not null default now())";

const INITDB_WITHIN: Duration = Duration::from_mins(1);
const READY_WITHIN: Duration = Duration::from_secs(30);
const IPCRM_WITHIN: Duration = Duration::from_secs(1);

/// Durability stays as PostgreSQL ships it: `fsync` and `synchronous_commit` are on. Nobody writes the log in the background, so that
/// what a transaction did not flush itself is lost when PostgreSQL is killed. `mmap` keeps all dynamic shared
/// memory in the data folder, so that it goes when the folder goes.
const SETTINGS: [&str; 11] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "shared_buffers=128MB",
    "dynamic_shared_memory_type=mmap",
    "logging_collector=off",
    "log_destination=stderr",
    "log_line_prefix=%m [%p] ",
    "log_lock_waits=on",
    "deadlock_timeout=1s",
    "wal_writer_delay=10s",
];

/// Creates and starts the cluster; returns its process and the URL of its database.
///
/// # Errors
/// A program fails; the line that tells the cause is quoted.
pub async fn start(
    group: &ProcessGroup,
    programs: &binaries::Postgres,
) -> anyhow::Result<(Process, String)> {
    let user = user::for_postgres()?;
    let password = random_secret();
    let data = create_cluster(group, programs, user.as_ref(), &password).await?;
    let url = |port: u16, database: &str| {
        format!("postgres://{ROLE}:{password}@127.0.0.1:{port}/{database}")
    };
    let recipe = |port: u16| Recipe {
        name: NAME.to_owned(),
        program: programs.server.clone(),
        args: arguments(&data, port),
        env: BTreeMap::new(),
        user: user.clone(),
        folder: data.clone(),
        log: group.log(NAME),
        readiness: Readiness::Postgres(url(port, "postgres")),
        ready_within: READY_WITHIN,
    };
    let (process, port) = Process::start_on_free_port(group.id, recipe).await?;
    create_database(&url(port, "postgres"), DATABASE, None)
        .await
        .context("cannot create the stack's database")?;
    mark(&url(port, DATABASE)).await.context("cannot mark the stack's database")?;
    Ok((process, url(port, DATABASE)))
}

/// The cluster's folder within the stack's; its parent belongs to the cluster's user.
pub fn data_folder(stack: &Path) -> PathBuf {
    stack.join(NAME).join("data")
}

/// Gives back the shared memory segment of a postmaster that was killed and so could not do it itself.
///
/// It holds 56 bytes, but the system has only a few thousand segments and keeps each until it starts anew.
pub async fn release_shared_memory(stack: &Path) {
    let Some(id) = shared_memory_id(stack) else { return };
    let command = Command::new("ipcrm")
        .args(["-m", &id.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    // Where there is no ipcrm nothing can be done, and nothing is wrong enough to say so.
    timeout(IPCRM_WITHIN, command).await.ok();
}

/// From the seventh line of `postmaster.pid`, key and id; an orderly shutdown removes the file.
pub fn shared_memory_id(stack: &Path) -> Option<u32> {
    let lines = fs::read_to_string(data_folder(stack).join("postmaster.pid")).ok()?;
    lines.lines().nth(6)?.split_whitespace().nth(1)?.parse().ok()
}

async fn create_cluster(
    group: &ProcessGroup,
    programs: &binaries::Postgres,
    user: Option<&User>,
    password: &str,
) -> anyhow::Result<PathBuf> {
    let data = data_folder(&group.folder);
    let home = group.folder.join(NAME);
    let password_file = home.join("password");
    fs::create_dir(&home)
        .and_then(|()| fs::set_permissions(&home, Permissions::from_mode(0o700)))
        .and_then(|()| fs::write(&password_file, password))
        .with_context(|| format!("cannot write to {}", home.display()))?;
    if let Some(user) = user {
        for path in [&home, &password_file] {
            chown(path, Some(user.uid), Some(user.gid))
                .with_context(|| format!("cannot give {} to {}", path.display(), user.name))?;
        }
        if let Some(closed) = group.folder.parent().and_then(user::closed_folder) {
            anyhow::bail!(
                "user {}, whom postgresql runs as, may not pass through {}; set TMPDIR to a folder open to all, such as /tmp",
                user.name,
                closed.display()
            );
        }
    }
    let recipe = Recipe {
        name: "initdb".to_owned(),
        program: programs.initdb.clone(),
        args: initdb_arguments(&data, &password_file),
        env: BTreeMap::new(),
        user: user.cloned(),
        folder: home,
        log: group.log("initdb"),
        // It serves nothing; its end is what is waited for.
        readiness: Readiness::Postgres(String::new()),
        ready_within: INITDB_WITHIN,
    };
    run_to_end(&recipe, group).await?;
    fs::remove_file(&password_file)?;
    Ok(data)
}

async fn run_to_end(recipe: &Recipe, group: &ProcessGroup) -> anyhow::Result<()> {
    let mut child = recipe.command(group.id)?.spawn().context("cannot start initdb")?;
    let status = timeout(INITDB_WITHIN, child.wait())
        .await
        .with_context(|| format!("initdb did not end within {INITDB_WITHIN:?}"))??;
    let said = log::since(&recipe.log, 0);
    ensure!(status.success(), "initdb failed ({status}): {}", log::cause(&said));
    Ok(())
}

/// `--no-sync` leaves only the files of the empty cluster to the operating system's own pace; what is written to it
/// afterwards is synced.
fn initdb_arguments(data: &Path, password_file: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> =
        ["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=scram-sha-256", "--username", ROLE]
            .map(OsString::from)
            .to_vec();
    args.extend(["--pgdata".into(), data.into(), "--pwfile".into(), password_file.into()]);
    args
}

fn arguments(data: &Path, port: u16) -> Vec<OsString> {
    let mut args: Vec<OsString> =
        vec!["-D".into(), data.into(), "-p".into(), port.to_string().into()];
    args.extend(SETTINGS.iter().flat_map(|setting| [OsString::from("-c"), setting.into()]));
    args
}

/// Creates a database, as a copy of another one where a template is given, which nobody may use meanwhile.
pub async fn create_database(
    maintenance_url: &str,
    name: &str,
    template: Option<&str>,
) -> anyhow::Result<()> {
    let copied = template.map_or_else(String::new, |template| format!(" template \"{template}\""));
    run(maintenance_url, &[&format!("create database \"{name}\"{copied}")]).await
}

/// Drops a database, whoever uses it.
pub async fn drop_database(maintenance_url: &str, name: &str) -> anyhow::Result<()> {
    run(maintenance_url, &[&format!("drop database if exists \"{name}\" with (force)")]).await
}

/// Marks a database as a throwaway.
async fn mark(url: &str) -> anyhow::Result<()> {
    run(url, &[MARKER, "insert into throwaway_stack default values"]).await
}

async fn run(url: &str, statements: &[&str]) -> anyhow::Result<()> {
    let mut connection = url.parse::<PgConnectOptions>()?.connect().await?;
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await?;
    }
    connection.close().await?;
    Ok(())
}
