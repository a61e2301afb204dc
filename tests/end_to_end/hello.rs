//! The `hello` program as its users run it: started with an address, driven by curl, wrk and nginx, ended by Ctrl-C.

use std::net::SocketAddr;

use ekiden_tests::{Nginx, Program, Scratch, curl, example, wrk};

use crate::connections::connections_to;

/// A running `hello`, on a port of its own choice.
struct Hello {
    program: Program,
    addr: SocketAddr,
}

impl Hello {
    #[track_caller]
    fn start() -> Self {
        let mut program = Program::start(example("hello"), ["127.0.0.1:0"]);
        let addr = program.wait_for(addr_in);
        Self { program, addr }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }
}

/// The address in the first URL of a line.
fn addr_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| !"0123456789.:".contains(c)).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[test]
fn curl_is_greeted() {
    let hello = Hello::start();
    let answer = curl(&["--include", &hello.url()]);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(body.to_lowercase().contains("hello"), "{body}");
    let is_dated = |line: &str| line.to_lowercase().starts_with("date: ") && line.ends_with(" GMT");
    assert!(head.lines().any(is_dated), "{head}");
}

#[test]
fn curl_is_served_in_every_way_it_asks() {
    let hello = Hello::start();
    let folder = Scratch::new();
    // Above a megabyte curl asks before it sends: `Expect: 100-continue`.
    let large = folder.write("large", vec![b'x'; 3 << 20]);
    let large = format!("@{}", large.display());
    let check = |way: &[&str], connections: &str| {
        let asked = ["--output", "/dev/null", "--write-out", "%{http_code} %{num_connects}, "];
        let url = hello.url();
        let twice = [way, &asked, &[&url, "--output", "/dev/null", &url]].concat();
        let [first, second] = [&connections[..1], &connections[1..]];
        assert_eq!(curl(&twice), format!("200 {first}, 200 {second}, "), "{way:?}");
    };
    check(&[], "10");
    check(&["--head"], "10");
    check(&["--data", "a=b"], "10");
    check(&["--http1.0"], "11");
    check(&["--header", "Connection: close"], "11");
    // hello wants no body, so it never says that curl may send; then neither side knows whether it still comes.
    check(&["--data-binary", &large], "11");
    check(&["--header", "Transfer-Encoding: chunked", "--data-binary", &large], "11");
}

#[test]
fn wrk_sees_no_error() {
    let hello = Hello::start();
    let load = wrk(&hello.url(), 3, 1);
    assert!(load.responses > 1000 && load.errors == 0, "{load:?}");
}

#[test]
fn wrk_sees_no_error_when_it_pipelines() {
    let hello = Hello::start();
    let load = wrk(&hello.url(), 3, 16);
    assert!(load.responses > 1000 && load.errors == 0, "{load:?}");
}

#[test]
fn nginx_in_front_keeps_its_connections() {
    let hello = Hello::start();
    let upstream =
        format!("upstream hello {{ server {}; keepalive 64; keepalive_requests 1000000; }}", hello.addr);
    let pass =
        "location / { proxy_pass http://hello; proxy_http_version 1.1; proxy_set_header Connection ''; }";
    let nginx = Nginx::start(&upstream, pass);
    assert!(curl(&[&nginx.url("/")]).to_lowercase().contains("hello"));
    let load = wrk(&nginx.url("/"), 3, 1);
    assert!(load.responses > 1000 && load.errors == 0, "{load:?}");
    // 64 clients need no more than 64 connections; what wrk breaks off at its end may cost as many again.
    let connections = connections_to(hello.addr);
    assert!(connections <= 128, "{} responses took {connections} connections", load.responses);
    let failed = nginx.finish().into_iter().find(|logged| logged.status != 200 && logged.status != 499);
    assert_eq!(failed, None);
}

#[test]
fn ctrl_c_drains_and_ends_well() {
    let mut hello = Hello::start();
    curl(&[&hello.url()]);
    hello.program.signal("INT");
    let status = hello.program.wait_for_end();
    assert!(status.success(), "{status}: {}", hello.program.said());
}

#[test]
fn a_taken_address_is_named() {
    let hello = Hello::start();
    let addr = hello.addr.to_string();
    let mut second = Program::start(example("hello"), [&addr]);
    let status = second.wait_for_end();
    assert!(!status.success(), "{status}");
    assert!(second.said().contains(&addr), "{}", second.said());
}
