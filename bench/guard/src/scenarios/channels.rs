//! Channels of one core.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use ekiden::channel::{mpsc, oneshot};
use ekiden::spawn;

use crate::world;

/// How many messages a channel holds.
const MAX: usize = 64;

pub(super) fn oneshot(count: u64) {
    world::run(async |_| {
        for n in 0..count {
            let (sender, receiver) = oneshot::channel();
            let (mut sender, mut receiver) = (Some(sender), pin!(receiver));
            let received = poll_fn(|cx| {
                let received = receiver.as_mut().poll(cx);
                // Only once it is waited for.
                let Some(sender) = sender.take() else { return received };
                assert!(received.is_pending() && sender.send(n).is_ok());
                Poll::Pending
            });
            assert_eq!(received.await.ok(), Some(n));
        }
    });
}

pub(super) fn mpsc_round_trip(count: u64) {
    world::run(async |_| {
        let (there, mut asked) = mpsc::channel(MAX);
        let (back, mut answered) = mpsc::channel(MAX);
        let other = spawn(async move {
            while let Some(n) = asked.recv().await {
                assert!(back.send(n).await.is_ok());
            }
        });
        for n in 0..count {
            assert!(there.send(n).await.is_ok());
            assert_eq!(answered.recv().await, Some(n));
        }
        drop(there);
        assert!(other.await.is_ok());
    });
}

pub(super) fn mpsc_throughput(count: u64) {
    world::run(async |_| {
        let (sender, mut receiver) = mpsc::channel(MAX);
        let other = spawn(async move {
            let mut received = 0;
            while receiver.recv().await.is_some() {
                received += 1;
            }
            received
        });
        for n in 0..count {
            assert!(sender.send(n).await.is_ok());
        }
        drop(sender);
        assert_eq!(other.await.ok(), Some(count));
    });
}
