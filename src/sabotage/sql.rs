//! A proxy between a server and its PostgreSQL that changes statements on their way. Knows no bug, and nothing of what the
//! statements are for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::pgwire::{self, Message, Startup};

/// A part of a statement that is another. Statements are compared without comments, and with single spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite {
    /// What only this statement has.
    pub within: &'static str,
    /// The part, once in the statement.
    pub find: &'static str,
    /// What stands there instead.
    pub replace: &'static str,
}

impl Rewrite {
    /// The statement as it is then; none where it is another statement.
    pub fn apply(&self, statement: &str) -> Option<String> {
        (statement.contains(self.within) && statement.contains(self.find))
            .then(|| statement.replace(self.find, self.replace))
    }
}

/// What is changed on the way.
#[derive(Debug, Default)]
pub struct Changes {
    /// Statements.
    pub rewrites: Vec<Rewrite>,
    /// One in so many commits is a rollback; none where absent.
    pub roll_back_one_in: Option<u64>,
    commits: AtomicU64,
}

impl Changes {
    /// Changes of these statements, and of one in so many commits.
    pub fn new(rewrites: Vec<Rewrite>, roll_back_one_in: Option<u64>) -> Self {
        Self { rewrites, roll_back_one_in, commits: AtomicU64::new(0) }
    }

    fn is_nothing(&self) -> bool {
        self.rewrites.is_empty() && self.roll_back_one_in.is_none()
    }

    fn changed(&self, message: Message) -> Message {
        let Some(sql) = message.sql() else { return message };
        if sql == "COMMIT" {
            let commit = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
            let is_lost = self.roll_back_one_in.is_some_and(|many| commit.is_multiple_of(many));
            return if is_lost { message.with_sql("ROLLBACK") } else { message };
        }
        let mut statement = squeezed(sql);
        let mut is_changed = false;
        for rewrite in &self.rewrites {
            if let Some(rewritten) = rewrite.apply(&statement) {
                (statement, is_changed) = (rewritten, true);
            }
        }
        if is_changed { message.with_sql(&statement) } else { message }
    }
}

/// The statement without comments, with single spaces between its words.
pub fn squeezed(sql: &str) -> String {
    let code = sql.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code));
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// A running proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    _accepting: JoinSet<()>,
}

/// Starts a proxy in front of `upstream` (`host:port`); none where there is nothing to change.
///
/// # Errors
/// No port is free.
pub async fn start(upstream: String, changes: Changes) -> io::Result<Option<Proxy>> {
    if changes.is_nothing() {
        return Ok(None);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let mut accepting = JoinSet::new();
    accepting.spawn(accept(listener, upstream, Arc::new(changes)));
    Ok(Some(Proxy { port, _accepting: accepting }))
}

async fn accept(listener: TcpListener, upstream: String, changes: Arc<Changes>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let (upstream, changes) = (upstream.clone(), Arc::clone(&changes));
                connections.spawn(async move {
                    if let Err(error) = serve(client, &upstream, &changes).await {
                        tracing::debug!(%error, "a connection through the rewriting proxy broke");
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection until either side ends it.
async fn serve(client: TcpStream, upstream: &str, changes: &Changes) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let mut from_client = BufReader::new(from_client);
    let mut startup = Startup::read(&mut from_client).await?;
    while startup.asks_for_encryption() {
        to_client.write_all(&[pgwire::DECLINED]).await?;
        startup = Startup::read(&mut from_client).await?;
    }
    let mut to_server = BufWriter::new(to_server);
    startup.write(&mut to_server).await?;
    to_server.flush().await?;
    tokio::select! {
        end = pass_on(from_client, to_server, changes) => end,
        end = tokio::io::copy(&mut from_server, &mut to_client) => end.map(drop),
    }
}

/// Passes messages on, changed; what came together goes together.
async fn pass_on(
    mut from: BufReader<impl AsyncRead + Unpin>,
    mut to: BufWriter<impl AsyncWrite + Unpin>,
    changes: &Changes,
) -> io::Result<()> {
    while let Some(message) = Message::read(&mut from).await? {
        changes.changed(message).write(&mut to).await?;
        if from.buffer().is_empty() {
            to.flush().await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::sabotage::{Way, all};

    /// Every statement that the program has, as it is compared.
    fn statements() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
        let text = |path: &Path| {
            let described: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            squeezed(described["query"].as_str().unwrap())
        };
        fs::read_dir(folder).unwrap().map(|entry| text(&entry.unwrap().path())).collect()
    }

    /// Parameters that a statement names.
    fn parameters(statement: &str) -> Vec<u32> {
        let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
        let mut all: Vec<u32> =
            statement.split('$').skip(1).filter_map(|rest| digits(rest).parse().ok()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn every_rewrite_matches_the_one_statement_that_it_is_meant_for_once() {
        let statements = statements();
        let ways = all().flat_map(|(_, bug)| bug.ways.iter().map(move |way| (bug, way)));
        for (bug, way) in ways {
            if let Way::Sql(rewrite) = way {
                let meant: Vec<&String> =
                    statements.iter().filter(|text| text.contains(rewrite.within)).collect();
                assert_eq!(meant.len(), 1, "{}: {:?} is in {meant:#?}", bug.name, rewrite.within);
                let times = meant[0].matches(rewrite.find).count();
                assert_eq!(times, 1, "{}: {:?} in {}", bug.name, rewrite.find, meant[0]);
                let changed = rewrite.apply(meant[0]).unwrap();
                assert_ne!(&changed, meant[0], "{}", bug.name);
                let lost = format!("{}: a parameter of {changed} is gone", bug.name);
                assert_eq!(parameters(&changed), parameters(meant[0]), "{lost}");
            }
        }
    }

    #[test]
    fn comments_and_line_breaks_are_no_part_of_a_statement() {
        assert_eq!(squeezed("select 1,\n   -- why\n   2"), "select 1, 2");
    }

    #[tokio::test]
    async fn one_in_so_many_commits_is_a_rollback_and_nothing_else_changes() {
        let changes = Changes::new(Vec::new(), Some(3));
        let mut sent = Vec::new();
        for sql in ["BEGIN", "COMMIT", "COMMIT", "select 1", "COMMIT", "COMMIT"] {
            let bytes = [
                &[b'Q'][..],
                &u32::try_from(sql.len() + 5).unwrap().to_be_bytes(),
                sql.as_bytes(),
                b"\0",
            ];
            let message = Message::read(&mut &bytes.concat()[..]).await.unwrap().unwrap();
            sent.push(changes.changed(message).sql().unwrap().to_owned());
        }
        assert_eq!(sent, ["BEGIN", "COMMIT", "COMMIT", "select 1", "ROLLBACK", "COMMIT"]);
    }
}
