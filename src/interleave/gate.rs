//! A proxy in front of PostgreSQL for one session: it holds back each statement until it is let go, and an answer, where it is told
//! to, until that is delivered. Knows the protocol's messages and no SQL; decides nothing.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::pgwire::{DECLINED, Message, Startup};

/// What a gate tells, and of which session.
#[derive(Debug)]
pub struct Signal {
    /// The session.
    pub session: usize,
    /// What happened.
    pub news: News,
}

/// What happened at a gate.
#[derive(Debug)]
pub enum News {
    /// A statement with this text waits for being let go.
    Asks(String),
    /// A statement was answered.
    Answered,
}

/// A gate.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _listener: JoinSet<()>,
}

/// Where a session's connection stands.
#[derive(Debug, Default)]
struct State {
    is_shut: bool,
    /// The waiting statement's way on, and the server process that it goes to.
    waiting: Option<(oneshot::Sender<()>, i32)>,
    /// Sent on and not answered yet.
    in_flight: bool,
    in_transaction: bool,
    /// Whether the answer to come is kept until it is delivered, and its way on once it has come.
    answer: Kept,
    /// The server process that the last statement went to.
    process: i32,
    /// Connections so far; the last one counts.
    connections: u64,
}

/// What becomes of an answer.
#[derive(Debug, Default)]
enum Kept {
    /// It is passed on.
    #[default]
    No,
    /// It will be kept.
    ToCome,
    /// It has come, and this is its way on.
    Here(oneshot::Sender<()>),
}

impl Kept {
    fn is_none(&self) -> bool {
        matches!(self, Self::No)
    }

    /// Passes on what has come; false where there is nothing.
    fn deliver(&mut self) -> bool {
        match std::mem::take(self) {
            Self::No | Self::ToCome => false,
            Self::Here(release) => release.send(()).is_ok(),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a connection needs of its gate.
#[derive(Clone)]
struct Ends {
    session: usize,
    state: Arc<Mutex<State>>,
    signals: mpsc::Sender<Signal>,
    rewrite: Rewrite,
}

/// Puts another text in a statement's place, where it has one.
pub type Rewrite = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

impl Gate {
    /// Opens a gate on a free loopback port, before the server at this address; it lets everything through until it is shut.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn open(
        session: usize,
        upstream: String,
        signals: mpsc::Sender<Signal>,
        rewrite: Rewrite,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port on 127.0.0.1 for a gate")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let ends = Ends { session, state: Arc::clone(&state), signals, rewrite };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, upstream, ends));
        Ok(Self { address, state, _listener: tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on every statement waits for being let go.
    pub fn shut(&self) {
        lock(&self.state).is_shut = true;
    }

    /// Lets everything through again, what waits first.
    pub fn let_through(&self) {
        let mut state = lock(&self.state);
        state.is_shut = false;
        if let Some((release, _)) = state.waiting.take() {
            release.send(()).ok();
        }
        state.answer.deliver();
    }

    /// Keeps the answer to the statement in flight until it is delivered.
    pub fn keep_answer(&self) {
        lock(&self.state).answer = Kept::ToCome;
    }

    /// Lets the kept answer go; false where there is none.
    pub fn deliver(&self) -> bool {
        lock(&self.state).answer.deliver()
    }

    /// Lets the waiting statement go; false where none waits.
    pub fn let_go(&self) -> bool {
        let mut state = lock(&self.state);
        let Some((release, process)) = state.waiting.take() else { return false };
        (state.in_flight, state.process) = (true, process);
        release.send(()).is_ok()
    }

    /// Whether a statement was sent on and is not answered.
    pub fn in_flight(&self) -> bool {
        lock(&self.state).in_flight
    }

    /// Whether the connection is in a transaction, or in the middle of a statement.
    pub fn is_busy(&self) -> bool {
        let state = lock(&self.state);
        state.in_transaction || state.in_flight || state.waiting.is_some()
    }

    /// The server process that the last statement went to.
    pub fn process(&self) -> i32 {
        lock(&self.state).process
    }
}

async fn accept(listener: TcpListener, upstream: String, ends: Ends) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(client, upstream.clone(), ends.clone()));
    }
}

/// One connection from its start to its end; a failure ends it, which both sides see.
async fn serve(client: TcpStream, upstream: String, ends: Ends) {
    let number = {
        let mut state = lock(&ends.state);
        state.connections += 1;
        state.connections
    };
    if let Err(error) = pass(client, &upstream, &ends).await {
        tracing::debug!(session = ends.session, %error, "a connection through a gate ended");
    }
    let mut state = lock(&ends.state);
    if state.connections == number {
        (state.in_flight, state.in_transaction, state.waiting) = (false, false, None);
        state.answer = Kept::No;
    }
}

async fn pass(mut client: TcpStream, upstream: &str, ends: &Ends) -> anyhow::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut startup = Startup::read(&mut client).await?;
    while startup.asks_for_encryption() {
        client.write_all(&[DECLINED]).await?;
        startup = Startup::read(&mut client).await?;
    }
    startup.write(&mut server).await?;
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let process = AtomicI32::default();
    tokio::select! {
        end = statements((from_client, to_server), ends, &process) => end,
        end = answers((from_server, to_client), ends, &process) => end,
    }
}

/// Whether a message belongs to a batch that is sent on as a whole, at the message that asks for an answer.
fn is_of_batch(message: &Message) -> bool {
    matches!(message.kind, b'P' | b'B' | b'D' | b'E' | b'C' | b'S' | b'H' | b'Q')
}

async fn statements(
    (from, to): (OwnedReadHalf, OwnedWriteHalf),
    ends: &Ends,
    process: &AtomicI32,
) -> anyhow::Result<()> {
    let (mut from, mut to) = (BufReader::new(from), BufWriter::new(to));
    let mut prepared: HashMap<String, String> = HashMap::new();
    let mut batch = Vec::new();
    let mut text = None;
    while let Some(message) = Message::read(&mut from).await? {
        if !is_of_batch(&message) {
            message.write(&mut to).await?;
            to.flush().await?;
            continue;
        }
        let message = rewritten(message, &ends.rewrite, &mut prepared);
        if message.kind == b'Q' {
            text = message.sql().map(str::to_owned);
        } else if message.kind == b'B' {
            text = message.statement_name().and_then(|name| prepared.get(name)).cloned();
        }
        let awaits_answer = message.awaits_answer();
        batch.push(message);
        if !awaits_answer {
            continue;
        }
        if batch.iter().any(Message::runs_something) {
            wait(ends, process, text.take().unwrap_or_default()).await?;
        }
        for message in batch.drain(..) {
            message.write(&mut to).await?;
        }
        to.flush().await?;
    }
    Ok(())
}

/// The message with its statement's text rewritten; the text as it was is kept under the statement's name.
fn rewritten(
    message: Message,
    rewrite: &Rewrite,
    prepared: &mut HashMap<String, String>,
) -> Message {
    let Some(sql) = message.sql().map(str::to_owned) else { return message };
    if let (b'P', Some(name)) = (message.kind, message.statement_name()) {
        prepared.insert(name.to_owned(), sql.clone());
    }
    match rewrite(&sql) {
        Some(other) => message.with_sql(&other),
        None => message,
    }
}

/// Waits until the statement is let go, where the gate is shut.
async fn wait(ends: &Ends, process: &AtomicI32, text: String) -> anyhow::Result<()> {
    let (release, released) = oneshot::channel();
    {
        let mut state = lock(&ends.state);
        if !state.is_shut {
            state.in_flight = true;
            return Ok(());
        }
        state.waiting = Some((release, process.load(Ordering::Relaxed)));
    }
    let signal = Signal { session: ends.session, news: News::Asks(text) };
    ends.signals.send(signal).await.context("nobody listens to the gate any more")?;
    released.await.context("the gate is gone")
}

async fn answers(
    (from, to): (OwnedReadHalf, OwnedWriteHalf),
    ends: &Ends,
    process: &AtomicI32,
) -> anyhow::Result<()> {
    let (mut from, mut to) = (BufReader::new(from), BufWriter::new(to));
    let mut kept = Vec::new();
    while let Some(message) = Message::read(&mut from).await? {
        if let Some(backend) = message.backend_pid() {
            process.store(backend, Ordering::Relaxed);
        }
        let Some(status) = message.transaction_status() else {
            kept.push(message);
            if lock(&ends.state).answer.is_none() && from.buffer().is_empty() {
                write_all(&mut kept, &mut to).await?;
            }
            continue;
        };
        kept.push(message);
        let (is_end_of_step, delivered) = lock(&ends.state).end_of_answer(status);
        // Told before the client knows, who may ask again at once.
        if is_end_of_step {
            let signal = Signal { session: ends.session, news: News::Answered };
            ends.signals.send(signal).await.context("nobody listens to the gate any more")?;
        }
        if let Some(delivered) = delivered {
            delivered.await.context("the gate is gone")?;
        }
        write_all(&mut kept, &mut to).await?;
    }
    Ok(())
}

async fn write_all(
    messages: &mut Vec<Message>,
    to: &mut BufWriter<OwnedWriteHalf>,
) -> anyhow::Result<()> {
    for message in messages.drain(..) {
        message.write(to).await?;
    }
    Ok(to.flush().await?)
}

impl State {
    /// Takes in that a statement was answered: whether it was a step, and what to wait for before that is told.
    fn end_of_answer(&mut self, status: u8) -> (bool, Option<oneshot::Receiver<()>>) {
        self.in_transaction = status != b'I';
        let is_step = self.in_flight && self.is_shut;
        self.in_flight = false;
        let delivered = (is_step && !self.answer.is_none()).then(|| {
            let (release, delivered) = oneshot::channel();
            self.answer = Kept::Here(release);
            delivered
        });
        (is_step, delivered)
    }
}
