//! An nginx of the test's own: one process, a configuration from a string, all its files in a scratch folder.
//!
//! It cannot be asked to listen on any free port, so it is told one that was free a moment ago; if somebody else was
//! quicker, another is tried. It is ready when it says with which limits it runs, which it does once it listens.

use std::net::SocketAddr;

use crate::{Program, Scratch, free_addr};

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    program: Program,
    addr: SocketAddr,
    folder: Scratch,
}

/// What one request left in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// nginx's number of the connection on which it came.
    pub connection: u64,
    /// What was answered.
    pub status: u16,
    /// The request line.
    pub request: String,
}

impl Nginx {
    /// Starts one with these directives in its `http` block and these in its `server` block.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[track_caller]
    pub fn start(http: &str, server: &str) -> Self {
        // Losing the race for a port ten times in a row is no accident.
        let started = (0..10).find_map(|_| Self::try_start(free_addr(), http, server));
        started.expect("nginx found every port taken")
    }

    /// `None` if its port was taken meanwhile.
    #[track_caller]
    fn try_start(addr: SocketAddr, http: &str, server: &str) -> Option<Self> {
        let folder = Scratch::new();
        let path = folder.path().display().to_string();
        let config = folder.write("nginx.conf", config(&path, addr, http, server)).display().to_string();
        let mut program = Program::start("nginx", ["-c", &config, "-p", &path, "-e", "stderr"]);
        let is_up = |line: &str| line.contains("getrlimit(RLIMIT_NOFILE)").then_some(true);
        let is_taken = |line: &str| line.contains("Address already in use").then_some(false);
        let is_up = program.wait_for(|line| is_up(line).or(is_taken(line)));
        is_up.then_some(Self { program, addr, folder })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A URL on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The folder from which it serves files.
    pub fn folder(&self) -> &Scratch {
        &self.folder
    }

    /// Lets it finish what it does, and returns its log: a request is logged after its answer was sent, so only the
    /// log of an nginx that has ended is whole.
    ///
    /// # Panics
    ///
    /// If it does not end as it should.
    #[track_caller]
    pub fn finish(mut self) -> Vec<Logged> {
        self.program.signal("QUIT");
        let status = self.program.wait_for_end();
        assert!(status.success(), "nginx ended with {status}. It said:\n{}", self.program.said());
        self.folder.read("access.log").lines().map(logged).collect()
    }
}

fn logged(line: &str) -> Logged {
    let mut words = line.splitn(3, ' ');
    let mut number = || {
        words
            .next()
            .expect("the format has three fields")
            .parse::<u64>()
            .expect("and the first two are numbers")
    };
    let (connection, status) = (number(), number());
    let request = words.next().unwrap_or_default().into();
    Logged { connection, status: u16::try_from(status).expect("a status has three digits"), request }
}

fn config(at: &str, addr: SocketAddr, http: &str, server: &str) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary: String =
        temporary.iter().map(|name| format!("    {name}_temp_path {at}/{name};\n")).collect();
    format!(
        "daemon off;
master_process off;
pid {at}/nginx.pid;
error_log stderr notice;
events {{
    worker_connections 512;
}}
http {{
    log_format short '$connection $status $request';
    access_log {at}/access.log short;
    # However many requests a test sends on a connection, it is for the test to end it.
    keepalive_requests 1000000;
{temporary}
    {http}
    server {{
        listen {addr};
        root {at};
        {server}
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curl;

    #[test]
    fn it_serves_at_once_and_logs_what_it_served() {
        let nginx = Nginx::start("", "location = /moved { return 301 /here; }");
        nginx.folder().write("a.txt", "content of a");
        let fetched = curl(&[&nginx.url("/a.txt"), &nginx.url("/moved")]);
        assert!(fetched.starts_with("content of a"), "{fetched}");
        let log = nginx.finish();
        let [first, second] = &log[..] else { panic!("two requests, and the log has {log:?}") };
        assert_eq!((first.status, &*first.request), (200, "GET /a.txt HTTP/1.1"));
        assert_eq!((second.status, second.connection), (301, first.connection), "curl keeps its connection");
    }

    #[test]
    fn a_port_that_is_taken_is_noticed() {
        let nginx = Nginx::start("", "");
        assert!(Nginx::try_start(nginx.addr(), "", "").is_none());
    }

    #[test]
    fn two_connections_are_told_apart() {
        let nginx = Nginx::start("", "location / { return 204; }");
        for _ in 0..2 {
            curl(&[&nginx.url("/")]);
        }
        let log = nginx.finish();
        assert!(log.len() == 2 && log[0].connection != log[1].connection, "{log:?}");
    }
}
