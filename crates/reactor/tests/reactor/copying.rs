//! Bytes from one connection to another.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ekiden_reactor::net::{TcpListener, TcpStream, UnixStream, copy, copy_bidirectional};
use ekiden_reactor::{JoinHandle, run, spawn, yield_now};
use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufWriter, Cursor, repeat, sink};

#[test]
fn a_proxy_passes_everything_on_and_each_end_by_itself() {
    run(async {
        let (client, near) = UnixStream::pair().unwrap();
        // Different kinds of sockets, as in a proxy.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let proxy = spawn(copy_bidirectional(near, far));

        let question: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
        let asked = question.clone();
        let answering = spawn(async move {
            let mut got = Vec::new();
            (&server).read_to_end(&mut got).await.unwrap();
            assert!(got == asked, "{} bytes came", got.len());
            server.write_all(b"forty-two").await.unwrap();
        });
        client.write_all(&question).await.unwrap();
        // It has said everything; the answer comes after that.
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        (&client).read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "forty-two");
        answering.await.unwrap();
        assert_eq!(proxy.await.unwrap().unwrap(), (300_000, 9));
    });
}

/// Never has anything, and remembers where it should have put it.
struct Silent(Rc<RefCell<Vec<usize>>>);

impl AsyncRead for Silent {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().push(buf.as_ptr().addr());
        Poll::Pending
    }
}

#[test]
fn who_waits_holds_no_buffer() {
    run(async {
        let places = Rc::<RefCell<Vec<usize>>>::default();
        let waiting: Vec<_> = (0..3).map(|_| copy(Silent(places.clone()), sink())).collect();
        assert!(size_of_val(&waiting[0]) < 512, "{} bytes", size_of_val(&waiting[0]));
        let waiting: Vec<_> = waiting.into_iter().map(spawn).collect();
        yield_now().await;
        yield_now().await;
        // All were lent the same one.
        let places = places.borrow();
        assert!(places.len() == 3 && places.iter().all(|place| *place == places[0]), "{places:?}");
        waiting.iter().for_each(JoinHandle::abort);
    });
}

/// Takes at most three bytes, every other time it is asked; nothing but what is flushed is seen.
#[derive(Clone, Default)]
struct Narrow {
    taken: Rc<RefCell<Vec<u8>>>,
    asked: Rc<Cell<usize>>,
}

impl AsyncWrite for Narrow {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.asked.update(|asked| asked + 1);
        if self.asked.get() % 2 == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = buf.len().min(3);
        self.taken.borrow_mut().extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        unreachable!("copying does not close")
    }
}

#[test]
fn what_finds_no_room_waits_and_nothing_is_lost_or_doubled() {
    run(async {
        let data: Vec<u8> = (0..1000u32).map(|n| (n % 251) as u8).collect();
        let narrow = Narrow::default();
        assert_eq!(copy(Cursor::new(&data), narrow.clone()).await.unwrap(), 1000);
        assert!(*narrow.taken.borrow() == data);
    });
}

#[test]
fn what_was_written_is_flushed_when_nothing_more_comes() {
    run(async {
        let (sender, from) = UnixStream::pair().unwrap();
        let (to, receiver) = UnixStream::pair().unwrap();
        let copying = spawn(copy(from, BufWriter::new(to)));
        sender.write_all(b"now").await.unwrap();
        assert_eq!(receiver.read(&mut [0; 9]).await.unwrap(), 3);
        drop(sender);
        assert_eq!(copying.await.unwrap().unwrap(), 3);
        assert_eq!(receiver.read(&mut [0; 9]).await.unwrap(), 0);
    });
}

#[test]
fn who_always_has_more_leaves_turns_to_others() {
    run(async {
        let endless = spawn(copy(repeat(7), sink()));
        yield_now().await;
        yield_now().await;
        assert!(!endless.is_finished());
        endless.abort();
    });
}

#[test]
fn a_writer_that_fails_or_takes_nothing_is_an_error() {
    run(async {
        let (to, receiver) = UnixStream::pair().unwrap();
        drop(receiver);
        let error = copy(Cursor::new(b"x"), &to).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        let error = copy(Cursor::new(b"abc"), Cursor::new(&mut [0u8; 2][..])).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    });
}

#[test]
fn one_side_that_fails_ends_both_directions() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (client, near) = UnixStream::pair().unwrap();
        let proxy = spawn(copy_bidirectional(near, far));
        server.set_zero_linger().unwrap();
        drop(server);
        assert_eq!(proxy.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
    });
}
