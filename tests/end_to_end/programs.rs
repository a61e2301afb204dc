//! The programs that speak lines, each at the other end of the `lines` program, and ended as their users end them.

use std::net::SocketAddr;

use ekiden_tests::{Program, curl, example, output};

/// The address in `listening on 127.0.0.1:7001; …`.
fn listening(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on ")?.split_once(';')?.0.parse().ok()
}

#[track_caller]
fn check(name: &str) {
    let mut server = Program::start(example(name), ["127.0.0.1:0"]);
    let addr = server.wait_for(listening).to_string();
    let lines = example("lines");
    let asked = [&*addr, "one", "a second line", ""];
    let answered = output(lines.to_str().expect("a plain path"), asked);
    assert_eq!(String::from_utf8_lossy(&answered.stdout), "one\na second line\n\n", "{answered:?}");
    server.signal("INT");
    let status = server.wait_for_end();
    assert!(status.success(), "{status}: {}", server.said());
}

#[test]
fn echo_sends_lines_back_and_ends_by_ctrl_c() {
    check("echo");
}

#[test]
fn lines_sends_lines_back_and_ends_by_ctrl_c() {
    check("lines");
}

#[test]
fn ticks_sends_lines_back_and_ends_by_ctrl_c() {
    check("ticks");
}

#[test]
fn cores_says_which_core_answers_and_ends_by_ctrl_c() {
    let mut server = Program::start(example("cores"), ["127.0.0.1:0", "2"]);
    let addr = server.wait_for(listening);
    let answer = curl(&[&format!("http://{addr}/")]);
    assert!(answer.starts_with("hello from core ") && answer.ends_with(", call 1\n"), "{answer}");
    server.signal("INT");
    let status = server.wait_for_end();
    assert!(status.success(), "{status}: {}", server.said());
}
