//! The two ends of a measured connection: threads with blocking sockets, so that only the wake-ups of what is between them
//! count; knows nothing of what that is.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Longest wait for any one read or write.
const STUCK: Duration = Duration::from_secs(30);
/// Size of the reads and writes where only throughput counts.
const BLOCK: usize = 128 * 1024;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// What the client's first byte asks the upstream to do.
const ECHO: u8 = b'e';
const COUNT: u8 = b'c';
const FLOOD: u8 = b'f';

/// An upstream that serves any number of connections, each on a thread of its own, until the process ends.
pub struct Upstream {
    address: SocketAddr,
}

impl Upstream {
    pub fn start() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        // The standard library's backlog is too short for thousands of connections at once.
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from(socket);
        let address = socket.local_addr()?;
        std::thread::Builder::new()
            .name("bench-upstream".to_owned())
            .spawn(move || socket.incoming().flatten().for_each(serve_on_its_own))?;
        Ok(Self { address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve_on_its_own(client: TcpStream) {
    let serving = std::thread::Builder::new().stack_size(64 * 1024).spawn(|| serve(client));
    if let Err(error) = serving {
        tracing::warn!(%error, "no thread for another connection");
    }
}

fn serve(mut client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut task = [0];
    client.read_exact(&mut task)?;
    match task[0] {
        COUNT => count(&mut client),
        FLOOD => flood(&mut client),
        _ => echo(&mut client),
    }
}

/// Sends all it can, and never reads.
fn flood(client: &mut TcpStream) -> io::Result<()> {
    client.set_write_timeout(None)?;
    let block = vec![0; BLOCK];
    loop {
        client.write_all(&block)?;
    }
}

fn echo(client: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 256];
    loop {
        let len = client.read(&mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        client.write_all(&buffer[..len])?;
    }
}

/// Reads as many bytes as the first eight say. Answers with how many came after the first read, and in how many
/// nanoseconds: so a delay that all data has counts for nothing.
fn count(client: &mut TcpStream) -> io::Result<()> {
    let mut len = [0; 8];
    client.read_exact(&mut len)?;
    let mut left = u64::from_le_bytes(len);
    let mut buffer = vec![0; BLOCK];
    let mut first = None;
    while left > 0 {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left = left.saturating_sub(read as u64);
        first.get_or_insert_with(|| (Instant::now(), left));
    }
    let (start, counted) = first.unwrap_or_else(|| (Instant::now(), 0));
    let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    client.write_all(&counted.to_le_bytes())?;
    client.write_all(&nanoseconds.to_le_bytes())
}

/// A connection whose bytes come back.
pub struct Echoed(TcpStream);

impl Echoed {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        connect(address, ECHO).map(Self)
    }

    /// Sends single bytes, each `pause` after the one before is back; returns how long each took. One more goes ahead
    /// unmeasured.
    pub fn round_trips(&mut self, count: usize, pause: Duration) -> io::Result<Vec<Duration>> {
        self.round_trip()?;
        let paused = |_| {
            rest(pause);
            self.round_trip()
        };
        (0..count).map(paused).collect()
    }

    fn round_trip(&mut self) -> io::Result<Duration> {
        let start = Instant::now();
        self.0.write_all(&[1])?;
        self.0.read_exact(&mut [0])?;
        Ok(start.elapsed())
    }
}

/// Round trips a second on so many connections at the same time, each with a thread and `count` of them.
#[expect(clippy::cast_precision_loss, reason = "a rate to show")]
pub fn round_trip_rate(address: SocketAddr, connections: usize, count: usize) -> io::Result<f64> {
    let open = |_| Echoed::connect(address);
    let open = (0..connections).map(open).collect::<io::Result<Vec<_>>>()?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let one = |mut connection: Echoed| {
            scope.spawn(move || connection.round_trips(count, Duration::ZERO).map(drop))
        };
        let threads: Vec<_> = open.into_iter().map(one).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_panic| Err(io::Error::other("a client panicked")))
        })
    })?;
    Ok((connections * count) as f64 / start.elapsed().as_secs_f64())
}

/// A connection on which both ends send all they can, and neither reads.
pub struct Flooded(TcpStream);

impl Flooded {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = connect(address, FLOOD)?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }

    /// Sends what the socket takes now; returns how many bytes that was.
    pub fn push(&mut self, block: &[u8]) -> io::Result<usize> {
        match self.0.write(block) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            result => result,
        }
    }
}

/// Has both ends of all connections send until `deadline`; gives the connections back.
pub fn flood_until(deadline: Instant, mut connections: Vec<Flooded>) -> io::Result<Vec<Flooded>> {
    let block = vec![0; BLOCK];
    while Instant::now() < deadline {
        let mut pushed = 0;
        for connection in &mut connections {
            pushed += connection.push(&block)?;
        }
        if pushed == 0 {
            rest(Duration::from_millis(10));
        }
    }
    Ok(connections)
}

/// Sends `len` bytes on a connection of their own; returns the bytes per second at which they arrived.
#[expect(clippy::cast_precision_loss, reason = "a rate to show")]
pub fn send_rate(address: SocketAddr, len: u64) -> io::Result<f64> {
    let mut stream = connect(address, COUNT)?;
    stream.write_all(&len.to_le_bytes())?;
    let block = vec![0; BLOCK];
    let mut left = len;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        stream.write_all(&block[..size])?;
        left -= size as u64;
    }
    let [mut counted, mut nanoseconds] = [[0; 8]; 2];
    stream.read_exact(&mut counted)?;
    stream.read_exact(&mut nanoseconds)?;
    let took = Duration::from_nanos(u64::from_le_bytes(nanoseconds));
    Ok(u64::from_le_bytes(counted) as f64 / took.as_secs_f64())
}

fn connect(address: SocketAddr, task: u8) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STUCK))?;
    stream.set_write_timeout(Some(STUCK))?;
    stream.write_all(&[task])?;
    Ok(stream)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a thread of its own, not one of the runtime's"
)]
fn rest(pause: Duration) {
    if !pause.is_zero() {
        std::thread::sleep(pause);
    }
}
