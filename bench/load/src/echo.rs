//! Asks on all connections at once, and waits for each answer before it asks there again.

use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::connection::{Connection, Progress};
use crate::report::Report;
use crate::schedule::Schedule;
use crate::speech::Speech;

/// What to send, and for how long.
pub(crate) struct Echo {
    pub(crate) connections: usize,
    pub(crate) speech: Speech,
    pub(crate) warm_up: Duration,
    pub(crate) until: Until,
    /// Requests a second of all connections together; none is a closed loop.
    pub(crate) pace: Option<f64>,
    /// Whether to sleep until the next request is due, where the server needs every core. Else it spins, which is finer.
    pub(crate) sleeps: bool,
    /// Each so manyth connection asks for so much work, in microseconds, and is not in the report.
    pub(crate) heavy: Option<(usize, u32)>,
}

pub(crate) enum Until {
    Passed(Duration),
    Done(u64),
}

impl Default for Echo {
    fn default() -> Self {
        let until = Until::Passed(Duration::from_secs(1));
        Self {
            connections: 1,
            speech: Speech::Echo { bytes: 64 },
            warm_up: Duration::ZERO,
            until,
            pace: None,
            sleeps: false,
            heavy: None,
        }
    }
}

/// Runs to the end, and prints what came out.
pub(crate) fn run(addr: SocketAddr, echo: &Echo) -> Result<()> {
    let mut driver = Driver::connect(addr, echo)?;
    driver.begin_all()?;
    driver.run(Instant::now() + echo.warm_up)?;
    println!("measuring");
    driver.report = Report::begin();
    driver.run(match echo.until {
        Until::Passed(time) => Instant::now() + time,
        Until::Done(_) => Instant::now() + LONGEST,
    })?;
    println!("{}", driver.report.end());
    Ok(())
}

struct Driver {
    epoll: Epoll,
    connections: Vec<Connection>,
    schedule: Schedule,
    report: Report,
    request: Vec<u8>,
    heavy: Heavy,
    alarm: Option<TimerFd>,
    reply_bytes: usize,
    buf: Vec<u8>,
    /// How many requests may still begin.
    allowance: u64,
    in_flight: u64,
}

impl Driver {
    fn connect(addr: SocketAddr, echo: &Echo) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut connections = Vec::new();
        let alarm = match echo.sleeps {
            true => Some(TimerFd::new(
                ClockId::CLOCK_MONOTONIC,
                TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK,
            )?),
            false => None,
        };
        if let Some(alarm) = &alarm {
            epoll.add(alarm, EpollEvent::new(EpollFlags::EPOLLIN, ALARM))?;
        }
        for number in 0..echo.connections {
            let connection = Connection::open(addr)?;
            epoll.add(&connection.stream, event(EpollFlags::EPOLLIN, number))?;
            connections.push(connection);
        }
        Ok(Self {
            epoll,
            connections,
            schedule: Schedule::new(Instant::now(), echo.pace, echo.connections),
            report: Report::begin(),
            request: echo.speech.request(),
            heavy: echo.heavy.map(|(every, micros)| (every, echo.speech.heavy_request(micros))),
            alarm,
            reply_bytes: echo.speech.reply_bytes(addr)?,
            buf: vec![0; 64 * 1024],
            allowance: match echo.until {
                Until::Passed(_) => u64::MAX,
                Until::Done(requests) => requests,
            },
            in_flight: 0,
        })
    }

    fn begin_all(&mut self) -> Result<()> {
        (0..self.connections.len()).try_for_each(|number| self.begin(number, Instant::now()))
    }

    /// Goes on until the deadline, or until nothing is left to do.
    fn run(&mut self, deadline: Instant) -> Result<()> {
        let mut events = [EpollEvent::empty(); 1024];
        // At a fixed pace it spins: a timer would be coarser than what is measured.
        let spins = self.schedule.is_paced() && self.alarm.is_none();
        let patience = if spins { EpollTimeout::ZERO } else { EpollTimeout::from(100u8) };
        let mut now = Instant::now();
        while now < deadline && (self.in_flight > 0 || self.allowance > 0) {
            let count = self.epoll.wait(&mut events, patience)?;
            for event in &events[..count] {
                if event.data() != ALARM {
                    self.handle(event.data() as usize)?;
                }
            }
            now = Instant::now();
            while let Some(number) = self.schedule.next_turn(now) {
                self.begin(number, now)?;
            }
            if let (Some(alarm), Some(due)) = (&self.alarm, self.schedule.next_due()) {
                // Set anew, it is not readable any more.
                let time = due.saturating_duration_since(now).max(Duration::from_nanos(1));
                alarm.set(Expiration::OneShot(time.into()), TimerSetTimeFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Begins the connection's next request if it has none on its way, and one is due.
    fn begin(&mut self, number: usize, now: Instant) -> Result<()> {
        let connection = &mut self.connections[number];
        if connection.due.is_some() || self.allowance == 0 {
            return Ok(());
        }
        let Some(due) = self.schedule.next_of(number, now) else { return Ok(()) };
        self.allowance -= 1;
        self.in_flight += 1;
        let progress =
            connection.begin(due, request_of(&self.request, &self.heavy, number), self.reply_bytes)?;
        self.settle(number, &progress)
    }

    fn handle(&mut self, number: usize) -> Result<()> {
        let connection = &mut self.connections[number];
        let Some(due) = connection.due else { return Err(ErrorKind::UnexpectedEof.into()) };
        let request = request_of(&self.request, &self.heavy, number);
        let progress = connection.turn(request, &mut self.buf)?;
        self.settle(number, &progress)?;
        if progress == Progress::Done {
            let now = Instant::now();
            self.connections[number].due = None;
            self.in_flight -= 1;
            if !is_heavy(&self.heavy, number) {
                self.report.handle_done(now - due);
            }
            self.begin(number, now)?;
        }
        Ok(())
    }

    /// Asks for room in the socket while a request is stuck, and no longer.
    fn settle(&mut self, number: usize, progress: &Progress) -> Result<()> {
        let connection = &mut self.connections[number];
        let is_stuck = *progress == Progress::Stuck;
        if connection.is_stuck != is_stuck {
            connection.is_stuck = is_stuck;
            let flags =
                if is_stuck { EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
            self.epoll.modify(&connection.stream, &mut event(flags, number))?;
        }
        Ok(())
    }
}

type Heavy = Option<(usize, Vec<u8>)>;

fn is_heavy(heavy: &Heavy, number: usize) -> bool {
    heavy.as_ref().is_some_and(|(every, _)| number.is_multiple_of(*every))
}

fn request_of<'a>(light: &'a [u8], heavy: &'a Heavy, number: usize) -> &'a [u8] {
    match heavy {
        Some((_, request)) if is_heavy(heavy, number) => request,
        _ => light,
    }
}

/// What the alarm is registered under; connections have numbers from 0.
const ALARM: u64 = u64::MAX;

fn event(flags: EpollFlags, number: usize) -> EpollEvent {
    EpollEvent::new(flags, number as u64)
}

/// The longest that a number of requests may take: a server under valgrind is a hundred times slower than it is.
const LONGEST: Duration = Duration::from_secs(300);
