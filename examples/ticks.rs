//! A server written with `Task::tick`: sends each line back as it came.
//!
//! ```console
//! $ cargo run --release --example ticks
//! $ nc 127.0.0.1 7001
//! hello
//! hello
//! ```
//!
//! A task that ticks is a state machine in the open: it does what it can, and where a source answers `None` it
//! returns; having asked is what brings it back. Ctrl-C lets each send back the lines it has, and ends the program.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io;
use std::time::Duration;

use ekiden::channel::mpsc;
use ekiden::net::{TcpListener, TcpStream};
use ekiden::{Latch, Task, Tick, buffer, schedule, shutdown, timeout};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7001".to_owned());
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!("listening on {addr}; in another terminal: nc {} {}", addr.ip(), addr.port());
        serve(listener).await
    })
}

/// Serves until somebody asks the program to end.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let end = Latch::new();
    // Nothing is ever sent: the channel closes when the last of those is gone who have a sender.
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    // Nobody waits for its end, so the operator is told if it fails.
    drop(schedule(Listener { socket: listener, end: end.clone(), alive }));
    shutdown().await;
    end.open();
    // Whoever takes nothing is dropped then, and `run` tells of it.
    let _ = timeout(DRAIN_MAX, all_gone.recv()).await;
    Ok(())
}

/// As long as service managers wait before they kill.
const DRAIN_MAX: Duration = Duration::from_secs(30);

/// Accepts connections, and schedules a task for each. What accepting can meet besides is the socket's business.
struct Listener {
    socket: TcpListener,
    end: Latch,
    alive: mpsc::Sender<()>,
}

impl Task for Listener {
    fn tick(&mut self) -> io::Result<Tick> {
        if self.end.try_wait().is_some() {
            return Ok(Tick::Final);
        }
        while let Some((stream, _peer)) = self.socket.try_accept()? {
            schedule(Connection::new(stream, self.end.clone(), self.alive.clone()));
        }
        Ok(Tick::WouldBlock)
    }
}

/// One client: lines that came and have not been sent back yet.
struct Connection {
    stream: TcpStream,
    lines: Vec<u8>,
    /// How much of `lines` is whole lines; what is behind waits for its end.
    whole: usize,
    end: Latch,
    /// Kept for as long as the connection is there.
    _alive: mpsc::Sender<()>,
}

impl Connection {
    fn new(stream: TcpStream, end: Latch, alive: mpsc::Sender<()>) -> Self {
        Self { stream, lines: Vec::new(), whole: 0, end, _alive: alive }
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Only the first line can be too long: all behind it came by this one read.
        let first = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
        if self.lines.len() + first > LINE_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a line is longer than {LINE_MAX} bytes"),
            ));
        }
        let end = bytes.iter().rposition(|&byte| byte == b'\n');
        if let Some(end) = end {
            self.whole = self.lines.len() + end + 1;
        }
        self.lines.extend_from_slice(bytes);
        Ok(())
    }
}

impl Task for Connection {
    fn tick(&mut self) -> io::Result<Tick> {
        // A client that breaks off, or the rules, is its own business: nobody is told of it.
        Ok(self.echo().unwrap_or(Tick::Final))
    }
}

impl Connection {
    fn echo(&mut self) -> io::Result<Tick> {
        loop {
            while self.whole > 0 {
                let Some(n) = self.stream.try_write(&self.lines[..self.whole])? else {
                    return Ok(Tick::WouldBlock);
                };
                self.lines.drain(..n);
                self.whole -= n;
            }
            // What is owed has been sent.
            if self.end.try_wait().is_some() {
                return Ok(Tick::Final);
            }
            // Lent for the length of the call: a client that waits holds no buffer.
            let more = buffer::lend(|buf| match self.stream.try_read(buf)? {
                Some(n) => self.take(&buf[..n]).map(|()| Some(n)),
                None => Ok(None),
            });
            match more? {
                Some(0) => return Ok(Tick::Final),
                Some(_) => {}
                None => return Ok(Tick::WouldBlock),
            }
        }
    }
}

/// A client that never ends its line may not fill the memory. As much as one read brings.
const LINE_MAX: usize = 64 * 1024;
