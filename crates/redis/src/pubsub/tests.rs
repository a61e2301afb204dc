//! What a subscriber keeps and when it pauses.

use super::*;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{spawn, yield_now};
use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

/// Keeps messages, of which three may wait, and says what waits then; "missed" is one, too.
fn check(heard: &str, expect: &str) {
    let config = Config { messages_max: 3, ..Config::default() };
    let mut subscriber = Subscriber::new(Rc::new("nobody:6379".into()), Rc::new(config));
    for name in heard.split(' ') {
        let message = |payload: &str| vec!["message".into(), "c".into(), payload.to_owned().into()];
        match name {
            "missed" => subscriber.keep(Event::Missed),
            payload => assert!(subscriber.handle_value(Value::Push(message(payload))).is_ok()),
        }
    }
    let told = subscriber.events.iter().map(|event| match event {
        Event::Message(message) => str::from_utf8(&message.payload).unwrap(),
        Event::Missed => "missed",
    });
    assert_eq!(told.collect::<Vec<_>>().join(" "), expect, "{heard}");
}

#[test]
fn the_oldest_of_too_many_messages_are_missed() {
    check("a b c", "a b c");
    check("a b c d", "missed c d");
    check("a b c d e f", "missed e f");
    check("missed a b", "missed a b");
    check("missed a b c", "missed b c");
}

#[test]
fn whatever_is_heard_but_a_no_says_that_the_connection_was_of_use() {
    let mut subscriber = Subscriber::new(Rc::new("nobody:6379".into()), Rc::new(Config::default()));
    for (value, failures) in [
        (Value::Push(vec!["message".into(), "c".into(), "x".into()]), 0),
        (Value::Push(vec!["subscribe".into(), "c".into(), 1.into()]), 0),
        (Value::status("PONG"), 0),
        (Value::error("NOPERM no"), 3),
    ] {
        subscriber.failures = 3;
        drop(subscriber.handle_value(value.clone()));
        assert_eq!(subscriber.failures, failures, "{value:?}");
    }
}

/// Greets three connections and ends each at once, with something unread, so that it is reset. The fourth
/// stays.
async fn reset_three(listener: TcpListener) -> TcpStream {
    for _ in 0..3 {
        let (stream, _peer) = listener.accept().await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
        stream.write_all(b"+OK\r\n").await.unwrap();
    }
    listener.accept().await.unwrap().0
}

#[test]
fn a_connection_that_is_reset_before_it_was_of_use_counts_as_a_failure() {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut config = Config::default();
        config.reconnect.backoff.first = Duration::ZERO;
        let mut subscriber = Subscriber::new(Rc::new(addr.into()), Rc::new(config));
        let mut serving = spawn(reset_three(listener));
        let _fourth = {
            let mut subscribing = pin!(subscriber.subscribe(["news"]));
            poll_fn(|cx| {
                assert!(subscribing.as_mut().poll(cx).is_pending());
                Pin::new(&mut serving).poll(cx)
            })
            .await
            .unwrap()
        };
        assert_eq!(subscriber.failures, 3);
    });
}

/// Greets a connection and confirms its first channel.
async fn confirm_first(listener: TcpListener) -> TcpStream {
    let (stream, _peer) = listener.accept().await.unwrap();
    stream.write_all(b"+OK\r\n>3\r\n$9\r\nsubscribe\r\n$5\r\nfirst\r\n:1\r\n").await.unwrap();
    stream
}

#[test]
fn a_call_is_not_told_what_was_refused_to_one_that_was_given_up() {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut subscriber = Subscriber::new(Rc::new(addr.into()), Rc::new(Config::default()));
        let serving = spawn(confirm_first(listener));
        subscriber.subscribe(["first"]).await.unwrap();
        let server = serving.await.unwrap();
        poll_fn(|cx| {
            assert!(pin!(subscriber.subscribe(["denied"])).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let answers = b"-NOPERM denied\r\n>3\r\n$9\r\nsubscribe\r\n$3\r\nok1\r\n:2\r\n-NOPERM own\r\n";
        server.write_all(answers).await.unwrap();
        subscriber.subscribe(["ok1"]).await.unwrap();
        let own = subscriber.subscribe(["own"]).await.unwrap_err();
        assert_eq!(own.to_string(), "the server said: NOPERM own");
        let given_up = subscriber.next().await.unwrap_err();
        assert_eq!(given_up.to_string(), "the server said: NOPERM denied");
    });
}

/// Confirms a channel of a shard, says that it has moved, and confirms another channel when the first was asked for again.
async fn take_away(listener: TcpListener, has_confirmed: Rc<Cell<bool>>) -> TcpStream {
    let (stream, _peer) = listener.accept().await.unwrap();
    stream.write_all(b"+OK\r\n>3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n").await.unwrap();
    stream.write_all(b">3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n").await.unwrap();
    let (mut heard, mut buf) = (String::new(), [0; 1024]);
    while heard.matches("SSUBSCRIBE").count() < 2 {
        let count = stream.read(&mut buf).await.unwrap();
        heard.push_str(str::from_utf8(&buf[..count]).unwrap());
    }
    has_confirmed.set(true);
    stream.write_all(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await.unwrap();
    stream
}

#[test]
fn what_is_taken_away_is_told_and_confirms_nothing_else() {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut subscriber = Subscriber::new(Rc::new(addr.into()), Rc::new(Config::default()));
        let has_confirmed = Rc::new(Cell::new(false));
        let serving = spawn(take_away(listener, Rc::clone(&has_confirmed)));
        subscriber.ssubscribe(["s"]).await.unwrap();
        subscriber.subscribe(["news"]).await.unwrap();
        assert!(has_confirmed.get());
        assert_eq!(subscriber.next().await.unwrap(), Event::Missed);
        drop(serving);
    });
}

/// Greets a connection, and answers so when it is asked for a subscription.
async fn answer(listener: &TcpListener, answer: &str) -> TcpStream {
    let (stream, _peer) = listener.accept().await.unwrap();
    stream.write_all(b"+OK\r\n").await.unwrap();
    let (mut heard, mut buf) = (String::new(), [0; 1024]);
    while !heard.contains("SUBSCRIBE") {
        let count = stream.read(&mut buf).await.unwrap();
        heard.push_str(str::from_utf8(&buf[..count]).unwrap());
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream
}

/// Confirms a channel and ends the connection; is held by a script when it is asked again; and then is not.
async fn hold_by_a_script(listener: TcpListener) -> TcpStream {
    let confirmed = ">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
    drop(answer(&listener, confirmed).await);
    let _busy = answer(&listener, "-BUSY Redis is busy running a script.\r\n").await;
    let message = ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n";
    answer(&listener, &[confirmed, message].concat()).await
}

#[test]
fn a_server_that_is_held_for_now_ends_no_subscription() {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut config = Config::default();
        config.reconnect.backoff.first = Duration::ZERO;
        let mut subscriber = Subscriber::new(Rc::new(addr.into()), Rc::new(config));
        let serving = spawn(hold_by_a_script(listener));
        subscriber.subscribe(["news"]).await.unwrap();
        for missed in [true, true, false] {
            assert_eq!(subscriber.next().await.unwrap() == Event::Missed, missed);
        }
        drop(serving);
    });
}

#[test]
fn a_flood_of_messages_leaves_others_their_turn() {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let flooding = spawn(async move {
            let stream = confirm_first(listener).await;
            // Every other is none that a subscriber knows.
            let many = ">3\r\n$7\r\nmessage\r\n$5\r\nfirst\r\n$1\r\nx\r\n>1\r\n+what\r\n".repeat(5_000);
            stream.write_all(many.as_bytes()).await.unwrap();
            stream
        });
        let mut subscriber = Subscriber::new(Rc::new(addr.into()), Rc::new(Config::default()));
        subscriber.subscribe(["first"]).await.unwrap();
        let stream = flooding.await.unwrap();
        let heard = Rc::<Cell<usize>>::default();
        let hearing = Rc::clone(&heard);
        let reading = spawn(async move {
            while subscriber.next().await.is_ok() {
                hearing.set(hearing.get() + 1);
            }
        });
        let (mut before, mut most) = (0, 0);
        while heard.get() < 5_000 {
            yield_now().await;
            most = most.max(heard.get() - before);
            before = heard.get();
        }
        assert!((32..=128).contains(&most), "{most} in one turn");
        reading.abort_handle().abort();
        drop(stream);
    });
}
