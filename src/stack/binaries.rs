//! Finds the PostgreSQL and Redis programs of this machine and reads their versions.
//! Starts no server, and installs nothing: it says the command that does.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::fs::{Access, access};
use tokio::process::Command;
use tokio::time::timeout;

/// The oldest PostgreSQL that the stack runs on.
pub const POSTGRES_VERSION_MIN: u32 = 14;
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// Creates a cluster.
    pub initdb: PathBuf,
    /// Serves it.
    pub server: PathBuf,
    /// As the program says it, such as `15.14`.
    pub version: String,
}

/// A Redis, or a Valkey, server program.
#[derive(Debug, Clone)]
pub struct Redis {
    /// Serves one node.
    pub server: PathBuf,
    /// As the program says it, such as `7.0.15`.
    pub version: String,
}

/// Finds PostgreSQL: on PATH, then in the usual install places, the newest first.
///
/// # Errors
/// There is none, or none that is new enough.
pub async fn postgres() -> anyhow::Result<Postgres> {
    let mut folders = path_folders();
    folders.extend(postgres_folders());
    postgres_in(folders).await
}

async fn postgres_in(folders: Vec<PathBuf>) -> anyhow::Result<Postgres> {
    let mut too_old = None;
    for folder in folders {
        let (initdb, server) = (folder.join("initdb"), folder.join("postgres"));
        if !is_program(&initdb) || !is_program(&server) {
            continue;
        }
        let version = version_word(&server, |words| words.get(2).cloned()).await?;
        if major(&version) >= Some(POSTGRES_VERSION_MIN) {
            return Ok(Postgres { initdb, server, version });
        }
        too_old.get_or_insert((version, folder));
    }
    match too_old {
        Some((version, folder)) => bail!(
            "postgresql {version} in {} is too old, {POSTGRES_VERSION_MIN} or newer is needed; {}",
            folder.display(),
            how_to_install("postgresql")
        ),
        None => {
            bail!("postgresql (postgres and initdb) not found; {}", how_to_install("postgresql"))
        }
    }
}

/// Finds Redis: on PATH, then in the usual install places.
///
/// # Errors
/// There is none.
pub async fn redis() -> anyhow::Result<Redis> {
    let mut folders = path_folders();
    folders.extend(["/usr/local/bin", "/opt/homebrew/bin", "/usr/bin"].map(PathBuf::from));
    redis_in(&folders).await
}

async fn redis_in(folders: &[PathBuf]) -> anyhow::Result<Redis> {
    let server = folders
        .iter()
        .flat_map(|folder| [folder.join("redis-server"), folder.join("valkey-server")])
        .find(|program| is_program(program))
        .with_context(|| format!("redis-server not found; {}", how_to_install("redis")))?;
    let from_words =
        |words: &[String]| words.iter().find_map(|word| word.strip_prefix("v=").map(str::to_owned));
    let version = version_word(&server, from_words).await?;
    Ok(Redis { server, version })
}

/// The command that installs a package here, as part of a sentence. `package` is Debian's name.
pub fn how_to_install(package: &str) -> String {
    let has = |program: &str| path_folders().iter().any(|folder| is_program(&folder.join(program)));
    let command = match package {
        "postgresql" if has("brew") => "brew install postgresql@17".to_owned(),
        "postgresql" if has("dnf") => "sudo dnf install postgresql-server".to_owned(),
        "redis" if has("apt-get") => "sudo apt-get install redis-server".to_owned(),
        "redis" if has("brew") => "brew install redis".to_owned(),
        other if has("dnf") => format!("sudo dnf install {other}"),
        other => format!("sudo apt-get install {other}"),
    };
    format!("install it: script/setup, or: {command}")
}

fn path_folders() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// Debian keeps each version's programs off the PATH, Homebrew and the PostgreSQL packages for Red Hat as well.
fn postgres_folders() -> Vec<PathBuf> {
    let families = [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
    ];
    let mut found: Vec<(u32, PathBuf)> = families
        .iter()
        .filter_map(|(parent, prefix)| Some((fs::read_dir(parent).ok()?, prefix)))
        .flat_map(|(entries, prefix)| {
            entries.filter_map(Result::ok).map(move |entry| (entry, prefix))
        })
        .filter_map(|(entry, prefix)| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

async fn version_word(
    program: &Path,
    pick: impl Fn(&[String]) -> Option<String>,
) -> anyhow::Result<String> {
    let output =
        Command::new(program).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(ANSWER_WITHIN, output)
        .await
        .with_context(|| format!("{} --version did not end", program.display()))?
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "{} --version failed: {}", program.display(), output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    pick(&words).with_context(|| {
        format!("{} --version says {:?}, which names no version", program.display(), text.trim())
    })
}

/// `15.14` is 15, and so is `15beta1`.
fn major(version: &str) -> Option<u32> {
    let digits = version.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        assert_eq!(major("15.14"), Some(15));
        assert_eq!(major("18beta2"), Some(18));
        assert_eq!(major("devel"), None);
    }

    fn programs(names: &[&str], says: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    async fn postgres_error(folder: &Path) -> String {
        format!("{:#}", postgres_in(vec![folder.to_owned()]).await.unwrap_err())
    }

    #[tokio::test]
    async fn a_missing_program_is_named_with_the_command_that_installs_it() {
        // A client's installation has `postgres`'s neighbours but not initdb.
        let folder = programs(&["postgres", "psql"], "postgres (PostgreSQL) 15.1");
        let message = postgres_error(folder.path()).await;
        assert!(message.starts_with(
            "postgresql (postgres and initdb) not found; install it: script/setup, or: "
        ));
        let error = redis_in(&[folder.path().to_owned()]).await.unwrap_err();
        assert!(error.to_string().starts_with("redis-server not found; install it: script/setup"));
    }

    #[tokio::test]
    async fn a_version_too_old_is_told_from_none_and_does_not_hide_a_newer_one() {
        let old = programs(&["postgres", "initdb"], "postgres (PostgreSQL) 12.3 (Debian)");
        let message = postgres_error(old.path()).await;
        assert!(message.starts_with("postgresql 12.3 in "), "{message}");
        assert!(message.contains("is too old, 14 or newer is needed"), "{message}");
        let new = programs(&["postgres", "initdb"], "postgres (PostgreSQL) 16.0");
        let found = postgres_in(vec![old.path().to_owned(), new.path().to_owned()]).await.unwrap();
        assert_eq!(found.version, "16.0");
    }

    #[tokio::test]
    async fn a_program_that_names_no_version_is_an_error() {
        let folder = programs(&["postgres", "initdb"], "hello");
        assert!(postgres_error(folder.path()).await.contains("which names no version"));
    }

    #[tokio::test]
    async fn the_programs_of_this_machine_are_found() {
        assert!(major(&postgres().await.unwrap().version) >= Some(POSTGRES_VERSION_MIN));
        assert!(major(&redis().await.unwrap().version).is_some());
    }
}
