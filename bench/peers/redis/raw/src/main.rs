//! The limit of a redis client, by hand: `redis-raw client ADDR SCENARIO N`, or `redis-raw list`.
//!
//! It knows how long each reply is. As many commands are on their way at any time as the others have tasks: one read
//! brings as many replies as there are, and one write sends as many commands again. Before it sleeps it asks for up to
//! 50 µs, as ekiden's reactor does, so that the two differ in what they do and not in how they wait.
#![forbid(unsafe_code)]

use std::error::Error;
use std::hint::spin_loop;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use calls::{Begun, Redis};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const SPIN_MAX: Duration = Duration::from_micros(50);

fn main() -> Result<()> {
    let Some(redis) = Redis::from_args()? else { return Ok(()) };
    let (key, value) = (Redis::KEY, Redis::VALUE);
    let set = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n", key.len(), value.len());
    let get = format!("*2\r\n$3\r\nGET\r\n${}\r\n{key}\r\n", key.len());
    let got = format!("${}\r\n{value}\r\n", value.len());

    let mut stream = TcpStream::connect(&redis.addr)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    exchange(&mut stream, &set, "+OK\r\n", 1, 1)?;
    let (command, reply) = if redis.set { (set, "+OK\r\n") } else { (get, &got[..]) };
    exchange(&mut stream, &command, reply, redis.calls / 10, redis.tasks)?;
    let begun = Begun::now();
    exchange(&mut stream, &command, reply, redis.calls, redis.tasks)?;
    begun.print(redis.scenario, redis.calls);
    Ok(())
}

fn exchange(stream: &mut TcpStream, command: &str, reply: &str, n: u64, tasks: u64) -> Result<()> {
    let commands = command.repeat(tasks as usize);
    let mut replies = vec![0; reply.len() * tasks as usize];
    // What has come of a reply that is not complete stays in front.
    let mut begun = 0;
    let (mut sent, mut received) = (n.min(tasks), 0);
    stream.write_all(&commands.as_bytes()[..sent as usize * command.len()])?;
    while received < n {
        let count = read(stream, &mut replies[begun..])?;
        if count == 0 {
            return Err("the server hung up".into());
        }
        let length = begun + count;
        let complete = length / reply.len();
        for came in replies[..length].chunks_exact(reply.len()) {
            if came != reply.as_bytes() {
                return Err(format!("an unexpected reply: {}", came.escape_ascii()).into());
            }
        }
        begun = length % reply.len();
        replies.copy_within(length - begun..length, 0);
        received += complete as u64;
        let free = (complete as u64).min(n - sent);
        stream.write_all(&commands.as_bytes()[..free as usize * command.len()])?;
        sent += free;
    }
    Ok(())
}

/// The stream does not block: no write waits either, as the system has room for more than all that is ever on its way.
fn read(stream: &mut TcpStream, into: &mut [u8]) -> Result<usize> {
    let begun = Instant::now();
    loop {
        match stream.read(into) {
            Err(e) if e.kind() == ErrorKind::WouldBlock && begun.elapsed() < SPIN_MAX => spin_loop(),
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            read => return Ok(read?),
        }
    }
    stream.set_nonblocking(false)?;
    let count = stream.read(into)?;
    stream.set_nonblocking(true)?;
    Ok(count)
}
