//! Tasks that tick, over the same sources.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::Shutdown;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::driver::ListenOptions;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{
    Config, Handle, Latch, Reactor, Sleep, Task, Tick, request_shutdown, run, schedule, shutdown, sleep,
    spawn, sync, yield_now,
};

struct Listener {
    socket: TcpListener,
    accepted: Rc<Cell<usize>>,
}

impl Task for Listener {
    fn tick(&mut self) -> io::Result<Tick> {
        while let Some((stream, _peer)) = self.socket.try_accept()? {
            self.accepted.set(self.accepted.get() + 1);
            schedule(Connection::new(stream));
        }
        Ok(Tick::WouldBlock)
    }
}

/// Sends back what it gets.
struct Connection {
    stream: TcpStream,
    owed: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self { stream, owed: Vec::new() }
    }
}

impl Task for Connection {
    fn tick(&mut self) -> io::Result<Tick> {
        loop {
            while !self.owed.is_empty() {
                let Some(n) = self.stream.try_write(&self.owed)? else { return Ok(Tick::WouldBlock) };
                self.owed.drain(..n);
            }
            let mut buf = [0; 1024];
            match self.stream.try_read(&mut buf)? {
                Some(0) => return Ok(Tick::Final),
                Some(n) => self.owed.extend_from_slice(&buf[..n]),
                None => return Ok(Tick::WouldBlock),
            }
        }
    }
}

#[test]
fn a_server_of_ticks_answers_clients_of_futures() {
    run(async {
        let socket = TcpListener::listen(([127, 0, 0, 1], 0).into(), &ListenOptions::default()).unwrap();
        let (addr, accepted) = (socket.local_addr().unwrap(), Rc::new(Cell::new(0)));
        drop(schedule(Listener { socket, accepted: accepted.clone() }));
        // More than an accept budget, so the listener must come back by itself.
        let clients: Vec<_> = (0..50).map(|n| spawn(echo_once(addr, vec![n; 3000]))).collect();
        for client in clients {
            client.await.unwrap().unwrap();
        }
        assert_eq!(accepted.get(), 50);
    });
}

async fn echo_once(addr: std::net::SocketAddr, message: Vec<u8>) -> io::Result<()> {
    let stream = TcpStream::connect(addr).await?;
    stream.write_all(&message).await?;
    let mut got = Vec::new();
    while got.len() < message.len() {
        let mut buf = [0; 500];
        let n = stream.read(&mut buf).await?;
        assert_ne!(n, 0, "the server hung up");
        got.extend_from_slice(&buf[..n]);
    }
    assert_eq!(got, message);
    Ok(())
}

#[test]
fn try_outside_a_tick_is_now_or_never() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(listener.try_accept().unwrap().is_none());
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert_eq!(server.try_read(&mut [0; 10]).unwrap(), None);
        client.write_all(b"x").await.unwrap();
        // The readiness is told by the next look at the world.
        let got = loop {
            match server.try_read(&mut [0; 10]).unwrap() {
                Some(n) => break n,
                None => yield_now().await,
            }
        };
        assert_eq!(got, 1);
    });
}

/// Ticks once a second, `left` times.
struct Countdown {
    sleep: Sleep,
    left: usize,
}

impl Task for Countdown {
    fn tick(&mut self) -> io::Result<Tick> {
        while self.left > 0 {
            let Some(()) = self.sleep.try_elapsed()? else { return Ok(Tick::WouldBlock) };
            self.left -= 1;
            self.sleep.reset(self.sleep.deadline() + Duration::from_secs(1));
        }
        Ok(Tick::Final)
    }
}

#[test]
fn timers_tick_too() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async move {
        let mut task = schedule(Countdown { sleep: sleep(Duration::from_secs(1)), left: 3 });
        for _ in 0..3 {
            yield_now().await;
            assert!(!task.is_finished());
            clock.advance(Duration::from_secs(1));
        }
        (&mut task).await.unwrap().unwrap();
    });
}

/// Yields so many times.
struct Yielding(usize);

impl Task for Yielding {
    fn tick(&mut self) -> io::Result<Tick> {
        self.0 -= 1;
        Ok(if self.0 == 0 { Tick::Final } else { Tick::Yield })
    }
}

#[test]
fn a_tick_that_yields_is_called_again() {
    run(async { schedule(Yielding(5)).await.unwrap().unwrap() });
}

#[test]
fn an_error_ends_the_task_and_reaches_the_handle() {
    struct Failing;
    impl Task for Failing {
        fn tick(&mut self) -> io::Result<Tick> {
            Err(io::Error::other("no good"))
        }
    }
    let error = run(async { schedule(Failing).await.unwrap().unwrap_err() });
    assert_eq!(error.to_string(), "no good");
}

#[test]
fn a_handle_that_is_awaited_within_another_future_wakes_that_future() {
    run(async {
        // The join handle of a ticking task, polled by something with a waker of its own.
        let task = schedule(Yielding(3));
        let mut joined = pin!(futures_util::future::join(task, async {}));
        let both = poll_fn(|cx: &mut Context<'_>| -> Poll<_> { joined.as_mut().poll(cx) }).await;
        both.0.unwrap().unwrap();
    });
}

/// Asks for one thing until it is there.
struct Asking<A>(A);

impl<A: FnMut() -> Option<()>> Task for Asking<A> {
    fn tick(&mut self) -> io::Result<Tick> {
        Ok((self.0)().map_or(Tick::WouldBlock, |()| Tick::Final))
    }
}

/// What is asked for is there when `happen` has happened and not before, and whoever ticks for it is ticked then.
async fn check(mut ask: impl FnMut() -> Option<()> + 'static, happen: impl FnOnce()) {
    assert!(ask().is_none());
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    let task = schedule(Asking(move || {
        count.update(|asked| asked + 1);
        ask()
    }));
    for _ in 0..5 {
        yield_now().await;
    }
    assert_eq!(asked.get(), 1, "it is ticked again when there is reason to");
    happen();
    task.await.unwrap().unwrap();
}

#[test]
fn the_ends_of_tasks_can_be_ticked_for() {
    run(async {
        let start = Latch::new();
        let started = start.wait();
        let mut task = spawn(async move {
            started.await;
            5
        });
        check(move || task.try_join().unwrap().map(|n| assert_eq!(n, 5)), || start.open()).await;

        let (sender, receiver) = sync::oneshot::channel();
        let mut task = Handle::current().spawn(move || receiver);
        check(move || task.try_join().unwrap().map(|n| assert_eq!(n, Ok(5))), || sender.send(5).unwrap())
            .await;
    });
}

#[test]
fn asking_outside_of_a_tick_keeps_who_waits_for_a_task_waiting() {
    run(async {
        let start = Latch::new();
        let mut task = spawn(start.wait());
        assert!(futures_util::poll!(&mut task).is_pending());
        assert!(task.try_join().unwrap().is_none());
        start.open();
        poll_fn(|_| if task.is_finished() { Poll::Ready(()) } else { Poll::Pending }).await;
        task.try_join().unwrap().expect("it has ended");

        let mut task = spawn(async { panic!("no good") });
        let error = loop {
            match task.try_join() {
                Ok(None) => yield_now().await,
                Ok(Some(())) => unreachable!(),
                Err(error) => break error,
            }
        };
        assert!(error.is_panic());
        let mut task = spawn(pending::<()>());
        task.abort();
        yield_now().await;
        assert!(task.try_join().unwrap_err().is_aborted());
        let mut task = Handle::current().spawn(pending::<()>);
        task.abort();
        assert!((&mut task).await.unwrap_err().is_aborted());
        assert!(task.try_join().unwrap_err().is_aborted());
    });
}

#[test]
fn the_shutdown_can_be_ticked_for() {
    run(async {
        let mut shutdown = shutdown();
        check(move || shutdown.try_wait(), request_shutdown).await;
        assert_eq!(ekiden_reactor::shutdown().try_wait(), Some(()));
    });
}

#[test]
fn the_end_of_a_connection_can_be_ticked_for() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        server.write_all(b"unread, so that closing resets").await.unwrap();
        let hangup = server.hangup();
        check(move || hangup.try_hangup(), || drop(client)).await;
        assert_eq!(server.hangup().try_hangup(), Some(()));

        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let hangup = server.hangup();
        check(move || hangup.try_read_closed(), || client.shutdown(Shutdown::Write).unwrap()).await;
        assert_eq!(server.hangup().try_read_closed(), Some(()));
    });
}
