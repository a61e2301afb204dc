//! What an operator sees of a running program: the table that it prints, the same by a signal, and the watchdog's line.

use std::net::SocketAddr;

use ekiden_tests::{Program, Scratch, curl, example, output};

/// The address in `listening on 127.0.0.1:7001; …`.
fn listening(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on ")?.split_once(';')?.0.parse().ok()
}

/// A line in which all of this is found.
fn has<const N: usize>(words: [&str; N]) -> impl Fn(&str) -> Option<String> {
    move |line| words.iter().all(|word| line.contains(word)).then(|| line.to_owned())
}

/// How many polls the table says have held the core.
fn held(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("polls that held the core ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn inspect_prints_its_tasks_and_is_told_of_what_holds_the_core() {
    let mut server = Program::start(example("inspect"), ["127.0.0.1:0"]);
    let addr = server.wait_for(listening);
    server.wait_for(has(["reactor 1: ", "tasks "]));
    server.wait_for(has([" waiting ", "listener, "]));
    server.wait_for(has(["accept tcp ", &addr.to_string()]));
    let told = server.wait_for(has(["warning: watchdog: holds the core, spawned at examples/inspect.rs:"]));
    assert!(told.contains(" holds reactor 1 for "), "{told}");
    server.wait_for(|line| held(line).filter(|polls| *polls > 0));
    server.signal("INT");
    let status = server.wait_for_end();
    assert!(status.success(), "{status}: {}", server.said());
    let is_wide = |line: &&str| !line.starts_with("warning: ") && line.chars().count() > 80;
    let wide: Vec<&str> = server.said().lines().filter(is_wide).collect();
    assert!(wide.is_empty(), "wider than a terminal: {wide:#?}");
}

#[test]
fn a_signal_prints_the_table_of_a_program_that_does_nothing_for_it_and_goes_on() {
    let mut server = Program::start(example("hello"), ["127.0.0.1:0"]);
    let addr = server.wait_for(listening);
    // It says where it listens before it does so, and what it says is heard at once on a busy machine. Whoever has
    // answered is listening, and parks when it has seen the end of the connection: it may take a look or two.
    assert!(curl(&[&format!("http://{addr}/")]).starts_with("hello"));
    let mut looks = 0;
    loop {
        server.signal("QUIT");
        if server.wait_for(has(["reactor 1: "])).contains("reactor 1: parked") {
            break;
        }
        looks += 1;
        assert!(looks < 1_000, "it never parks: {}", server.said());
    }
    server.wait_for(has([" waiting ", "main, "]));
    server.wait_for(has(["accept tcp ", &addr.to_string()]));
    server.signal("INT");
    let status = server.wait_for_end();
    assert!(status.success(), "{status}: {}", server.said());
}

#[test]
fn an_idle_server_makes_no_system_call_and_so_never_wakes_up() {
    check_idle("hello", &["127.0.0.1:0"]);
}

#[test]
fn nor_does_one_that_has_served_on_two_cores() {
    check_idle("cores", &["127.0.0.1:0", "2"]);
}

/// Has an example answer two requests, and then watches it for ten seconds.
fn check_idle(name: &str, arguments: &[&str]) {
    let scratch = Scratch::new();
    let log = scratch.path().join("calls");
    let program = example(name);
    // With -D the tracer is the one in the background, so that the signal below reaches the program.
    let strace = ["-D", "-f", "-o", log.to_str().unwrap(), program.to_str().unwrap()];
    let mut server = Program::start("strace", strace.iter().chain(arguments));
    let addr = server.wait_for(listening);
    for _ in 0..2 {
        assert!(curl(&[&format!("http://{addr}/")]).starts_with("hello"));
    }
    let calls = || std::fs::read_to_string(&log).unwrap();
    let mut settled = calls();
    // The watchdog looks once or twice more after the last turn; from then on nobody sets a timer.
    for _ in 0..60 {
        pause(1);
        let before = std::mem::replace(&mut settled, calls());
        if before == settled {
            break;
        }
    }
    pause(10);
    let idle = calls();
    assert_eq!(idle.strip_prefix(&settled), Some(""), "an idle server made calls");
    assert!(settled.contains("epoll_wait"), "strace has told nothing that was expected");
    server.signal("INT");
    assert!(server.wait_for_end().success());
}

/// What is shown takes its time, as it is that nothing happens in it: another program says when it is over.
fn pause(seconds: u32) {
    let limit = seconds.to_string();
    output("timeout", [limit.as_str(), "tail", "-f", "/dev/null"]);
}
