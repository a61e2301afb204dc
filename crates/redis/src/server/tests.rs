//! What a connection of a server answers, byte by byte.

use super::*;
use crate::error::Error;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Latch, spawn, yield_now};
use ekiden_service::service_fn;
use std::cell::RefCell;
use std::rc::Rc;

/// Sends something to a server and ends, and says all that it answered, "|" for each line end, and what its service
/// was asked. Whoever is called "bad" may not come in.
fn check(sent: &'static [u8], answered: &str, asked: &[&str]) {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = Rc::new(RefCell::new(Vec::new()));
        let service = service_fn({
            let heard = Rc::clone(&heard);
            async move |command: Command| {
                let args: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
                heard.borrow_mut().push(args.join(" "));
                match args.last().map(|arg| &arg[..]) {
                    Some("bad") => Ok::<_, Error>(Value::error("WRONGPASS no")),
                    Some("fail") => Err(ekiden_service::Refused::new("full").into()),
                    Some("push") => Ok(Value::Push(vec!["a".into()])),
                    _ => Ok(Value::map([("a", true)])),
                }
            }
        });
        let _server = serve(listener, service);
        let stream = Rc::new(TcpStream::connect(addr).await.unwrap());
        let writing = spawn({
            let stream = Rc::clone(&stream);
            async move {
                // The server may have had enough before.
                if stream.write_all(sent).await.is_ok() {
                    drop(stream.shutdown(std::net::Shutdown::Write));
                }
            }
        });
        let mut all = Vec::new();
        let mut buf = [0; 4096];
        loop {
            match stream.read(&mut buf).await.expect("it ends as it should") {
                0 => break,
                count => all.extend_from_slice(&buf[..count]),
            }
        }
        writing.await.unwrap();
        assert_eq!(String::from_utf8(all).unwrap().replace("\r\n", "|"), answered);
        assert_eq!(*heard.borrow(), asked);
    });
}

const GREETING_2: &str = "*12|$6|server|$6|ekiden|$7|version|$5|0.1.0|$5|proto|:2|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0|";
const GREETING_3: &str = "%6|$6|server|$6|ekiden|$7|version|$5|0.1.0|$5|proto|:3|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0|";

#[test]
fn a_connection_speaks_version_2_until_its_client_says_otherwise() {
    check(b"A\r\n", "*2|$1|a|:1|", &["A"]);
    check(b"HELLO\r\n", GREETING_2, &[]);
    check(b"A\r\nHELLO 3\r\nA\r\n", &format!("*2|$1|a|:1|{GREETING_3}%1|$1|a|#t|"), &["A", "A"]);
    check(b"hello 3\r\nHELLO 2\r\nA\r\n", &format!("{GREETING_3}{GREETING_2}*2|$1|a|:1|"), &["A"]);
}

#[test]
fn who_may_come_in_is_for_the_service_to_say() {
    let asked = ["AUTH ada pw", "CLIENT SETNAME me"];
    check(b"HELLO 3 AUTH ada pw SETNAME me\r\n", GREETING_3, &asked);
    check(b"HELLO 3 AUTH ada bad\r\nA\r\n", "-WRONGPASS no|*2|$1|a|:1|", &["AUTH ada bad", "A"]);
    check(b"HELLO 4\r\n", "-NOPROTO unsupported protocol version|", &[]);
    check(b"HELLO 3 AUTH ada\r\n", "-ERR syntax error in HELLO|", &[]);
    check(b"HELLO 3 OTHER\r\n", "-ERR syntax error in HELLO|", &[]);
}

#[test]
fn an_error_of_the_service_is_a_reply() {
    check(b"fail\r\nA\r\n", "-ERR the call was not begun: refused: full|*2|$1|a|:1|", &["fail", "A"]);
}

#[test]
fn what_answers_is_no_push() {
    check(b"push\r\nA\r\n", "*1|$1|a|*2|$1|a|:1|", &["push", "A"]);
    check(b"HELLO 3\r\npush\r\nA\r\n", &format!("{GREETING_3}*1|$1|a|%1|$1|a|#t|"), &["push", "A"]);
}

#[test]
fn quit_is_answered_and_nothing_behind_it_is_served() {
    check(b"A\r\nQUIT\r\nA\r\n", "*2|$1|a|:1|+OK|", &["A"]);
}

#[test]
fn what_is_no_request_is_answered_and_ends_the_connection() {
    check(b"A\r\n*1\r\n:1\r\nA\r\n", "*2|$1|a|:1|-ERR Protocol error: a frame that begins with ':'|", &["A"]);
}

#[test]
fn the_last_answer_arrives_though_more_was_sent() {
    // More than is read at once: a socket that is closed with bytes unread destroys what it had sent.
    const LONG: &[u8; 3_000_006] = &{
        let mut bytes = [b'x'; 3_000_006];
        let quit = b"QUIT\r\n";
        let mut at = 0;
        while at < quit.len() {
            bytes[at] = quit[at];
            at += 1;
        }
        bytes
    };
    check(LONG, "+OK|", &[]);
}

/// A service whose `BLPOP` waits for ever, and tells when it is given up; all else is answered at once, but "SLOW" after
/// some turns of the reactor.
fn waiting(given_up: Rc<Latch>) -> impl Service<Req = Command, Resp = Value, Error = Error> {
    service_fn(async move |command: Command| {
        if command.name() == b"BLPOP" {
            let given_up = Opens(Rc::clone(&given_up));
            std::future::pending::<()>().await;
            drop(given_up);
        }
        if command.name() == b"SLOW" {
            for _ in 0..10 {
                yield_now().await;
            }
        }
        Ok(Value::ok())
    })
}

/// Opens its latch when it is dropped.
struct Opens(Rc<Latch>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Sends to such a server and closes, each in good order, after the answer if there is one; the wait of the service is
/// given up, and what was owed before it is answered. So many may be in flight.
fn check_left(in_flight_max: usize, sent: &'static str, answered: &'static str) {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let given_up = Rc::<Latch>::default();
        let mut config = Config::default();
        config.dispatch.in_flight_max = in_flight_max;
        let server = config.serve(listener, waiting(Rc::clone(&given_up)));
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(sent.replace('|', "\r\n").as_bytes()).await.unwrap();
        let mut answer = vec![0; answered.replace('|', "\r\n").len()];
        let mut read = 0;
        while read < answer.len() {
            read += stream.read(&mut answer[read..]).await.unwrap();
        }
        assert_eq!(String::from_utf8(answer).unwrap().replace("\r\n", "|"), answered);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        given_up.wait().await;
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the connection ends behind what was owed");
        assert_eq!(server.drain(std::time::Duration::from_secs(1)).await.dropped, 0);
    });
}

#[test]
fn who_leaves_while_it_is_waited_for_is_noticed() {
    check_left(1, "BLPOP a 0|", "");
    check_left(1, "PING|SLOW|BLPOP a 0|", "+OK|+OK|");
    // With bytes behind it that are not read, as the one before them is served first.
    check_left(1, "PING|BLPOP a 0|PING|PING|", "+OK|");
    // One among several, of which each may be woken by itself.
    check_left(64, "BLPOP a 0|SLOW|BLPOP b 0|SLOW|", "");
    check_left(64, "PING|BLPOP a 0|SLOW|", "+OK|");
}

#[test]
fn who_says_no_more_is_answered_all_the_same_if_nothing_waits_on_purpose() {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        // Before the server has begun, so that it knows of the end when it asks the service.
        stream.write_all(b"SLOW\r\nPING\r\n").await.unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _server = serve(listener, waiting(Rc::default()));
        let mut answer = Vec::new();
        let mut buf = [0; 64];
        while let count @ 1.. = stream.read(&mut buf).await.unwrap() {
            answer.extend_from_slice(&buf[..count]);
        }
        assert_eq!(answer, b"+OK\r\n+OK\r\n");
    });
}
