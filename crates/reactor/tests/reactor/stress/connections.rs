//! Connections that are handed from core to core while their tasks panic, are aborted, or are in no hurry; while cores are
//! held, more come than may be open, and one core accepts no longer.

use std::io;
use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ekiden_reactor::net::{Placed, Spread, TcpListener, TcpStream};
use ekiden_reactor::{
    Config, Instant, JoinHandle, OnLostPanic, Runtime, TaskGroup, blocking, on_every_core, spawn, spawn_on,
    timeout, yield_now,
};

use super::{Alive, CORES, Draw, quiet, seeds};

const CLIENTS: usize = 60;

/// Fewer than there are clients at once, so that some wait in the kernel.
const CONNECTIONS_MAX: usize = 10;

/// Longer than a core may be held before it is passed over.
const HELD: Duration = Duration::from_millis(12);

/// Some seconds: met only by a test that fails.
const YIELDS_MAX: usize = 10_000_000;

/// Met only by a test that fails, too.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn connections_that_are_handed_over_are_answered_or_closed_and_give_their_places_back() {
    for seed in seeds() {
        let (alive, told) = (Arc::<AtomicUsize>::default(), Arc::default());
        let mut runtime = Runtime::default();
        runtime.threads = NonZero::new(CORES);
        runtime.config = {
            let told = Arc::clone(&told);
            Arc::new(move |_core| {
                let mut config = Config::default();
                config.on_notice = quiet(&told);
                config.on_lost_panic = OnLostPanic::Report;
                config
            })
        };
        runtime.run(round(seed, alive.clone()));
        assert_eq!(alive.load(Ordering::SeqCst), 0, "so much was never dropped, by seed {seed}");
    }
}

async fn round(seed: u64, alive: Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let shares = listener.spread(CONNECTIONS_MAX).unwrap();
    let connections = shares[0].connections();
    let accepted = Arc::<AtomicUsize>::default();
    let servers: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let (alive, accepted) = (alive.clone(), accepted.clone());
            spawn_on(share.core(), move || async move {
                let (listener, mut draw) = (share.open().unwrap(), Draw(seed));
                let mut tasks: Vec<JoinHandle<()>> = Vec::new();
                loop {
                    let (stream, _peer) = listener.accept().await.unwrap();
                    accepted.fetch_add(1, Ordering::SeqCst);
                    let alive = Alive::new(&alive);
                    tasks.push(spawn(async move {
                        let _alive = alive;
                        // That a client has gone is its own business.
                        drop(serve(stream).await);
                    }));
                    if draw.below(8) == 0 {
                        tasks[draw.below(tasks.len())].abort();
                    }
                    if draw.below(16) == 0 {
                        // Its turn ends, while more comes.
                        drop(blocking(|| ()).await);
                    }
                    if draw.below(24) == 0 {
                        // Held, so that others are given what waits here.
                        let until = Instant::now() + HELD;
                        while Instant::now() < until {
                            std::hint::spin_loop();
                        }
                    }
                }
            })
        })
        .collect();
    let clients = on_every_core({
        let alive = alive.clone();
        move || ask(addr, alive.clone(), Draw(seed * 7))
    });
    // In the middle of it, one core leaves what it has heard of and what waits for it to the others.
    for _ in 0..YIELDS_MAX {
        if accepted.load(Ordering::SeqCst) >= CLIENTS {
            break;
        }
        yield_now().await;
    }
    servers[1].abort();
    for client in clients {
        let done = timeout(PATIENCE, client).await;
        done.unwrap_or_else(|_| panic!("a client waits and nobody looks, by seed {seed}")).unwrap();
    }
    // All have hung up: each task sees it, and gives its place back.
    let mut open = connections.open();
    for _ in 0..YIELDS_MAX {
        if open == 0 {
            break;
        }
        yield_now().await;
        open = connections.open();
    }
    assert_eq!(open, 0, "so many places were never given back, by seed {seed}");
    // What accepts for ever ends with its core, or before.
    for (number, server) in servers.into_iter().enumerate() {
        if number % 2 == 0 {
            server.abort();
        }
        if number < 2 {
            assert!(server.await.unwrap_err().is_aborted());
        }
    }
}

/// Sends back what comes; by a `p` it panics.
async fn serve(stream: Placed<TcpStream>) -> io::Result<()> {
    let mut buf = [0; 64];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            n => {
                if buf[..n].contains(&b'p') {
                    // Without a word from the hook.
                    std::panic::resume_unwind(Box::new("asked to"));
                }
                stream.write_all(&buf[..n]).await?;
            }
        }
    }
}

/// Many clients, each to its end: answered as it asked, or closed.
async fn ask(addr: std::net::SocketAddr, alive: Arc<AtomicUsize>, mut draw: Draw) {
    let mut group = TaskGroup::new(8);
    let alive = Rc::new(alive);
    for _ in 0..CLIENTS {
        let (messages, panics, hangs_up) = (draw.below(6), draw.below(8) == 0, draw.below(4) == 0);
        let alive = Alive::new(&alive);
        let ended = group.spawn(async move {
            let _alive = alive;
            let stream = TcpStream::connect(addr).await.unwrap();
            for _ in 0..messages {
                let mut buf = [0; 16];
                // A task that was aborted, or panicked, has closed it: by an end or by a reset.
                if stream.write_all(b"hello").await.is_err() || hangs_up {
                    return;
                }
                match stream.read(&mut buf).await {
                    Ok(0) | Err(_) => return,
                    Ok(n) => assert!(b"hello".starts_with(&buf[..n]), "what comes back is what was sent"),
                }
            }
            if panics {
                drop(stream.write_all(b"p").await);
                assert!(
                    !matches!(stream.read(&mut [0; 16]).await, Ok(n) if n > 0),
                    "it panicked and answered"
                );
            }
        });
        ended.await.unwrap();
    }
    group.join_all().await.into_iter().for_each(Result::unwrap);
}
