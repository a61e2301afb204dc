//! Connecting to names that stand for several addresses, in a world where a script says which of them answers when.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ekiden_reactor::driver::{ConnectOptions, OtherTcpStream, TcpStream as Stream, Token};
use ekiden_reactor::net::TcpStream;
use ekiden_reactor::{JoinHandle, spawn, timeout};

use crate::stand_in::{self, Stage, StandIn};

/// The attempts that are open, by the order in which they began.
type Open = Arc<Mutex<Attempts>>;

#[derive(Debug, Default)]
struct Attempts {
    begun: usize,
    open: BTreeMap<usize, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    addr: SocketAddr,
    token: Token,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    None,
    Stands,
    Refused,
}

#[derive(Debug)]
struct End(Open, usize);

impl End {
    fn answer(&self) -> Answer {
        self.0.lock().unwrap().open[&self.1].answer
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.lock().unwrap().open.remove(&self.1);
    }
}

impl OtherTcpStream for End {
    fn register(&mut self, _token: Token) -> io::Result<()> {
        Ok(())
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        let is_refused = self.answer() == Answer::Refused;
        Ok(is_refused.then(|| io::ErrorKind::ConnectionRefused.into()))
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.answer() {
            Answer::Stands => Ok(self.0.lock().unwrap().open[&self.1].addr),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn read(&self, _buf: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&self, _buf: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&self, _bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        Ok(())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_nodelay(&self, _nodelay: bool) -> io::Result<()> {
        Ok(())
    }

    fn nodelay(&self) -> io::Result<bool> {
        Ok(true)
    }
}

/// `s1` is an address of the sixth version, `v1` one of the fourth, `x1` too, but there is no way to it.
fn addr(name: &str) -> SocketAddr {
    let (family, number) = name.split_at(1);
    let number: u8 = number.parse().unwrap();
    match family {
        "s" => SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, number.into()], 80)),
        "v" => SocketAddr::from(([10, 0, 0, number], 80)),
        "x" => SocketAddr::from(([10, 9, 9, number], 80)),
        _ => unreachable!("a family of addresses: {family}"),
    }
}

fn world(names: &str) -> (StandIn, Open) {
    let open = Open::default();
    let attempts = open.clone();
    let mut world = StandIn::new();
    world.addrs = Some(names.split_whitespace().map(addr).collect());
    world.tcp_connect = Some(Box::new(move |addr, token| {
        let mut all = attempts.lock().unwrap();
        if addr.to_string().starts_with("10.9.9.") {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        all.begun += 1;
        let number = all.begun;
        all.open.insert(number, Attempt { addr, token, answer: Answer::None });
        Ok(Stream::Other(Box::new(End(attempts.clone(), number))))
    }));
    (world, open)
}

/// Connects to a name that stands for these addresses, and plays a line of a script after the other: `pass` are
/// milliseconds, `refuse` and `stand` are answers of an address. Then it is seen which attempts are open, in the order
/// in which they began, and what has come of it.
#[track_caller]
fn check(names: &'static str, script: &'static str) {
    let (world, open) = world(names);
    stand_in::run(world, async move |stage| {
        let mut connecting = spawn(TcpStream::connect("name:80"));
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (step, expected) = line.split_once(" => ").unwrap();
            play(step, &stage, &open).await;
            let seen = see(&open, &mut connecting).await;
            assert_eq!(seen, expected, "at `{step}` of {names}");
        }
    });
}

async fn play(step: &str, stage: &Stage, open: &Open) {
    match step.split_once(' ') {
        None => {}
        Some(("pass", millis)) => stage.clock.pass(Duration::from_millis(millis.parse().unwrap())).await,
        Some((what, name)) => {
            let mut attempts = open.lock().unwrap();
            let attempt = attempts.open.values_mut().find(|attempt| attempt.addr == addr(name)).unwrap();
            attempt.answer = if what == "stand" { Answer::Stands } else { Answer::Refused };
            stage.tell_of(attempt.token, false, true);
        }
    }
    stage.settle().await;
}

async fn see(open: &Open, connecting: &mut JoinHandle<io::Result<TcpStream>>) -> String {
    if !connecting.is_finished() {
        return trying(open);
    }
    match connecting.await.unwrap() {
        Ok(stream) => {
            // While it lives: the others are closed by now.
            let open = trying(open);
            drop(stream);
            format!("connected, {open}")
        }
        Err(error) => format!("{}{error}", trying(open)),
    }
}

fn trying(open: &Open) -> String {
    let attempts = open.lock().unwrap();
    let names = attempts.open.values().map(|attempt| match attempt.addr {
        SocketAddr::V6(addr) => format!("s{}", addr.ip().segments()[7]),
        SocketAddr::V4(addr) => format!("v{}", addr.ip().octets()[3]),
    });
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn an_address_that_hangs_is_left_behind_after_a_quarter_of_a_second() {
    check(
        "s1 s2 v1",
        "begin => s1
         pass 249 => s1
         pass 1 => s1 v1
         stand v1 => connected, v1",
    );
}

#[test]
fn the_one_that_was_slow_may_still_win() {
    check(
        "v1 v2 v3",
        "begin => v1
         pass 250 => v1 v2
         pass 250 => v1 v2 v3
         stand v1 => connected, v1",
    );
}

#[test]
fn an_address_that_refuses_makes_room_at_once() {
    check(
        "s1 v1 s2",
        "begin => s1
         pass 100 => s1
         refuse s1 => v1
         pass 249 => v1
         pass 1 => v1 s2
         refuse v1 => s2
         stand s2 => connected, s2",
    );
}

#[test]
fn an_address_without_a_way_costs_no_time() {
    check("x1 x2 v1", "begin => v1\n stand v1 => connected, v1");
}

#[test]
fn when_all_have_failed_the_error_names_them() {
    check(
        "s1 v1",
        "begin => s1
         pass 300 => s1 v1
         refuse v1 => s1
         refuse s1 => cannot connect to 10.0.0.1:80: connection refused, nor to [fd00::1]:80: connection refused",
    );
    check(
        "x1 v1",
        "begin => v1
         refuse v1 => cannot connect to 10.9.9.1:80: network unreachable, nor to 10.0.0.1:80: connection refused",
    );
}

#[test]
fn when_none_answers_it_goes_on_until_somebody_gives_up() {
    let (world, open) = world("s1 v1");
    stand_in::run(world, async move |stage| {
        let limited = spawn(timeout(Duration::from_secs(5), TcpStream::connect("name:80")));
        stage.settle().await;
        stage.clock.pass(Duration::from_millis(4999)).await;
        stage.settle().await;
        assert_eq!(trying(&open), "s1 v1");
        stage.clock.pass(Duration::from_millis(1)).await;
        limited.await.unwrap().unwrap_err();
        assert_eq!(trying(&open), "");
    });
}

#[test]
fn options_choose_the_delay_and_the_family() {
    let (world, open) = world("s1 v1");
    stand_in::run(world, async move |stage| {
        let mut options = ConnectOptions::default();
        options.attempt_delay = Duration::from_millis(40);
        let connecting = spawn(async move { TcpStream::connect_with("name:80", &options).await });
        stage.settle().await;
        stage.clock.pass(Duration::from_millis(40)).await;
        stage.settle().await;
        assert_eq!(trying(&open), "s1 v1");
        connecting.abort();
        stage.settle().await;
        let mut options = ConnectOptions::default();
        options.local_addr = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let error = TcpStream::connect_with(addr("s1"), &options).await.unwrap_err();
        assert_eq!(error.to_string(), "no address to connect to is of the family of 127.0.0.1:0");
    });
}
