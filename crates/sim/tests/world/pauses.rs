//! What of a host stands still, what reaches the world from a program that is gone, and what signals do by default.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ekiden_reactor::driver::Keepalive;
use ekiden_reactor::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use ekiden_reactor::{Signal, blocking, entropy, sleep, spawn, timeout};
use ekiden_sim::{Config, Sim, check, check_with};

use super::echo;

const SECOND: Duration = Duration::from_secs(1);

/// Counts what its jobs have done, one after the other.
async fn work(done: Arc<AtomicUsize>) {
    loop {
        let done = done.clone();
        blocking(move || done.fetch_add(1, Ordering::Relaxed)).await.unwrap();
    }
}

#[test]
fn a_pause_holds_jobs_that_block_and_look_ups_too() {
    check(|sim| {
        let (done, found) = (Arc::new(AtomicUsize::new(0)), Rc::new(Cell::new(0)));
        let (of_worker, of_finder) = (done.clone(), found.clone());
        sim.host("worker", async move || {
            let found = of_finder.clone();
            drop(spawn(async move {
                loop {
                    lookup_host("main:1").await.unwrap();
                    found.set(found.get() + 1);
                }
            }));
            work(of_worker.clone()).await;
        });
        sim.run(async move |sim| {
            sleep(SECOND).await;
            let all = || (done.load(Ordering::Relaxed), found.get());
            sim.pause("worker");
            let before = all();
            assert!(before.0 > 0 && before.1 > 0);
            sleep(SECOND).await;
            assert_eq!(all(), before);
            sim.resume("worker");
            sleep(SECOND).await;
            assert!(all().0 > before.0 && all().1 > before.1);
        });
    });
}

#[test]
fn a_host_that_begins_again_is_paused_no_more() {
    check(|sim| {
        let done = Arc::new(AtomicUsize::new(0));
        let of_worker = done.clone();
        sim.host("worker", async move || work(of_worker.clone()).await);
        sim.run(async move |sim| {
            sleep(SECOND).await;
            sim.pause("worker");
            sim.restart("worker");
            let before = done.load(Ordering::Relaxed);
            sleep(SECOND).await;
            assert!(done.load(Ordering::Relaxed) > before);
            sim.pause("worker");
            sim.crash("worker");
            sleep(SECOND).await;
            sim.pause("worker"); // nothing is there to be held
            sim.restart("worker");
            let before = done.load(Ordering::Relaxed);
            sleep(SECOND).await;
            assert!(done.load(Ordering::Relaxed) > before);
        });
    });
}

/// What a program leaves behind that does something when it is dropped.
struct Last {
    stream: TcpStream,
    socket: UdpSocket,
    does: bool,
    was_refused: Rc<Cell<bool>>,
}

impl Drop for Last {
    fn drop(&mut self) {
        if !self.does {
            return;
        }
        let to = "10.0.0.2:9".parse().unwrap();
        let is_written = matches!(self.stream.try_write(b"last words"), Ok(Some(1..)));
        let is_sent = matches!(self.socket.try_send_to(b"last words", to), Ok(Some(_)));
        let _its_own = self.stream.set_keepalive(Some(&Keepalive::default()));
        let knows = self.stream.peer_addr().is_ok() || self.stream.nodelay().is_ok();
        let is_given = entropy(&mut [0]).is_ok();
        drop(blocking(|| ()));
        self.was_refused.set(!is_written && !is_sent && !knows && !is_given);
        panic!("is heard by nobody");
    }
}

/// A world whose server crashes with something that acts at its end, or not, and begins again.
fn crash(seed: u64, does: bool) -> u64 {
    let sim = Sim::new(seed);
    // The second one is there when all is over.
    let (does, was_refused) = (Cell::new(does), Rc::new(Cell::new(!does)));
    let of_server = was_refused.clone();
    sim.host("server", async move || {
        let does = does.replace(false);
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let (stream, _) = listener.accept().await?;
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        let _last = Last { stream, socket, does, was_refused: of_server.clone() };
        std::future::pending::<io::Result<()>>().await
    });
    sim.run(async move |sim| {
        sleep(Duration::from_millis(1)).await;
        let socket = UdpSocket::bind("0.0.0.0:9").await.unwrap();
        let stream = TcpStream::connect("server:7").await.unwrap();
        sleep(SECOND).await;
        sim.restart("server");
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        assert!(timeout(SECOND, socket.recv(&mut [0])).await.is_err());
        drop(TcpStream::connect("server:7").await.unwrap());
        sleep(SECOND).await;
    });
    assert!(was_refused.get());
    sim.hash()
}

#[test]
fn what_is_dropped_by_a_crash_does_nothing_to_the_world() {
    for seed in 0..20 {
        assert_eq!(crash(seed, true), crash(seed, false));
    }
}

#[test]
fn a_signal_that_nobody_asked_for_does_what_it_does_by_default() {
    for signal in Signal::ALL {
        let sim = Sim::new(7);
        sim.host("server", echo);
        sim.run(async move |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.signal("server", signal);
            let answers = async || {
                let asked = async {
                    let stream = TcpStream::connect("server:7").await?;
                    stream.write_all(&[1]).await?;
                    stream.read(&mut [0]).await
                };
                matches!(timeout(SECOND, asked).await, Ok(Ok(1)))
            };
            let (answered, is_up) = (answers().await, sim.is_up("server"));
            sim.signal("server", Signal::Continue);
            let goes_on = answers().await;
            // By signal(7), and Rust programs ignore SIGPIPE.
            let expected = match signal {
                Signal::Child | Signal::Urgent | Signal::WindowChange | Signal::Continue | Signal::Pipe => {
                    (true, true, true)
                }
                Signal::TerminalStop | Signal::TerminalInput | Signal::TerminalOutput => (false, true, true),
                _ => (false, false, false),
            };
            assert_eq!((answered, is_up, goes_on), expected, "{signal:?}");
        });
    }
}

#[test]
fn a_signal_to_who_is_paused_waits_until_it_goes_on() {
    for goes_on in [|sim: &Sim| sim.resume("server"), |sim: &Sim| sim.signal("server", Signal::Continue)] {
        let sim = Sim::new(7);
        sim.host("server", echo);
        sim.run(async move |sim| {
            sleep(SECOND).await;
            sim.pause("server");
            sim.signal("server", Signal::Terminate);
            sleep(SECOND).await;
            assert!(sim.is_up("server"));
            goes_on(&sim);
            sleep(SECOND).await;
            assert!(!sim.is_up("server"));
            // It was for the one that has ended.
            sim.restart("server");
            sim.pause("server");
            sim.signal("server", Signal::Terminate);
            sim.restart("server");
            sleep(SECOND).await;
            sim.pause("server");
            goes_on(&sim);
            sleep(SECOND).await;
            assert!(sim.is_up("server"));
        });
    }
}

#[test]
fn as_many_jobs_run_at_once_as_there_are_threads_and_as_many_wait_as_may() {
    let mut config = Config::default();
    (config.blocking_threads_max, config.blocking_waiting_max) = (2, 3);
    config.blocking = SECOND..=SECOND;
    check_with(&config, |sim| {
        sim.run(async |sim| {
            let before = sim.now();
            let jobs: Vec<_> = (0..6).map(|n| blocking(move || n)).collect();
            let mut ends = Vec::new();
            for job in jobs {
                ends.push(job.await.ok().map(|n| (n, (sim.now() - before).as_secs())));
            }
            assert_eq!(ends, [Some((0, 1)), Some((1, 1)), Some((2, 2)), Some((3, 2)), Some((4, 3)), None]);
        });
    });
}

#[test]
fn names_are_not_found_or_found_late() {
    check(|sim| {
        sim.run(async |sim| {
            sim.fail_lookups("main", true);
            let error = lookup_host("main:1").await.err().unwrap();
            assert!(error.to_string().contains("Temporary failure in name resolution"), "{error}");
            sim.fail_lookups("main", false);
            sim.lookups("main", 3 * SECOND..=4 * SECOND);
            let before = sim.now();
            lookup_host("main:1").await.unwrap();
            assert!((3..5).contains(&(sim.now() - before).as_secs()));
        });
    });
    let mut config = Config::default();
    config.lookup_failed_one_in = 2;
    let (failed, found) = (Cell::new(0), Cell::new(0));
    check_with(&config, |sim| {
        let is_found = sim.run(async |_sim| lookup_host("main:1").await.is_ok());
        let count = if is_found { &found } else { &failed };
        count.set(count.get() + 1);
    });
    assert!(failed.get() > 50 && found.get() > 50);
}

#[test]
fn what_is_asked_after_a_restart_is_asked_of_the_program_that_begins() {
    check(|sim| {
        let ticks = Rc::new(Cell::new(0));
        let of_host = ticks.clone();
        sim.host("clock", async move || {
            loop {
                sleep(Duration::from_millis(100)).await;
                of_host.set(of_host.get() + 1);
            }
            #[expect(unreachable_code, reason = "what it would return")]
            ()
        });
        let passes = async move |ticks: &Cell<u32>| {
            let before = ticks.get();
            sleep(Duration::from_secs(1)).await;
            ticks.get() - before
        };
        sim.run(async move |sim| {
            assert!(passes(&ticks).await > 5);
            sim.restart("clock");
            sim.pause("clock");
            assert_eq!(passes(&ticks).await, 0);
            sim.restart("clock");
            sim.pause("clock");
            sim.resume("clock");
            assert!(passes(&ticks).await > 5);
            sim.restart("clock");
            sim.signal("clock", Signal::TerminalStop);
            assert_eq!(passes(&ticks).await, 0);
            sim.restart("clock");
            sim.signal("clock", Signal::Terminate);
            assert_eq!(passes(&ticks).await, 0);
            assert!(!sim.is_up("clock"));
        });
    });
}
