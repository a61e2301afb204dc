//! Ctrl-C in the middle of things: what was begun is ended in order, or at once by whoever presses it twice.

use super::bystanders::{Bystanders, Language};
use super::peer::{End, Peer};
use super::started::Started;

/// A `hello` that has been asked to end, while one connection is idle and another is in the middle of a request.
struct Draining {
    server: Started,
    asking: Peer,
}

impl Draining {
    #[track_caller]
    fn by(signal: &str) -> Self {
        let server = Started::new("hello");
        let mut bystanders = Bystanders::arrive(server.addr, Language::Http);
        let [mut idle, mut asking] = [Peer::connect(server.addr), Peer::connect(server.addr)];
        idle.send("GET /idle HTTP/1.1\r\nHost: x\r\n\r\n");
        idle.read_until(|answer| answer.ends_with("hello, idle\n"));
        asking.send("GET /asking HTTP/1.1\r\nHo");
        bystanders.are_served();
        server.program.signal(signal);
        assert_eq!(idle.read_to_end(), (String::new(), End::Closed), "an idle connection");
        Self { server, asking }
    }
}

#[test]
fn one_signal_drains() {
    for signal in ["INT", "TERM"] {
        let Draining { mut server, mut asking } = Draining::by(signal);
        assert!(asking.hears_nothing(), "{signal}: it is still owed an answer");
        asking.send("st: x\r\n\r\n");
        let (answer, end) = asking.read_to_end();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{signal}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{signal}: {answer}");
        assert!(answer.ends_with("\r\n\r\nhello, asking\n") && end == End::Closed, "{signal}: {answer}");
        assert_eq!(server.ends(Ok(0)), [""; 0], "{signal}");
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    for (first, second, number) in [("INT", "INT", 2), ("TERM", "INT", 2), ("INT", "TERM", 15)] {
        let Draining { mut server, mut asking } = Draining::by(first);
        server.program.signal(second);
        assert_eq!(server.ends(Err(number)), [""; 0], "{first}, {second}");
        assert_eq!(asking.read_to_end().0, "", "{first}, {second}");
    }
}

#[test]
fn every_example_ends_in_order_when_nothing_is_owed() {
    for (name, language) in [
        ("hello", Language::Http),
        ("lines", Language::Lines),
        ("ticks", Language::Lines),
        ("echo", Language::Lines),
    ] {
        for signal in ["INT", "TERM"] {
            let mut server = Started::new(name);
            let bystanders = Bystanders::arrive(server.addr, language);
            server.program.signal(signal);
            bystanders.leave();
            assert_eq!(server.ends(Ok(0)), [""; 0], "{name}, {signal}");
        }
    }
}
