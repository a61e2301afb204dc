//! Child processes: their ends, their pipes, and what becomes of those that nobody waits for.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::driver::{self, OtherChild, Spawned, Token};
use ekiden_reactor::net::copy;
use ekiden_reactor::process::{Child, Command, ExitStatus, Stdio, output, spawn};
use ekiden_reactor::{Signal, Task, Tick, run, schedule, timeout, yield_now};
use futures_util::future::join_all;

use crate::stand_in::{self, StandIn};

/// A process that lasts as long as its standard input is open, and sends back what it reads there.
fn cat() -> Child {
    spawn(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped())).unwrap()
}

fn shell(script: &str) -> Child {
    spawn(Command::new("sh").args(["-c", script]).stdin(Stdio::null())).unwrap()
}

/// Yields until the system has forgotten a process, which is when somebody has waited for it.
async fn forgotten(id: u32) {
    let entry = PathBuf::from(format!("/proc/{id}"));
    for _ in 0..1_000_000 {
        if !entry.exists() {
            return;
        }
        yield_now().await;
    }
    panic!("the process {id} is still there");
}

#[test]
fn each_child_tells_how_it_ended() {
    run(async {
        let mut children: Vec<_> = (0..20).map(|code| shell(&format!("exit {code}"))).collect();
        let codes = join_all(children.iter_mut().map(async |child| child.wait().await.unwrap().code()));
        assert_eq!(codes.await, (0..20).map(Some).collect::<Vec<_>>());
        let child = &mut children[7];
        let (id, again) = (child.id(), child.wait().await.unwrap());
        assert_eq!((again.code(), child.try_wait().unwrap(), child.id()), (Some(7), Some(again), id));
        child.kill().unwrap();
        child.signal(Signal::Hangup).unwrap();
    });
}

#[test]
fn a_wait_that_is_dropped_can_be_begun_again() {
    run(async {
        let mut child = cat();
        let stdin = child.stdin.take();
        for _ in 0..3 {
            assert!(timeout(Duration::ZERO, child.wait()).await.is_err());
            assert_eq!(child.try_wait().unwrap(), None);
        }
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn who_waits_closes_the_standard_input() {
    run(async {
        let mut child = cat();
        assert!(child.wait().await.unwrap().success());
        assert!(child.stdin.is_none());
    });
}

#[test]
fn a_child_is_killed_or_asked_to_end() {
    run(async {
        let (mut killed, mut asked) = (cat(), cat());
        let stdin = (killed.stdin.take(), asked.stdin.take());
        killed.kill().unwrap();
        asked.signal(Signal::Terminate).unwrap();
        assert_eq!(killed.wait().await.unwrap().signal(), Some(9));
        assert_eq!(asked.wait().await.unwrap().signal(), Some(15));
        drop(stdin);
    });
}

#[test]
fn more_than_a_pipe_holds_goes_in_and_comes_out() {
    run(async {
        let mut child = cat();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let sent: Vec<u8> = (0..1_000_000).map(|n| (n % 251) as u8).collect();
        let mut got = Vec::new();
        let writing = async {
            let mut sent = &sent[..];
            assert_eq!(copy(&mut sent, &stdin).await.unwrap(), 1_000_000);
            drop(stdin);
        };
        let reading = async { copy(&stdout, &mut got).await.unwrap() };
        assert_eq!(futures_util::join!(writing, reading).1, 1_000_000);
        assert!(got == sent);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn a_pipe_that_nobody_reads_is_broken_and_one_that_nobody_writes_has_ended() {
    run(async {
        let mut child = cat();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        child.kill().unwrap();
        child.wait().await.unwrap();
        // A child that another test has just begun to start may hold the other end for a moment.
        let error = loop {
            match stdin.write(b"x").await {
                Ok(_) => yield_now().await,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(stdout.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn a_writer_that_is_closed_as_a_sink_tells_the_child_that_there_is_no_more() {
    use futures_util::AsyncWriteExt as _;
    run(async {
        let mut child = cat();
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        futures_util::AsyncWriteExt::write_all(&mut stdin, b"hello").await.unwrap();
        (&stdin).close().await.unwrap();
        futures_util::AsyncWriteExt::write_all(&mut &stdin, b"!").await.unwrap();
        stdin.close().await.unwrap();
        let mut said = Vec::new();
        copy(&stdout, &mut said).await.unwrap();
        assert_eq!(said, b"hello!");
        assert_eq!(stdin.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn a_child_can_be_ticked_for() {
    /// Says something to `cat`, hears it again, and waits for the end.
    struct Conversing {
        child: Child,
        to_say: usize,
        heard: usize,
        ended: Rc<Cell<Option<ExitStatus>>>,
    }
    impl Task for Conversing {
        fn tick(&mut self) -> io::Result<Tick> {
            let mut waits = false;
            while let Some(stdin) = &self.child.stdin {
                if self.to_say == 0 {
                    self.child.stdin = None;
                    break;
                }
                let bytes = vec![7; self.to_say];
                let Some(n) = stdin.try_write(&bytes)? else {
                    waits = true;
                    break;
                };
                self.to_say -= n;
            }
            let mut buf = [0; 4096];
            while let Some(stdout) = &self.child.stdout {
                match stdout.try_read(&mut buf)? {
                    Some(0) => self.child.stdout = None,
                    Some(n) => self.heard += n,
                    None => {
                        waits = true;
                        break;
                    }
                }
            }
            if waits {
                return Ok(Tick::WouldBlock);
            }
            let Some(status) = self.child.try_wait()? else { return Ok(Tick::WouldBlock) };
            assert_eq!(self.heard, 300_000);
            self.ended.set(Some(status));
            Ok(Tick::Final)
        }
    }
    run(async {
        let ended = Rc::<Cell<_>>::default();
        let conversing = Conversing { child: cat(), to_say: 300_000, heard: 0, ended: ended.clone() };
        schedule(conversing).await.unwrap().unwrap();
        assert!(ended.get().is_some_and(|status| status.success()));
    });
}

#[test]
fn a_child_that_nobody_waits_for_is_waited_for() {
    run(async {
        let mut child = cat();
        let (id, stdin) = (child.id(), child.stdin.take());
        drop(child);
        yield_now().await;
        assert!(PathBuf::from(format!("/proc/{id}")).exists(), "it goes on");
        drop(stdin);
        forgotten(id).await;
    });
}

#[test]
fn a_child_is_killed_when_it_is_dropped_if_it_is_to_be() {
    run(async {
        let mut child = cat().kill_on_drop();
        let (id, stdin, stdout) = (child.id(), child.stdin.take(), child.stdout.take().unwrap());
        drop(child);
        assert_eq!(stdout.read(&mut [0; 8]).await.unwrap(), 0);
        forgotten(id).await;
        drop(stdin);
    });
}

#[test]
fn a_child_that_outlives_its_reactor_is_waited_for_when_another_is_started() {
    let (in_a_task, alone, outside) = run(async {
        let (mut in_a_task, mut alone, outside) = (cat(), cat(), cat());
        let ids = (in_a_task.id(), alone.id());
        let stdin = (in_a_task.stdin.take(), alone.stdin.take());
        drop(alone);
        drop(ekiden_reactor::spawn(async move {
            let _held = (in_a_task, stdin);
            pending::<()>().await;
        }));
        yield_now().await;
        (ids.0, ids.1, outside)
    });
    let last = outside.id();
    drop(outside);
    run(async {
        for id in [in_a_task, alone, last] {
            let entry = PathBuf::from(format!("/proc/{id}"));
            for _ in 0..1_000 {
                if !entry.exists() {
                    break;
                }
                shell("true").wait().await.unwrap();
            }
            assert!(!entry.exists());
        }
    });
}

#[test]
fn what_a_command_says_is_collected_up_to_a_limit() {
    run(async {
        let script = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let both = output(&mut script("cat; printf out; printf errors >&2; exit 3"), 6).await.unwrap();
        assert_eq!(
            (both.status.code(), &*both.stdout, &*both.stderr),
            (Some(3), &b"out"[..], &b"errors"[..])
        );
        let much = output(&mut script("printf errors >&2; yes"), 1_000_000).await.unwrap_err();
        assert_eq!(much.kind(), io::ErrorKind::FileTooLarge);
        let long = output(&mut script("printf 1234567"), 6).await.unwrap_err();
        assert_eq!(long.to_string(), "the command writes more than 6 bytes");
    });
}

#[test]
fn what_cannot_be_started_says_why() {
    run(async {
        let error = spawn(&mut Command::new("/nowhere/to/be/found")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}

/// A process that is made up: it ends when the test says so.
#[derive(Clone, Debug, Default)]
struct MadeUp {
    cannot_register: bool,
    token: Rc<Cell<Option<Token>>>,
    status: Rc<Cell<Option<ExitStatus>>>,
    sent: Rc<RefCell<Vec<Option<Signal>>>>,
}

impl OtherChild for MadeUp {
    fn register(&mut self, token: Token) -> io::Result<()> {
        self.token.set(Some(token));
        if self.cannot_register { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
    }

    fn id(&self) -> u32 {
        17
    }

    fn try_wait(&mut self) -> io::Result<ExitStatus> {
        self.status.get().ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn kill(&mut self) -> io::Result<()> {
        self.sent.borrow_mut().push(None);
        Ok(())
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        self.sent.borrow_mut().push(Some(signal));
        Ok(())
    }
}

/// A world where every command starts that process.
fn world_of(process: &MadeUp) -> StandIn {
    let (mut world, process) = (StandIn::new(), process.clone());
    world.spawn = Some(Box::new(move |command| {
        assert_eq!(command.get_program(), "whatever");
        let child = driver::Child::Other(Box::new(process.clone()));
        Spawned { child, stdin: None, stdout: None, stderr: None }
    }));
    world
}

#[test]
fn a_process_that_cannot_be_waited_for_is_not_left_running() {
    let process = MadeUp { cannot_register: true, ..MadeUp::default() };
    stand_in::run(world_of(&process), async |_| {
        let error = spawn(&mut Command::new("whatever")).unwrap_err();
        assert_eq!((error.kind(), &**process.sent.borrow()), (io::ErrorKind::OutOfMemory, &[None][..]));
    });
}

#[test]
fn what_collects_kills_when_it_is_dropped() {
    let process = MadeUp::default();
    stand_in::run(world_of(&process), async |_| {
        assert!(timeout(Duration::ZERO, output(&mut Command::new("whatever"), 1)).await.is_err());
        assert_eq!(*process.sent.borrow(), [None]);
    });
}

#[test]
fn a_driver_may_make_up_its_processes() {
    let process = MadeUp::default();
    stand_in::run(world_of(&process), async |stage| {
        let mut child = spawn(&mut Command::new("whatever")).unwrap().kill_on_drop();
        assert_eq!((child.id(), child.try_wait().unwrap()), (17, None));
        child.signal(Signal::User1).unwrap();
        assert!(timeout(Duration::ZERO, child.wait()).await.is_err());
        drop(child);
        assert_eq!(*process.sent.borrow(), [Some(Signal::User1), None]);
        assert_eq!(Rc::strong_count(&process.token), 3, "the reactor keeps it, to wait for it");
        for (status, kept) in [(None, 3), (Some(ExitStatus::from_raw(0)), 2)] {
            process.status.set(status);
            stage.tell_of(process.token.get().unwrap(), true, false);
            stage.settle().await;
            assert_eq!(Rc::strong_count(&process.token), kept);
        }
    });
}
