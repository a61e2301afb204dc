//! Connections that are handed from core to core while their tasks panic, are aborted, or are in no hurry.

use std::io;
use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ekiden_reactor::net::{Placed, Spread, TcpListener, TcpStream};
use ekiden_reactor::{
    Config, JoinHandle, OnLostPanic, Runtime, TaskGroup, blocking, on_every_core, spawn, spawn_on, yield_now,
};

use super::{Alive, CORES, Draw, quiet, seeds};

const CLIENTS: usize = 60;

/// Some seconds: met only by a test that fails.
const YIELDS_MAX: usize = 10_000_000;

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
    let shares = listener.spread(CLIENTS).unwrap();
    let connections = shares[0].connections();
    let servers: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let alive = alive.clone();
            spawn_on(share.core(), move || async move {
                let (listener, mut draw) = (share.open().unwrap(), Draw(seed));
                let mut tasks: Vec<JoinHandle<()>> = Vec::new();
                loop {
                    let (stream, _peer) = listener.accept().await.unwrap();
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
                        // Held for a moment, so that others are given what waits here.
                        drop(blocking(|| ()).await);
                    }
                }
            })
        })
        .collect();
    let clients = on_every_core({
        let alive = alive.clone();
        move || ask(addr, alive.clone(), Draw(seed * 7))
    });
    for client in clients {
        client.await.unwrap();
    }
    // All have hung up: each task sees it, and gives its place back.
    for _ in 0..YIELDS_MAX {
        if connections.open() == 0 {
            break;
        }
        yield_now().await;
    }
    assert_eq!(connections.open(), 0, "so many places were never given back, by seed {seed}");
    // What accepts for ever ends with its core, or before.
    for (number, server) in servers.into_iter().enumerate() {
        if number % 2 == 0 {
            server.abort();
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
