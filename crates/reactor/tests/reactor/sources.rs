//! A source made of something that the reactor does not ship: a pipe.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::rc::Rc;

use ekiden_reactor::{Source, Task, Tick, run, schedule, spawn, yield_now};
use mio::unix::pipe;

fn pipe() -> (Source<pipe::Sender>, Source<pipe::Receiver>) {
    let (sender, receiver) = pipe::new().unwrap();
    (Source::new(sender).unwrap(), Source::new(receiver).unwrap())
}

#[test]
fn a_pipe_is_read_and_written_like_a_socket() {
    run(async {
        let (sender, receiver) = pipe();
        let reader = spawn(async move {
            let mut got = Vec::new();
            let mut buf = [0; 4096];
            while got.len() < 1_000_000 {
                let n = receiver.read_with(|mut pipe| pipe.read(&mut buf)).await.unwrap();
                got.extend_from_slice(&buf[..n]);
            }
            got
        });
        // More than a pipe holds, so that writing has to wait too.
        let data: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
        let mut rest = &data[..];
        while !rest.is_empty() {
            let n = sender.write_with(|mut pipe| pipe.write(rest)).await.unwrap();
            rest = &rest[n..];
        }
        assert!(reader.await.unwrap() == data);
    });
}

#[test]
fn a_pipe_ticks() {
    struct Counting {
        pipe: Source<pipe::Receiver>,
        count: Rc<std::cell::Cell<usize>>,
    }
    impl Task for Counting {
        fn tick(&mut self) -> std::io::Result<Tick> {
            let mut buf = [0; 100];
            while let Some(n) = self.pipe.try_read_with(|mut pipe| pipe.read(&mut buf))? {
                if n == 0 {
                    return Ok(Tick::Final);
                }
                self.count.set(self.count.get() + n);
            }
            Ok(Tick::WouldBlock)
        }
    }
    run(async {
        let (sender, receiver) = pipe();
        let count = Rc::new(std::cell::Cell::new(0));
        let task = schedule(Counting { pipe: receiver, count: count.clone() });
        for n in 1..=3 {
            yield_now().await;
            sender.write_with(|mut pipe| pipe.write(&[1; 10])).await.unwrap();
            while count.get() < 10 * n {
                yield_now().await;
            }
        }
        drop(sender);
        task.await.unwrap().unwrap();
    });
}

#[test]
fn a_pipe_is_polled_and_ticks_in_both_directions() {
    /// Writes what it has, as far as there is room.
    struct Sending {
        pipe: Source<pipe::Sender>,
        left: usize,
    }
    impl Task for Sending {
        fn tick(&mut self) -> std::io::Result<Tick> {
            let bytes = vec![7; self.left];
            while self.left > 0 {
                let left = self.left;
                let written = self.pipe.try_write_with(|mut pipe| pipe.write(&bytes[..left]))?;
                let Some(written) = written else { return Ok(Tick::WouldBlock) };
                self.left -= written;
            }
            Ok(Tick::Final)
        }
    }
    run(async {
        let (sender, receiver) = pipe();
        // More than a pipe holds, so that a tick has to wait for room.
        let sending = schedule(Sending { pipe: sender, left: 300_000 });
        let mut buf = [0; 4096];
        let mut count = 0;
        while count < 300_000 {
            count += poll_fn(|cx| receiver.poll_read_with(cx, |mut pipe| pipe.read(&mut buf))).await.unwrap();
        }
        sending.await.unwrap().unwrap();

        let (sender, receiver) = pipe();
        let filling = spawn(async move {
            for _ in 0..300 {
                let whole = poll_fn(|cx| sender.poll_write_with(cx, |mut pipe| pipe.write(&[7; 1000])));
                assert_eq!(whole.await.unwrap(), 1000);
            }
        });
        let mut count = 0;
        while count < 300_000 {
            count += receiver.read_with(|mut pipe| pipe.read(&mut buf)).await.unwrap();
        }
        filling.await.unwrap();
    });
}

#[test]
fn what_was_made_a_source_can_be_taken_back_and_made_one_again() {
    run(async {
        let (sender, receiver) = pipe();
        let receiver = Source::new(receiver.into_inner()).unwrap();
        sender.write_with(|mut pipe| pipe.write(b"x")).await.unwrap();
        assert_eq!(receiver.read_with(|mut pipe| pipe.read(&mut [0; 9])).await.unwrap(), 1);
    });
}
