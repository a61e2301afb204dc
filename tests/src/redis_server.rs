//! A redis-server of the test's own: empty, kept in memory, on loopback and on a Unix socket.
//!
//! It cannot be asked to listen on any free port, so it is told one that was free a moment ago; if somebody else was
//! quicker, another is tried. It is ready when it says so.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::{Program, Scratch, free_addr};

/// A running redis-server.
#[derive(Debug)]
pub struct RedisServer {
    /// `None` while it is away.
    program: Option<Program>,
    addr: SocketAddr,
    options: Vec<String>,
    folder: Scratch,
}

impl RedisServer {
    /// Starts one with these options, as `["--requirepass", "secret"]`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[track_caller]
    pub fn start(options: &[&str]) -> Self {
        // Losing the race for a port ten times in a row is no accident.
        let started = (0..10).find_map(|_| Self::try_start(free_addr(), options));
        started.expect("redis-server found every port taken")
    }

    #[track_caller]
    fn try_start(addr: SocketAddr, options: &[&str]) -> Option<Self> {
        let options = options.iter().map(ToString::to_string).collect();
        let mut server = Self { program: None, addr, options, folder: Scratch::new() };
        server.try_restart().then_some(server)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The path of its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Kills it, as a crash would: what it had not sent is lost, and nobody listens any more.
    pub fn kill(&mut self) {
        self.program = None;
    }

    /// Starts it anew, empty, where it was.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.try_restart(), "somebody took the port meanwhile");
    }

    /// Its process id.
    ///
    /// # Panics
    ///
    /// If it was killed.
    #[track_caller]
    pub fn program(&self) -> &Program {
        self.program.as_ref().expect("it is there")
    }

    /// Whether its port was free.
    #[track_caller]
    fn try_restart(&mut self) -> bool {
        let (port, socket) = (self.addr.port().to_string(), self.socket().display().to_string());
        let folder = self.folder.path().display().to_string();
        let fixed = [
            ["--bind", "127.0.0.1"],
            ["--port", &port],
            ["--unixsocket", &socket],
            ["--dir", &folder],
            ["--save", ""],
            ["--appendonly", "no"],
        ];
        let mut program = Program::start(
            "redis-server",
            fixed.concat().into_iter().chain(self.options.iter().map(|o| &o[..])),
        );
        let is_up = |line: &str| line.contains("Ready to accept connections").then_some(true);
        let is_taken = |line: &str| line.contains("Address already in use").then_some(false);
        let is_up = program.wait_for(|line| is_up(line).or(is_taken(line)));
        self.program = is_up.then_some(program);
        is_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output;

    fn ask(server: &RedisServer, words: &[&str]) -> String {
        let port = server.addr().port().to_string();
        let answer = output("redis-cli", ["-p", &port].iter().chain(words));
        String::from_utf8_lossy(&answer.stdout).trim_end().to_owned()
    }

    #[test]
    fn it_answers_at_once_and_comes_back_empty() {
        let mut server = RedisServer::start(&[]);
        assert_eq!(ask(&server, &["SET", "a", "1"]), "OK");
        server.restart();
        assert_eq!(ask(&server, &["EXISTS", "a"]), "0");
    }

    #[test]
    fn a_port_that_is_taken_is_noticed() {
        let server = RedisServer::start(&[]);
        assert!(RedisServer::try_start(server.addr(), &[]).is_none());
    }
}
