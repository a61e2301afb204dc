//! What becomes of the sockets of a program that is killed: the system closes them, in the world as on Linux.
//!
//! A script is played by two programs, of which one is killed in the middle: on Linux it is another process of this test. That
//! one does what the other tells it, over a connection of their own. What is expected was found on Linux 6.18.

use std::cell::RefCell;
use std::env;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Signal, sleep, spawn};
use ekiden_sim::{Config, Profile, Sim, check};

use super::linux::{TIMES, connected, settle, tcp_step};
use super::read_to_end;

/// Scripts, and what each of their steps answers. `c` has connected to the program that is killed, which has it as `s` once it
/// has accepted it.
const KILLED: &[(&str, &str)] = &[
    // What it has written is there, and then the end, as if all had been said. It is an orphan to whoever speaks to it.
    (
        "s accept, s write 11, kill, c read 99, c read 99, c write 1, c read 9, c write 1",
        "-, 11, -, 11, 0, 1, 0, BrokenPipe",
    ),
    ("s accept, c write 3, s read 9, s write 4, kill, c read 9, c read 9", "-, 3, 3, 4, -, 4, 0"),
    ("s accept, s write 4, kill, c write 1, c read 9, c read 9", "-, 4, -, 1, 4, 0"),
    // What it has not read makes it a reset.
    (
        "s accept, s write 4, c write 3, kill, c read 9, c read 9, c read 9, c write 1",
        "-, 4, 3, -, 4, ConnectionReset, 0, BrokenPipe",
    ),
    ("s accept, c write 3, s read 2, kill, c read 9", "-, 3, 2, -, ConnectionReset"),
    (
        "s accept, c write 3, c shut write, kill, c read 9, c write 1",
        "-, 3, -, -, ConnectionReset, BrokenPipe",
    ),
    // One that it has said the end of has it said, whatever comes then.
    (
        "s accept, s shut write, c write 3, kill, c read 9, c read 9, c write 1",
        "-, -, 3, -, 0, 0, BrokenPipe",
    ),
    (
        "s accept, s shut write, kill, c read 9, c write 1, c read 9, c write 1",
        "-, -, -, 0, 1, 0, BrokenPipe",
    ),
    // Once the other has said its end too, all is said.
    ("s accept, c shut write, kill, c read 9, c peer", "-, -, -, 0, NotConnected"),
    (
        "s accept, c write 2, c shut write, s read 9, s write 3, kill, c read 9, c read 9",
        "-, 2, -, 2, 3, -, 3, 0",
    ),
    // Who was not accepted is reset.
    ("kill, c read 9, c read 9, c write 1", "-, ConnectionReset, 0, BrokenPipe"),
    ("c write 1, kill, c read 9", "1, -, ConnectionReset"),
    ("c shut write, kill, c read 9", "-, -, ConnectionReset"),
];

#[test]
fn the_sockets_of_who_is_killed_are_closed_as_on_linux() {
    if env::var_os(TO_BE_KILLED).is_some() {
        return ekiden_reactor::run(to_be_killed("127.0.0.1:0")).unwrap();
    }
    for (script, expected) in KILLED.iter().filter(|_| cfg!(target_os = "linux")) {
        let played = || {
            let (mut process, at) = Process::start();
            ekiden_reactor::run(play(script, at, async || process.kill()))
        };
        // As elsewhere: a machine that is busy hands packets on later than it should have.
        let answers = (0..TIMES).map(|_| played()).find(|answers| answers == expected).unwrap_or_else(played);
        assert_eq!(answers, *expected, "Linux: {script}");
    }
    let mut config = Config::default();
    (config.short_one_in, config.window_bytes) = (0, 64 * 1024..=64 * 1024);
    config.latency_within = Duration::from_micros(1)..=Duration::from_micros(3);
    config.latency = config.latency_within.clone();
    for seed in 0..10 {
        let sim = Sim::with_config(seed, config.clone());
        sim.host("server", async || to_be_killed("0.0.0.0:7").await);
        sim.run(async |sim| {
            for (script, expected) in KILLED {
                sleep(Duration::from_secs(1)).await;
                let at = (sim.addr("server"), 7).into();
                let kill = async || {
                    sim.crash("server");
                    // It is killed when this waits, and so are its connections closed.
                    sleep(Duration::from_millis(1)).await;
                };
                assert_eq!(play(script, at, kill).await, *expected, "the world: {script}");
                sim.restart("server");
            }
        });
    }
}

async fn play(script: &str, at: SocketAddr, mut kill: impl AsyncFnMut()) -> String {
    let orders = TcpStream::connect(at).await.unwrap();
    let mut ends = [("c", Some(TcpStream::connect(at).await.unwrap()))];
    let (one, two, _listener) = connected().await.unwrap();
    let mut answers = Vec::new();
    for step in script.split(", ") {
        answers.push(match step.split_once(' ') {
            None => {
                kill().await;
                "-".to_owned()
            }
            Some(("s", _)) => {
                orders.write_all(format!("{step}\n").as_bytes()).await.unwrap();
                read_line(&orders).await.unwrap().expect("it is not killed yet")
            }
            Some(_) => tcp_step(&mut ends, step).await,
        });
        settle(&one, &two).await;
    }
    answers.join(", ")
}

/// Takes orders from who comes first, as to what to do with who comes second.
async fn to_be_killed(at: &str) -> io::Result<()> {
    let listener = TcpListener::bind(at).await?;
    println!("{PORT}{}", listener.local_addr()?.port());
    let (orders, _) = listener.accept().await?;
    let mut ends = [("s", None)];
    while let Some(step) = read_line(&orders).await? {
        let answer = match &*step {
            "s accept" => {
                ends[0].1 = Some(listener.accept().await?.0);
                "-".to_owned()
            }
            step => tcp_step(&mut ends, step).await,
        };
        orders.write_all(format!("{answer}\n").as_bytes()).await?;
    }
    Ok(())
}

async fn read_line(from: &TcpStream) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut buf = [0];
        if from.read(&mut buf).await? == 0 {
            return Ok(None);
        }
        line.extend_from_slice(&buf);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
}

/// Another process of this test, and where it listens.
struct Process(Child);

impl Process {
    fn start() -> (Self, SocketAddr) {
        let mut other = Command::new(env::current_exe().unwrap());
        other.args(["killed::the_sockets_of_who_is_killed_are_closed_as_on_linux", "--exact", "--nocapture"]);
        let other = other.env(TO_BE_KILLED, "yes").stdout(Stdio::piped()).spawn().unwrap();
        let mut process = Self(other);
        let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port =
            lines.find_map(|line| line.split_once(PORT)?.1.parse().ok()).expect("it says where it listens");
        (process, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Said to a process that is to be killed.
const TO_BE_KILLED: &str = "TO_BE_KILLED";
const PORT: &str = "it listens on port ";

/// Of one that returns, too, whoever still has it: here somebody has who outlives it.
#[test]
fn what_a_program_that_returns_has_left_open_is_closed() {
    for (has_read, expected) in
        [(true, Ok(b"the first half".to_vec())), (false, Err(ErrorKind::ConnectionReset))]
    {
        check(|sim| {
            let kept = Rc::new(RefCell::new(Vec::new()));
            let keeper = kept.clone();
            sim.host("server", async move || {
                let listener = TcpListener::bind("0.0.0.0:7").await?;
                let (stream, _) = listener.accept().await?;
                sleep(Duration::from_secs(1)).await;
                if has_read {
                    assert_eq!(stream.read(&mut [0]).await?, 1);
                }
                stream.write_all(b"the first half").await?;
                keeper.borrow_mut().push(stream);
                io::Result::Ok(())
            });
            let expected = expected.clone();
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                let stream = TcpStream::connect("server:7").await.unwrap();
                stream.write_all(b"?").await.unwrap();
                assert_eq!(read_to_end(&stream).await.map_err(|error| error.kind()), expected);
                assert!(!sim.is_up("server") && kept.borrow().len() == 1);
                assert!(kept.borrow()[0].peer_addr().is_err());
            });
        });
    }
}

/// The classical bug: who takes what it has read until the end for all that there is.
#[test]
fn an_answer_that_is_cut_off_by_the_end_of_its_server_looks_whole() {
    for goes in [
        |sim: &Sim| sim.crash("server"),
        |sim: &Sim| sim.restart("server"),
        |sim: &Sim| sim.signal("server", Signal::Terminate),
    ] {
        check(|sim| {
            sim.host("server", answers_in_two_halves);
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                sim.latency("server", "main", Duration::from_millis(400)..=Duration::from_millis(400));
                let stream = TcpStream::connect("server:7").await.unwrap();
                sleep(Duration::from_millis(600)).await;
                // The first half is on its way.
                goes(&sim);
                assert_eq!(read_to_end(&stream).await.unwrap(), b"the first half");
            });
        });
    }
}

/// Also where it is not asked for: by the profiles, in some runs of some.
#[test]
fn profiles_cut_answers_off() {
    for profile in [Profile::Rough, Profile::Hostile] {
        let halves = (0..50).filter(|seed| {
            let sim = Sim::new(*seed);
            sim.host("server", answers_in_two_halves);
            sim.draw_faults(profile, Duration::from_secs(60));
            sim.run(async |_sim| {
                for _ in 0..30 {
                    let answer = async {
                        let stream = TcpStream::connect("server:7").await?;
                        read_to_end(&stream).await
                    };
                    if let Ok(Ok(answer)) = ekiden_reactor::timeout(Duration::from_secs(9), answer).await
                        && answer != b"the first half and the other"
                    {
                        return true;
                    }
                    sleep(Duration::from_secs(1)).await;
                }
                false
            })
        });
        assert!(halves.count() > 0, "{profile:?}");
    }
}

async fn answers_in_two_halves() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        drop(spawn(async move {
            stream.write_all(b"the first half").await?;
            sleep(Duration::from_secs(2)).await;
            stream.write_all(b" and the other").await
        }));
    }
}
