//! A listener spread over the cores: who gets the connections, and who does not.

use std::num::NonZero;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::net::{
    Connections, Spread, SpreadListener, TcpListener, TcpStream, UnixListener, UnixStream,
};
use ekiden_reactor::{Config, CoreId, Reactor, Runtime, cores, spawn_on, sync, timeout, yield_now};

/// Where each connection was accepted, in the order in which that was told.
type Accepted = sync::mpsc::Receiver<CoreId>;

/// Runs a test on so many cores, whose clock stands still but for what the test does to it; what the operator was told.
fn by_hand<F: Future<Output = ()>>(threads: usize, test: impl FnOnce(Clock) -> F) -> Vec<String> {
    let (hand, clock) = Hand::new().unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut runtime = Runtime::default();
    runtime.threads = NonZero::new(threads);
    let log = told.clone();
    runtime.config = Arc::new(move |_core| {
        let (log, mut config) = (log.clone(), Config::default());
        config.on_notice = Rc::new(move |notice| log.lock().unwrap().push(notice.to_string()));
        config
    });
    runtime.reactor(hand).run(test(clock));
    let told = told.lock().unwrap();
    told.clone()
}

/// Echoes on every core; each connection until its client closes it.
async fn echo_everywhere(connections_max: usize) -> (std::net::SocketAddr, Connections, Accepted) {
    echo_from(0, connections_max).await
}

/// The same, without the first cores.
async fn echo_from(first: usize, connections_max: usize) -> (std::net::SocketAddr, Connections, Accepted) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let shares = listener.spread(connections_max).unwrap();
    let (connections, (tell, accepted)) = (shares[0].connections(), sync::mpsc::unbounded());
    assert!(shares.iter().map(|share| share.core()).eq(cores()));
    for share in shares.into_iter().skip(first) {
        let tell = tell.clone();
        drop(spawn_on(share.core(), move || async move { echo(share.open().unwrap(), tell).await }));
    }
    (addr, connections, accepted)
}

async fn echo(listener: SpreadListener<TcpListener>, tell: sync::mpsc::Sender<CoreId>) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), peer);
        tell.send(CoreId::current()).await.unwrap();
        drop(ekiden_reactor::spawn(async move {
            let mut buf = [0; 64];
            while let Ok(n @ 1..) = stream.read(&mut buf).await {
                stream.write_all(&buf[..n]).await.unwrap();
            }
        }));
    }
}

/// Connects, and returns when the connection is served.
async fn served(addr: std::net::SocketAddr) -> TcpStream {
    let client = TcpStream::connect(addr).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    assert_eq!(client.read(&mut [0; 64]).await.unwrap(), 5);
    client
}

fn on_each(connections: &Connections) -> Vec<usize> {
    cores().map(|core| connections.open_on(core)).collect()
}

/// Holds a core until the returned sender is dropped or used; waits until it is held.
async fn hold(core: CoreId) -> mpsc::Sender<()> {
    let ((release, released), (held, is_held)) = (mpsc::channel(), sync::oneshot::channel());
    drop(spawn_on(core, move || async move {
        held.send(()).unwrap();
        // Blocks the thread, as no task should.
        let _released = released.recv();
    }));
    is_held.await.unwrap();
    release
}

/// Lets so much time pass that the cores that are held are stuck; the others begin a new turn then.
async fn pass(clock: &Clock, held: &[CoreId]) {
    clock.advance(Duration::from_millis(11));
    for core in cores().filter(|core| !held.contains(core)) {
        spawn_on(core, || async {}).await.unwrap();
    }
}

#[test]
fn sixty_four_connections_on_two_cores_are_thirty_two_and_thirty_two() {
    by_hand(2, async |_clock| {
        let (addr, connections, _accepted) = echo_everywhere(1024).await;
        let mut clients = Vec::new();
        for _ in 0..64 {
            clients.push(served(addr).await);
        }
        assert_eq!(on_each(&connections), [32, 32]);
    });
}

#[test]
fn a_burst_is_spread_evenly_too() {
    for threads in [2, 3, 5] {
        by_hand(threads, async |_clock| {
            let (addr, connections, mut accepted) = echo_everywhere(1024).await;
            let mut clients = Vec::new();
            for _ in 0..60 {
                clients.push(TcpStream::connect(addr).await.unwrap());
            }
            for _ in 0..60 {
                accepted.recv().await.unwrap();
            }
            assert_eq!(on_each(&connections), vec![60 / threads; threads]);
        });
    }
}

#[test]
fn the_core_whose_connections_have_closed_gets_the_next() {
    by_hand(2, async |_clock| {
        let (addr, connections, mut accepted) = echo_everywhere(1024).await;
        let mut clients = Vec::new();
        for _ in 0..6 {
            let client = served(addr).await;
            clients.push((accepted.recv().await.unwrap(), client));
        }
        clients.retain(|(core, _)| core.index() == 0);
        while connections.open() > 3 {
            yield_now().await;
        }
        for _ in 0..3 {
            clients.push((CoreId::new(1), served(addr).await));
            assert_eq!(accepted.recv().await.unwrap(), CoreId::new(1));
        }
        assert_eq!(on_each(&connections), [3, 3]);
    });
}

#[test]
fn a_core_that_is_stuck_gets_no_new_connection_also_if_it_is_one_that_accepts() {
    // The test itself is on core 0, so others are held. On four cores all accept.
    for held in 1..4 {
        by_hand(4, async |clock| {
            let held = CoreId::new(held);
            let (addr, connections, mut accepted) = echo_everywhere(1024).await;
            // So that all are there.
            let mut clients = Vec::new();
            for _ in 0..4 {
                clients.push(served(addr).await);
                accepted.recv().await.unwrap();
            }
            let release = hold(held).await;
            pass(&clock, &[held]).await;
            for _ in 0..9 {
                clients.push(served(addr).await);
                assert_ne!(accepted.recv().await.unwrap(), held);
            }
            assert_eq!(connections.open_on(held), 1);
            assert_eq!(connections.open(), 13);
            drop(release);
            spawn_on(held, || async {}).await.unwrap();
            for _ in 0..3 {
                clients.push(served(addr).await);
                assert_eq!(accepted.recv().await.unwrap(), held);
            }
            assert_eq!(on_each(&connections), [4; 4]);
        });
    }
}

#[test]
fn for_each_core_that_accepts_and_is_stuck_another_takes_over() {
    by_hand(7, async |clock| {
        // Without the core on which the test is.
        let (addr, _connections, mut accepted) = echo_from(1, 1024).await;
        let (mut clients, mut held, mut releases) = (Vec::new(), Vec::new(), Vec::new());
        for core in cores().skip(1).take(5) {
            clients.push(served(addr).await);
            assert!(!held.contains(&accepted.recv().await.unwrap()));
            held.push(core);
            releases.push(hold(core).await);
            pass(&clock, &held).await;
        }
        clients.push(served(addr).await);
        assert_eq!(accepted.recv().await.unwrap(), CoreId::new(6));
        drop(releases);
    });
}

#[test]
fn when_all_that_accept_are_stuck_between_two_connections_another_takes_over() {
    // On the system's clock, by which the watchdog looks.
    let mut runtime = Runtime::default();
    runtime.threads = NonZero::new(7);
    runtime.config = Arc::new(|_core| {
        let mut config = Config::default();
        // It looks for the listener's sake, not for its own.
        config.held_max = Some(PATIENCE * 60);
        config
    });
    runtime.run(async {
        // Without the core on which the test is.
        let (addr, _connections, mut accepted) = echo_from(1, 1024).await;
        let mut clients = Vec::new();
        // Until each has been there, and the first of them accept.
        for _ in 0..12 {
            clients.push(served(addr).await);
            accepted.recv().await.unwrap();
        }
        let mut releases = Vec::new();
        for core in cores().skip(1).take(4) {
            releases.push(hold(core).await);
        }
        let late = timeout(PATIENCE, served(addr)).await;
        assert!(late.is_ok(), "nobody accepts");
        let by = accepted.recv().await.unwrap();
        assert!(by.index() > 4, "it was accepted on {by}");
        drop(releases);
    });
}

/// Met only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn while_all_others_are_stuck_one_core_serves_everybody() {
    by_hand(4, async |clock| {
        let (addr, connections, mut accepted) = echo_everywhere(1024).await;
        let mut clients = vec![served(addr).await];
        accepted.recv().await.unwrap();
        let mut releases = Vec::new();
        for core in cores().skip(1) {
            releases.push(hold(core).await);
        }
        pass(&clock, &cores().skip(1).collect::<Vec<_>>()).await;
        let before = connections.open_on(CoreId::new(0));
        for _ in 0..5 {
            clients.push(served(addr).await);
            assert_eq!(accepted.recv().await.unwrap(), CoreId::new(0));
        }
        assert_eq!(connections.open_on(CoreId::new(0)), before + 5);
        drop(releases);
    });
}

#[test]
fn what_was_placed_on_a_core_that_is_stuck_is_placed_anew() {
    by_hand(2, async |clock| {
        let (addr, connections, mut accepted) = echo_everywhere(1024).await;
        let one = CoreId::new(1);
        let _clients = [served(addr).await, served(addr).await];
        for _ in 0..2 {
            accepted.recv().await.unwrap();
        }
        let _release = hold(one).await;
        // Nobody can see yet that it is stuck: one of these is placed there, and waits.
        let _more = [TcpStream::connect(addr).await.unwrap(), TcpStream::connect(addr).await.unwrap()];
        assert_eq!(accepted.recv().await.unwrap(), CoreId::new(0));
        while on_each(&connections) != [2, 2] {
            yield_now().await;
        }
        pass(&clock, &[one]).await;
        assert_eq!(accepted.recv().await.unwrap(), CoreId::new(0));
        assert_eq!(on_each(&connections), [3, 1]);
    });
}

#[test]
fn a_share_that_is_not_opened_gives_its_connections_to_the_others() {
    run_on_two(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut shares = listener.spread(8).unwrap().into_iter();
        let (here, there) = (shares.next().unwrap().open().unwrap(), shares.next().unwrap());
        let _clients = [TcpStream::connect(addr).await.unwrap(), TcpStream::connect(addr).await.unwrap()];
        let first = here.accept().await.unwrap();
        assert!(futures_util::FutureExt::now_or_never(here.accept()).is_none());
        assert_eq!(on_each(&here.connections()), [1, 1]);
        drop(there);
        let second = here.accept().await.unwrap();
        assert_eq!(on_each(&here.connections()), [2, 0]);
        drop((first, second));
        assert_eq!(here.connections().open(), 0);
    });
}

/// By a clock that stands still: a core that gets no processor for a while is not stuck by it.
fn run_on_two(test: impl Future<Output = ()>) {
    by_hand(2, |_clock| test);
}

#[test]
fn the_maximum_holds_for_all_cores_together() {
    let told = by_hand(2, async |_clock| {
        let (addr, connections, mut accepted) = echo_everywhere(3).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(served(addr).await);
            accepted.recv().await.unwrap();
        }
        for _ in 0..2 {
            let waits = TcpStream::connect(addr).await.unwrap();
            for _ in 0..20 {
                yield_now().await;
            }
            assert_eq!(connections.open(), 3);
            assert_eq!(accepted.try_recv(), Ok(None));
            clients.remove(0);
            accepted.recv().await.unwrap();
            clients.push(waits);
        }
    });
    assert!(told.len() <= 2, "each core that accepts may say so: {told:?}");
    assert_eq!(told[0], "warning: accept: 3 connections are open, the most allowed; new ones wait");
}

#[test]
fn when_all_cores_have_left_nobody_listens_any_more() {
    run_on_two(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut left = Vec::new();
        let (go, _) = sync::broadcast::channel::<()>(1);
        for share in listener.spread(8).unwrap() {
            let mut going = go.subscribe();
            left.push(spawn_on(share.core(), move || async move {
                let listener = share.open().unwrap();
                let (stream, _) = listener.accept().await.unwrap();
                going.recv().await.unwrap();
                drop(listener);
                stream.write_all(format!("{}", CoreId::current()).as_bytes()).await.unwrap();
            }));
        }
        let clients = [TcpStream::connect(addr).await.unwrap(), TcpStream::connect(addr).await.unwrap()];
        let mut buf = [0; 64];
        go.send(()).unwrap();
        for client in &clients {
            assert_eq!(client.read(&mut buf).await.unwrap(), "core 0".len());
        }
        for left in left {
            left.await.unwrap();
        }
        // The watchdog's thread may just be looking after it, and holds it so long.
        let refused = loop {
            match TcpStream::connect(addr).await {
                Ok(_) => yield_now().await,
                // It was let go while this one waited to be accepted.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn unix_streams_are_spread_as_well() {
    let path = std::env::temp_dir().join(format!("ekiden-spread-{}.sock", std::process::id()));
    run_on_two(async {
        drop(std::fs::remove_file(&path));
        let shares = UnixListener::bind(&path).unwrap().spread(8).unwrap();
        let connections = shares[0].connections();
        let mut servers = Vec::new();
        for share in shares {
            servers.push(spawn_on(share.core(), move || async move {
                let (stream, _) = share.open().unwrap().accept().await.unwrap();
                stream.write_all(b"hello").await.unwrap();
                stream.read(&mut [0; 8]).await.unwrap()
            }));
        }
        let clients = [UnixStream::connect(&path).await.unwrap(), UnixStream::connect(&path).await.unwrap()];
        for client in &clients {
            assert_eq!(client.read(&mut [0; 64]).await.unwrap(), 5);
        }
        assert_eq!(on_each(&connections), [1, 1]);
        drop(clients);
        for server in servers {
            assert_eq!(server.await.unwrap(), 0);
        }
        assert_eq!(connections.open(), 0);
    });
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn the_loop_accepts_before_any_task_can_hold_the_core() {
    run_on_two(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = listener.spread(8).unwrap().remove(0).open().unwrap();
        let _client = TcpStream::connect(addr).await.unwrap();
        // Nobody asks it for a connection, and what stands is told with the next look at the world.
        for _ in 0..100 {
            yield_now().await;
        }
        assert_eq!(listener.connections().open(), 1);
        assert!(listener.try_accept().unwrap().is_some());
    });
}

#[test]
fn by_itself_a_core_has_all_connections() {
    Reactor::new(Config::default()).unwrap().run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut shares = listener.spread(8).unwrap();
        let listener = shares.remove(0).open().unwrap();
        assert!(shares.is_empty());
        let client = TcpStream::connect(addr).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 5);
        assert_eq!(listener.connections().open(), 1);
        drop(stream);
        assert_eq!(listener.connections().open(), 0);
    });
}
