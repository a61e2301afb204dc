//! Standard input and output, in a process of its own whose pipes the test holds.

use std::io::{self, Read, Write};
use std::process::Stdio;
use std::time::Duration;

use ekiden_reactor::net::copy;
use ekiden_reactor::process::Command;
use ekiden_reactor::stdio::{Input, Output, stderr, stdin, stdout};
use ekiden_reactor::{Task, Tick, blocking, run, schedule, spawn, timeout, yield_now};
use futures_util::future::join_all;

use crate::own_process::{command, is_inside};
use crate::stand_in::{self, StandIn};

/// What a process of a test's own wrote to its standard output behind this mark, which comes after what the test harness
/// says.
const MARK: &str = "<<";
const END: &str = ">>";

/// Runs the test once more as a process that does `inside`, while `outside` holds its input; what it wrote.
fn check(test: &str, inside: impl AsyncFnOnce(), outside: impl FnOnce(std::process::ChildStdin)) -> String {
    check_with(test, inside, |input, _| outside(input))
}

/// The same, where `outside` also hears what the process says on its standard error.
fn check_with(
    test: &str,
    inside: impl AsyncFnOnce(),
    outside: impl FnOnce(std::process::ChildStdin, &mut std::process::ChildStderr),
) -> String {
    if is_inside() {
        run(async {
            stdout().write_all(MARK.as_bytes()).await.unwrap();
            inside().await;
            stdout().write_all(END.as_bytes()).await.unwrap();
        });
        return String::new();
    }
    let mut child =
        command(test).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    outside(child.stdin.take().unwrap(), child.stderr.as_mut().unwrap());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let said = said.split_once(MARK).expect("it has begun").1;
    said.split_once(END).expect("it has come to its end").0.to_owned()
}

#[test]
fn what_goes_in_comes_out() {
    let text = "hello\n".repeat(50_000);
    let said = check(
        "stdio::what_goes_in_comes_out",
        async || assert_eq!(copy(stdin(), stdout()).await.unwrap(), 300_000),
        |mut input| {
            // Their pipes are full at times, so somebody else must write.
            let text = text.clone();
            #[expect(clippy::disallowed_methods, reason = "the other process's other end")]
            drop(std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap()));
        },
    );
    assert!(is_inside() || said == text);
}

#[test]
fn a_read_that_waits_keeps_the_program_from_nothing() {
    let mut held = None;
    check(
        "stdio::a_read_that_waits_keeps_the_program_from_nothing",
        async || {
            let mut waiting: Vec<_> =
                (0..100).map(|_| spawn(async { stdin().read(&mut [0; 8]).await })).collect();
            yield_now().await;
            // They hold no thread of the pool, of which there are fewer.
            assert_eq!(blocking(|| 5).await.unwrap(), 5);
            assert!(waiting.iter_mut().all(|waiting| !waiting.is_finished()));
        },
        |input| held = Some(input),
    );
}

#[test]
fn a_read_that_is_dropped_loses_no_byte() {
    let said = check_with(
        "stdio::a_read_that_is_dropped_loses_no_byte",
        async || {
            let input = stdin();
            for _ in 0..3 {
                assert!(timeout(Duration::ZERO, input.read(&mut [0; 8])).await.is_err());
            }
            stderr().write_all(b"ready\n").await.unwrap();
            let mut buf = [0; 2];
            while let n @ 1.. = input.read(&mut buf).await.unwrap() {
                stdout().write_all(&buf[..n]).await.unwrap();
            }
        },
        |mut input, told| {
            // Not before, or a read may be given up too late.
            let (mut heard, mut byte) = (Vec::new(), [0]);
            while !heard.ends_with(b"ready\n") {
                told.read_exact(&mut byte).expect("it says that it is ready");
                heard.extend(byte);
            }
            input.write_all(b"hello").unwrap();
        },
    );
    assert!(is_inside() || said == "hello");
}

#[test]
fn of_several_who_read_each_byte_goes_to_one_and_all_see_the_end() {
    let said = check(
        "stdio::of_several_who_read_each_byte_goes_to_one_and_all_see_the_end",
        async || {
            let readers = (0..4).map(|_| async {
                let mut said = Vec::new();
                let mut byte = [0];
                while stdin().read(&mut byte).await.unwrap() == 1 {
                    said.push(byte[0]);
                }
                said
            });
            let mut all = join_all(readers).await.concat();
            all.sort_unstable();
            stdout().write_all(&all).await.unwrap();
        },
        |mut input| input.write_all(b"0123456789").unwrap(),
    );
    assert!(is_inside() || said == "0123456789");
}

#[test]
fn who_asks_where_no_reactor_runs_holds_up_nobody_else() {
    let said = check(
        "stdio::who_asks_where_no_reactor_runs_holds_up_nobody_else",
        async || {
            let thread = blocking(|| stdin().try_read(&mut [0; 8]));
            assert!(thread.await.unwrap_err().is_panic());
            let mut buf = [0; 8];
            let n = stdin().read(&mut buf).await.unwrap();
            stdout().write_all(&buf[..n]).await.unwrap();
        },
        |mut input| input.write_all(b"hello").unwrap(),
    );
    assert!(is_inside() || said == "hello", "{said}");
}

#[test]
fn no_more_is_read_ahead_than_a_buffer_holds() {
    let said = check(
        "stdio::no_more_is_read_ahead_than_a_buffer_holds",
        async || {
            assert_eq!(stdin().read(&mut [0; 1]).await.unwrap(), 1);
            // The rest is there for whoever reads after us.
            let mut cat = ekiden_reactor::process::spawn(&mut Command::new("cat")).unwrap();
            assert!(cat.wait().await.unwrap().success());
        },
        |mut input| input.write_all(&[b"a".repeat(8192), b"b".repeat(100)].concat()).unwrap(),
    );
    assert!(is_inside() || said == "b".repeat(100), "{said}");
}

#[test]
fn several_who_write_come_one_after_the_other() {
    let said = check(
        "stdio::several_who_write_come_one_after_the_other",
        async || {
            let writers =
                (0..10).map(|n| spawn(async move { stdout().write(&[b'0' + n].repeat(100_000)).await }));
            for writer in writers.collect::<Vec<_>>() {
                assert_eq!(writer.await.unwrap().unwrap(), 100_000);
            }
        },
        drop,
    );
    let expected: String = ('0'..='9').map(|digit| String::from(digit).repeat(100_000)).collect();
    assert!(is_inside() || said == expected);
}

#[test]
fn standard_streams_can_be_ticked_for() {
    /// Passes everything on, as it comes.
    struct Passing {
        input: Input,
        output: Output,
        owed: Vec<u8>,
    }
    impl Task for Passing {
        fn tick(&mut self) -> io::Result<Tick> {
            loop {
                while !self.owed.is_empty() {
                    let Some(n) = self.output.try_write(&self.owed)? else { return Ok(Tick::WouldBlock) };
                    self.owed.drain(..n);
                }
                assert_eq!(self.output.try_flush()?, Some(()), "what is over needs no flush");
                let mut buf = [0; 64];
                match self.input.try_read(&mut buf)? {
                    Some(0) => return Ok(Tick::Final),
                    Some(n) => self.owed.extend_from_slice(&buf[..n]),
                    None => return Ok(Tick::WouldBlock),
                }
            }
        }
    }
    let said = check(
        "stdio::standard_streams_can_be_ticked_for",
        async || {
            let passing = Passing { input: stdin(), output: stdout(), owed: Vec::new() };
            schedule(passing).await.unwrap().unwrap();
        },
        |mut input| input.write_all(&b"tick ".repeat(1000)).unwrap(),
    );
    assert!(is_inside() || said == "tick ".repeat(1000));
}

#[test]
fn who_writes_where_nobody_reads_is_told() {
    if is_inside() {
        run(async {
            let mut output = stdout();
            let error = loop {
                match output.write(b"x").await {
                    Ok(_) => yield_now().await,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
        return;
    }
    let mut child = command("stdio::who_writes_where_nobody_reads_is_told")
        .args(["--nocapture"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Until the test has begun, the test harness must be able to write.
    let mut stdout = child.stdout.take().unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"x") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1);
        said.push(byte[0]);
    }
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    // The test harness cannot write any more either.
    assert!(!complaint.contains("assertion"), "{complaint}");
}

#[test]
fn a_world_without_standard_streams_says_so() {
    let (mut world, kind) = (StandIn::new(), io::ErrorKind::Unsupported);
    world.has_no_standard_streams = true;
    stand_in::run(world, async |_| {
        assert_eq!(stdin().read(&mut [0; 8]).await.unwrap_err().kind(), kind);
        assert_eq!(stdout().write(b"x").await.unwrap_err().kind(), kind);
    });
}
