//! What Linux does, the world does: the same scripts over the loopback device and in the world, with the same outcomes.
//!
//! A script is what two programs do with the ends of a connection, a step after the other; each is over, and known at the
//! other end, before the next. What is expected was found on Linux 6.18, and is why the world does so.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::task::Poll;
use std::time::Duration;

use ekiden_reactor::driver::{ConnectOptions, ListenOptions};
use ekiden_reactor::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream, lookup_host};
use ekiden_sim::{Config, Sim};

/// Scripts of TCP, and what each of their steps answers. `c` has connected, `s` was accepted.
const OF_TCP: &[(&str, &str)] = &[
    // What had come before a reset can be read, and only then is it told, once; if it was not told by a write.
    (
        "s write 5, s reset, c read 3, c read 9, c read 9, c read 9, c write 1",
        "5, -, 3, 2, ConnectionReset, 0, BrokenPipe",
    ),
    (
        "s write 5, s reset, c write 1, c write 1, c read 9, c read 9",
        "5, -, ConnectionReset, BrokenPipe, 5, 0",
    ),
    // To close on what was not read is a reset; whether its reader has shut that direction or not.
    ("c write 3, s close, c read 9, c read 9, c write 1", "3, -, ConnectionReset, 0, BrokenPipe"),
    ("c write 3, s shut read, s close, c read 9", "3, -, -, ConnectionReset"),
    ("c write 3, c shut write, s close, c read 9, c write 1", "3, -, -, ConnectionReset, BrokenPipe"),
    ("c write 3, s read 9, s close, c read 9, c write 1", "3, 3, -, 0, 1"),
    // Who speaks to one that has closed is reset. It has heard the end, so reading tells that, and writing of a broken pipe.
    ("s close, c write 1, c read 9, c write 1, c write 1, c read 9", "-, 1, 0, BrokenPipe, BrokenPipe, 0"),
    ("s write 2, s close, c write 1, c read 9, c read 9, c write 1", "2, -, 1, 2, 0, BrokenPipe"),
    // One that has said its end, and is reset then, is told of the reset by reading, and of its own end by writing first.
    ("c shut write, s reset, c read 9, c write 1, c read 9", "-, -, ConnectionReset, BrokenPipe, 0"),
    // Who shuts reading reads what has come and what still comes, and never waits.
    (
        "c shut read, c read 9, s write 3, c read 9, c read 9, s write 1, c write 1, s read 9",
        "-, 0, 3, 3, 0, 1, 1, 1",
    ),
    ("s write 3, c shut read, c read 9, c read 9", "3, -, 3, 0"),
    // Who shuts both hears no more: what comes then resets both, and what had come before is still there.
    ("c shut both, s write 3, c read 9, c write 1, c read 9", "-, 3, ConnectionReset, BrokenPipe, 0"),
    ("c shut both, s write 3, s write 1, s write 1, s read 9", "-, 3, BrokenPipe, BrokenPipe, 0"),
    ("c shut write, c shut read, s write 3, c read 9, s write 1", "-, -, 3, ConnectionReset, BrokenPipe"),
    ("s write 3, c shut both, s write 3, c read 9, c read 9", "3, -, 3, 3, ConnectionReset"),
    // A connection both of whose ends have been said is none any more.
    (
        "c peer, c shut write, s shut write, c peer, s peer, c shut write, s shut read",
        "-, -, -, NotConnected, NotConnected, NotConnected, NotConnected",
    ),
    (
        "c shut write, s shut write, c read 9, s read 9, c write 1, s write 1",
        "-, -, 0, 0, BrokenPipe, BrokenPipe",
    ),
    ("s close, c shut write, c read 9, c write 1, c peer", "-, -, 0, BrokenPipe, NotConnected"),
    ("c shut write, c shut write", "-, -"),
    // So is one that was reset, and that is not told by shutting it.
    (
        "s reset, c shut write, c shut read, c peer, c read 9",
        "-, NotConnected, NotConnected, NotConnected, ConnectionReset",
    ),
    // To write or read nothing fails, and waits, as with something.
    ("s reset, c write 0, c write 0", "-, ConnectionReset, BrokenPipe"),
    ("s reset, c read 0, c read 0", "-, ConnectionReset, 0"),
    ("c shut write, c write 0", "-, BrokenPipe"),
    ("c read 0, s write 1, c read 0, c read 9", "wait, 1, 0, 1"),
    // When the connection is gone, whether or not anybody reads.
    ("c gone, s close, c gone, c write 1, c gone", "no, -, no, 1, yes"),
    ("c shut write, c gone, s shut write, c gone, s gone", "-, no, -, yes, yes"),
    ("c shut both, c gone, s gone", "-, yes, no"),
    ("s reset, c gone", "-, yes"),
    ("c read 9, s write 1, c read 9, c read 9", "wait, 1, 1, wait"),
    // What is small is sent at once unless somebody asks for something else, which is remembered.
    (
        "c hurries, s hurries, c hurry no, c hurries, s hurries, c hurry yes, c hurries",
        "yes, yes, -, no, yes, -, yes",
    ),
];

/// Scripts of UDP. `a` and `b` are bound, and `a` is connected to `b`; `n` is bound only.
const OF_UDP: &[(&str, &str)] = &[
    // That nobody receives it is told once, to who is connected, by whatever it does next, and before what has come.
    ("b close, a send 1, a recv 9, a recv 9", "-, 1, ConnectionRefused, wait"),
    ("b close, a send 1, a send 1, a send 1", "-, 1, ConnectionRefused, 1"),
    ("b send 5, b close, a send 1, a recv 9, a recv 9", "5, -, 1, ConnectionRefused, 5"),
    ("b close, n to b, n recv 9, n to b", "-, 1, wait, 1"),
    // So it is where somebody receives, and only from another.
    ("n to a, n recv 9, a recv 9", "1, wait, wait"),
    ("n connect a, n send 1, n recv 9", "-, 1, ConnectionRefused"),
    // What does not fit is cut off when it is received, and refused when it is sent.
    ("b send 6, a recv 2, a recv 9", "6, 2, wait"),
    ("b send 0, a recv 9, a recv 9", "0, 0, wait"),
    ("a send 65507, b recv 9, a send 65508", "65507, 9, error 90"),
    ("b send 6, a peek 2, a recv 9", "6, 2, 6"),
    // Who is not connected has nobody to send to, and nobody is at port 0.
    ("n send 1, n to 0", "error 89, InvalidInput"),
    // A socket of IPv4 has nothing to do with addresses of IPv6, and what was said before still holds.
    ("n to v6, n connect v6, n send 1", "error 97, Uncategorized, error 89"),
    ("a to v6, a connect v6, a send 1, b recv 9", "error 97, Uncategorized, 1, 1"),
];

#[test]
fn what_programs_see_of_tcp_is_what_linux_shows_them() {
    hold(OF_TCP, async |script| {
        let (c, s, _listener) = connected().await.unwrap();
        let mut ends = [("c", Some(c)), ("s", Some(s))];
        let pair = connected().await.unwrap();
        let mut answers = Vec::new();
        for step in script.split(", ") {
            answers.push(tcp_step(&mut ends, step).await);
            settle(&pair.0, &pair.1).await;
        }
        answers.join(", ")
    });
}

#[test]
fn what_programs_see_of_udp_is_what_linux_shows_them() {
    hold(OF_UDP, async |script| {
        let bound = async || UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (a, b, n) = (bound().await, bound().await, bound().await);
        let (at_a, at_b) = (a.local_addr().unwrap(), b.local_addr().unwrap());
        a.connect(at_b).await.unwrap();
        b.connect(at_a).await.unwrap();
        let mut sockets = [("a", Some(a)), ("b", Some(b)), ("n", Some(n))];
        let pair = connected().await.unwrap();
        let mut answers = Vec::new();
        for step in script.split(", ") {
            answers.push(udp_step(&mut sockets, (at_a, at_b), step).await);
            settle(&pair.0, &pair.1).await;
        }
        answers.join(", ")
    });
}

/// Whether one can listen somewhere, in the order in which it is asked.
const OF_PORTS: &str = "\
    taken, taken, free, taken | strict taken, free, taken | strict taken, free, free | taken";

#[test]
fn ports_are_taken_and_free_as_on_linux() {
    hold(&[("", OF_PORTS)], async |_| {
        let listen = |addr: SocketAddr| TcpListener::listen(addr, &ListenOptions::default());
        let can = |addr| if listen(addr).is_ok() { "free" } else { "taken" };
        let can_strictly = |addr| {
            let mut strict = ListenOptions::default();
            strict.reuse_address = false;
            if TcpListener::listen(addr, &strict).is_ok() { "strict free" } else { "strict taken" }
        };
        let elsewhere = |addr: SocketAddr, ip| SocketAddr::new(Ipv4Addr::from(ip).into(), addr.port());
        let (pair, (c, s, listener)) = (connected().await.unwrap(), connected().await.unwrap());
        let (at, of_client) = (listener.local_addr().unwrap(), c.local_addr().unwrap());
        // One listener has a port, of an address or of all.
        let mut answers = vec![can(at), can(elsewhere(at, [0; 4])), can(elsewhere(at, [127, 0, 0, 2]))];
        drop(listener);
        let other = listen(elsewhere(at, [127, 0, 0, 2])).unwrap();
        answers.push(can(elsewhere(at, [0; 4])));
        drop(other);
        // Its connections go on without it, and another may have it then; the port of who has connected nobody may have.
        answers.extend(["|", can_strictly(at), can(at), can(of_client)]);
        // So it is when they are closed, for a minute, at the end of whoever was the first to close.
        drop(s);
        settle(&pair.0, &pair.1).await;
        drop(c);
        settle(&pair.0, &pair.1).await;
        answers.extend(["|", can_strictly(at), can(at), can(of_client)]);
        let (c, s, _listener) = connected().await.unwrap();
        let of_client = c.local_addr().unwrap();
        drop(c);
        settle(&pair.0, &pair.1).await;
        drop(s);
        settle(&pair.0, &pair.1).await;
        answers.extend(["|", can(of_client)]);
        answers.join(", ").replace(", |,", " |")
    });
}

/// Three have connected and a fourth waits; the first, who has reset, is accepted; when the listener goes another is reset.
const OF_BACKLOG: &str = "waits, waits, ConnectionReset, ConnectionReset";

#[test]
fn a_backlog_holds_one_more_than_it_says_as_on_linux() {
    hold(&[("", OF_BACKLOG)], async |_| {
        let mut options = ListenOptions::default();
        options.backlog = 2;
        let listener = TcpListener::listen("127.0.0.1:0".parse().unwrap(), &options).unwrap();
        let (at, pair) = (listener.local_addr().unwrap(), connected().await.unwrap());
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(TcpStream::connect(at).await.unwrap());
            settle(&pair.0, &pair.1).await;
        }
        let mut answers = Vec::new();
        let mut fourth = Box::pin(TcpStream::connect(at));
        for _ in 0..2 {
            let is_connected = poll_fn(|cx| Poll::Ready(fourth.as_mut().poll(cx).is_ready())).await;
            answers.push((if is_connected { "is connected" } else { "waits" }).to_owned());
            settle(&pair.0, &pair.1).await;
        }
        streams[0].set_zero_linger().unwrap();
        drop(streams.remove(0));
        settle(&pair.0, &pair.1).await;
        let (accepted, _) = listener.accept().await.unwrap();
        settle(&pair.0, &pair.1).await;
        answers.push(once(|cx| accepted.poll_read(cx, &mut [0])).await);
        drop(listener);
        settle(&pair.0, &pair.1).await;
        answers.push(once(|cx| streams[0].poll_read(cx, &mut [0])).await);
        answers.join(", ")
    });
}

/// Who is reached at which of the addresses of one's own machine, and from where; in the order in which it is asked.
const OF_ADDRS: &str = "\
    at 2 127.0.0.2 from 127.0.0.1 | at 1 127.0.0.1 from 127.0.0.1 | ConnectionRefused | at 1 127.0.0.1 from 127.0.0.1 | \
    NetworkUnreachable | NetworkUnreachable | 127.0.0.1: 1 from 127.0.0.1";

#[test]
fn each_address_of_loopback_is_one_of_its_own_as_on_linux() {
    hold(&[("", OF_ADDRS)], async |_| {
        let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = one.local_addr().unwrap().port();
        // Nobody else of this machine may have it there.
        let Ok(two) = TcpListener::bind(SocketAddr::from(([127, 0, 0, 2], port))).await else {
            return "the port is another's".to_owned();
        };
        let mut answers = Vec::new();
        for ip in [[127, 0, 0, 2], [127, 0, 0, 1], [127, 0, 0, 3], [0; 4], [255; 4], [224, 0, 0, 1]] {
            let stream = match TcpStream::connect(SocketAddr::from((ip, port))).await {
                Ok(stream) => stream,
                Err(error) => {
                    // With what it was that failed, so without its number.
                    answers.push(format!("{:?}", error.kind()));
                    continue;
                }
            };
            let (peer, local) = (stream.peer_addr().unwrap().ip(), stream.local_addr().unwrap());
            let which = if peer == two.local_addr().unwrap().ip() { &two } else { &one };
            let number = if std::ptr::eq(which, &two) { 2 } else { 1 };
            assert_eq!(which.accept().await.unwrap().1, local);
            answers.push(format!("at {number} {peer} from {}", local.ip()));
        }
        // One who speaks to no address in particular hears the answer.
        let (a, b) =
            (UdpSocket::bind("0.0.0.0:0").await.unwrap(), UdpSocket::bind("0.0.0.0:0").await.unwrap());
        a.connect((Ipv4Addr::UNSPECIFIED, b.local_addr().unwrap().port())).await.unwrap();
        a.send(&[7]).await.unwrap();
        let (_, from) = b.recv_from(&mut [0]).await.unwrap();
        b.send_to(&[8], from).await.unwrap();
        let heard = a.recv(&mut [0; 9]).await.unwrap();
        answers.push(format!("{}: {heard} from {}", a.peer_addr().unwrap().ip(), from.ip()));
        answers.join(" | ")
    });
}

#[test]
fn a_name_that_is_not_known_is_an_error_of_the_same_kind_as_on_linux() {
    // One that no resolver of the system asks anybody for.
    hold(&[("no such:80", "Uncategorized")], async |name| {
        format!("{:?}", lookup_host(name).await.unwrap_err().kind())
    });
}

#[test]
fn whether_what_is_small_is_sent_at_once_is_as_was_asked_for_as_on_linux() {
    hold(&[("", "false, false")], async |_| {
        let (mut to_listen, mut to_connect) = (ListenOptions::default(), ConnectOptions::default());
        (to_listen.nodelay, to_connect.nodelay) = (false, false);
        let listener = TcpListener::listen("127.0.0.1:0".parse().unwrap(), &to_listen).unwrap();
        let c = TcpStream::connect_with(listener.local_addr().unwrap(), &to_connect).await.unwrap();
        let (s, _) = listener.accept().await.unwrap();
        format!("{}, {}", c.nodelay().unwrap(), s.nodelay().unwrap())
    });
}

/// What Unix sockets say, in the order in which they are asked.
const OF_UNIX: &str = "wait, 1, 0, 1, error 90, NotConnected, BrokenPipe, ConnectionReset";

#[test]
fn what_programs_see_of_unix_sockets_is_what_linux_shows_them() {
    hold(&[("", OF_UNIX)], async |_| {
        let mut answers = Vec::new();
        let (a, b) = UnixStream::pair().unwrap();
        answers.push(once(|cx| a.poll_read(cx, &mut [])).await);
        answers.push(once(|cx| b.poll_write(cx, &[7])).await);
        answers.push(poll_fn(|cx| a.poll_read(cx, &mut [])).await.unwrap().to_string());
        answers.push(once(|cx| a.poll_read(cx, &mut [0; 9])).await);
        let (datagrams, _peer) = UnixDatagram::pair().unwrap();
        answers.push(once(|cx| datagrams.poll_send(cx, &[7; 300_000])).await);
        let alone = UnixDatagram::unbound().unwrap();
        answers.push(once(|cx| alone.poll_send(cx, &[7])).await);
        assert_eq!(a.try_write(&[7]).unwrap(), Some(1));
        drop(b);
        answers.push(once(|cx| a.poll_write(cx, &[7])).await);
        answers.push(once(|cx| a.poll_read(cx, &mut [0; 9])).await);
        answers.join(", ")
    });
}

/// Plays each script over the loopback device and in the world.
fn hold(scripts: &'static [(&str, &str)], play: impl AsyncFn(&'static str) -> String + Copy + 'static) {
    for (script, expected) in scripts.iter().filter(|_| cfg!(target_os = "linux")) {
        // A machine that is busy hands packets on later than it should have, and then nothing is as it was written.
        let played = || ekiden_reactor::run(play(script));
        let answers = (0..TIMES).map(|_| played()).find(|answers| answers == expected).unwrap_or_else(played);
        assert_eq!(answers, *expected, "Linux: {script}");
    }
    let mut config = Config::default();
    (config.short_one_in, config.window_bytes) = (0, 64 * 1024..=64 * 1024);
    config.latency_within = Duration::from_micros(1)..=Duration::from_micros(3);
    // Some seeds, as little is drawn.
    for seed in 0..10 {
        Sim::with_config(seed, config.clone()).run(async move |_sim| {
            for (script, expected) in scripts {
                assert_eq!(play(script).await, *expected, "the world: {script}");
            }
        });
    }
}

pub(crate) const TIMES: usize = 20;

/// A client, who was accepted, and where.
pub(crate) async fn connected() -> io::Result<(TcpStream, TcpStream, TcpListener)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;
    Ok((client, server, listener))
}

/// Until what was sent before has arrived, and is known: as it is when what is sent later has, many times. In the world one
/// packet may take as long as three.
pub(crate) async fn settle(one: &TcpStream, two: &TcpStream) {
    for _ in 0..5 {
        one.write_all(&[0]).await.unwrap();
        // Who reads less than he could has to be told that there is more, and by then so is everybody else.
        assert_eq!(two.read(&mut [0; 2]).await.unwrap(), 1);
        two.write_all(&[0]).await.unwrap();
        assert_eq!(one.read(&mut [0; 2]).await.unwrap(), 1);
    }
}

pub(crate) async fn tcp_step(ends: &mut [(&str, Option<TcpStream>)], step: &str) -> String {
    let (who, what) = step.split_once(' ').unwrap();
    let end = &mut ends.iter_mut().find(|(name, _)| *name == who).unwrap().1;
    let stream = end.as_ref().unwrap();
    let mut buf = [0; 100];
    match what.split_once(' ').unwrap_or((what, "")) {
        ("read", n) => once(|cx| stream.poll_read(cx, &mut buf[..n.parse().unwrap()])).await,
        ("write", n) => once(|cx| stream.poll_write(cx, &[7; 100][..n.parse().unwrap()])).await,
        ("shut", "read") => outcome(stream.shutdown(Shutdown::Read)),
        ("shut", "write") => outcome(stream.shutdown(Shutdown::Write)),
        ("shut", "both") => outcome(stream.shutdown(Shutdown::Both)),
        ("peer", _) => outcome(stream.peer_addr().map(drop)),
        ("hurry", yes) => outcome(stream.set_nodelay(yes == "yes")),
        ("hurries", _) => (if stream.nodelay().unwrap() { "yes" } else { "no" }).to_owned(),
        ("gone", _) => {
            let mut hangup = std::pin::pin!(stream.hangup());
            let is_gone = poll_fn(|cx| Poll::Ready(hangup.as_mut().poll(cx).is_ready())).await;
            (if is_gone { "yes" } else { "no" }).to_owned()
        }
        ("close", _) => {
            *end = None;
            "-".to_owned()
        }
        ("reset", _) => {
            stream.set_zero_linger().unwrap();
            *end = None;
            "-".to_owned()
        }
        _ => panic!("{step}"),
    }
}

async fn udp_step(
    sockets: &mut [(&str, Option<UdpSocket>)],
    (at_a, at_b): (SocketAddr, SocketAddr),
    step: &str,
) -> String {
    let (who, what) = step.split_once(' ').unwrap();
    let socket = &mut sockets.iter_mut().find(|(name, _)| *name == who).unwrap().1;
    let open = socket.as_ref().unwrap();
    let (mut buf, sent) = (vec![0; 70_000], vec![7; 70_000]);
    match what.split_once(' ').unwrap_or((what, "")) {
        ("to", "b") => once(|cx| open.poll_send_to(cx, &[7], at_b)).await,
        ("send", n) => once(|cx| open.poll_send(cx, &sent[..n.parse().unwrap()])).await,
        ("to", "v6") => once(|cx| open.poll_send_to(cx, &[7], (Ipv6Addr::LOCALHOST, 9).into())).await,
        ("connect", "v6") => {
            // With the address, so without its number.
            let error = open.connect((Ipv6Addr::LOCALHOST, 9)).await.unwrap_err();
            format!("{:?}", error.kind())
        }
        ("to", "0") => once(|cx| open.poll_send_to(cx, &[7], "127.0.0.1:0".parse().unwrap())).await,
        ("to", "a") => once(|cx| open.poll_send_to(cx, &[7], at_a)).await,
        ("recv", n) => once(|cx| open.poll_recv(cx, &mut buf[..n.parse().unwrap()])).await,
        ("peek", n) => {
            let peeked = open.try_peek_from(&mut buf[..n.parse().unwrap()]).map(|peeked| peeked.unwrap().0);
            peeked.map_or_else(|error| name(&error), |n| n.to_string())
        }
        ("connect", "a") => outcome(open.connect(at_a).await),
        ("close", _) => {
            *socket = None;
            "-".to_owned()
        }
        _ => panic!("{step}"),
    }
}

/// What comes of it at once.
async fn once(mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<io::Result<usize>>) -> String {
    match poll_fn(|cx| Poll::Ready(poll(cx))).await {
        Poll::Ready(Ok(n)) => n.to_string(),
        Poll::Ready(Err(error)) => name(&error),
        Poll::Pending => "wait".to_owned(),
    }
}

fn outcome(result: io::Result<()>) -> String {
    result.map_or_else(|error| name(&error), |()| "-".to_owned())
}

/// Each has a number, in the world too. Those for which std has no kind are told by it.
fn name(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number @ (EDESTADDRREQ | EMSGSIZE | EAFNOSUPPORT)) => format!("error {number}"),
        Some(_) => format!("{:?}", error.kind()),
        None => format!("{error:?} without a number"),
    }
}

const EDESTADDRREQ: i32 = 89;
const EMSGSIZE: i32 = 90;
const EAFNOSUPPORT: i32 = 97;
