//! What a round trip costs in system calls, as `strace` counts them: one read, one write, one wait, and nothing else,
//! with spinning off.
//!
//! The same for every way to write a server: as a task that ticks, as a future, over pipelined dispatch, as HTTP.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;

use ekiden_tests::{Program, Scratch, example};

/// The address in `listening on 127.0.0.1:7001; …`.
fn listening(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on ")?.split_once(';')?.0.parse().ok()
}

/// Calls by name, of a program that answers so many requests of one client, one after the other.
fn calls(name: &str, request: &[u8], answer_ends: &[u8], rounds: usize) -> BTreeMap<String, i64> {
    let scratch = Scratch::new();
    let summary = scratch.path().join("calls");
    let program = example(name);
    // With -D the tracer is the one in the background, so that the signal below reaches the program.
    let arguments =
        ["-D", "-f", "-c", "-o", summary.to_str().unwrap(), program.to_str().unwrap(), "127.0.0.1:0"];
    // A reactor that looks again and again before it sleeps would make many calls of it, as it finds worth it.
    let mut server = Program::spawn(Program::command("strace", arguments).env("EKIDEN_SPIN", "off"));
    ask(server.wait_for(listening), request, answer_ends, rounds);
    server.signal("INT");
    let status = server.wait_for_end();
    assert!(status.success(), "{status}: {}", server.said());
    counted(&std::fs::read_to_string(&summary).unwrap())
}

#[expect(clippy::disallowed_types, reason = "a client that is none of ours, and may block")]
fn ask(addr: SocketAddr, request: &[u8], answer_ends: &[u8], rounds: usize) {
    let mut client = std::net::TcpStream::connect(addr).unwrap();
    for _ in 0..rounds {
        client.write_all(request).unwrap();
        let (mut answer, mut buf) = (Vec::new(), [0; 4096]);
        while !answer.ends_with(answer_ends) {
            let n = client.read(&mut buf).unwrap();
            assert_ne!(n, 0, "the server hung up");
            answer.extend_from_slice(&buf[..n]);
        }
    }
}

/// Reads the table that `strace -c` writes: the calls are the fourth column, the name is the last.
fn counted(summary: &str) -> BTreeMap<String, i64> {
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let calls = columns.get(3)?.parse().ok()?;
        Some((columns.last()?.to_string(), calls)).filter(|(name, _)| name != "total")
    };
    let counted: BTreeMap<_, _> = summary.lines().filter_map(row).collect();
    assert!(counted.contains_key("epoll_wait"), "strace counted nothing that was expected:\n{summary}");
    counted
}

/// The watchdog's thread looks every 25 ms while a core is busy, so how often depends on the machine: a time limit, and a wait
/// for what it reads. Nobody else sets options but as a connection begins.
fn without_watchdog(mut counted: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let looks = counted.remove("setsockopt").unwrap_or(0);
    *counted.entry("recvfrom".to_owned()).or_default() -= looks;
    counted
}

/// Asserts what each further round trip costs, whatever beginning and ending cost.
#[track_caller]
fn check(name: &str, request: &[u8], answer_ends: &[u8]) {
    let [few, many] = [50, 150].map(|rounds| without_watchdog(calls(name, request, answer_ends, rounds)));
    let more = many.into_iter().map(|(call, times)| (times - few.get(&call).unwrap_or(&0), call));
    // Whether the first and the last events come together or apart is a matter of luck, and worth a call or two.
    let more = more.filter(|(times, _)| times.abs() > 5);
    let rounded =
        more.map(|(times, call)| if (95..=105).contains(&times) { (100, call) } else { (times, call) });
    let expected = ["epoll_wait", "recvfrom", "sendto"].map(|call| (100, call.to_owned()));
    assert_eq!(
        rounded.collect::<Vec<_>>(),
        expected,
        "what 100 more round trips cost {name}, give or take 5"
    );
}

#[test]
fn a_task_that_ticks_reads_writes_and_waits_once_a_round_trip() {
    check("ticks", b"hello\n", b"hello\n");
}

#[test]
fn a_future_reads_writes_and_waits_once_a_round_trip() {
    check("echo", b"hello\n", b"hello\n");
}

#[test]
fn a_pipeline_reads_writes_and_waits_once_a_round_trip() {
    check("lines", b"hello\n", b"hello\n");
}

#[test]
fn http_reads_writes_and_waits_once_a_round_trip() {
    check("hello", b"GET /you HTTP/1.1\r\nhost: here\r\n\r\n", b"hello, you\n");
}
