//! A trait with a method of each kind, whose implementor does what is odd.

use std::future::pending;
use std::time::Duration;

use ekiden_reactor::timeout;
use ekiden_rpc::rpc;
use futures_util::stream::{self, Stream, StreamExt};

#[rpc(crate = ekiden_rpc)]
pub(crate) trait Odd {
    async fn echo(&self, text: Option<String>) -> Option<String>;
    async fn late(&self, seconds: u16) -> Vec<Result<u8, String>>;
    async fn fails(&self);
    async fn count(&self, until: u32) -> Result<impl Stream<Item = u32>, u32>;
    async fn sum(&self, numbers: impl Stream<Item = u32>) -> u64;
    async fn first(&self, numbers: impl Stream<Item = u32>) -> Option<u32>;
    async fn back(&self, texts: impl Stream<Item = String>) -> impl Stream<Item = String>;
}

pub(crate) struct Fellow;

impl Odd for Fellow {
    async fn echo(&self, text: Option<String>) -> Option<String> {
        text
    }

    async fn late(&self, seconds: u16) -> Vec<Result<u8, String>> {
        assert!(timeout(Duration::from_secs(seconds.into()), pending::<()>()).await.is_err());
        vec![Ok(1), Err("late".to_owned())]
    }

    async fn fails(&self) {
        std::panic::panic_any(PANIC);
    }

    async fn count(&self, until: u32) -> Result<impl Stream<Item = u32>, u32> {
        if until.is_multiple_of(2) { Ok(stream::iter(0..until)) } else { Err(until) }
    }

    async fn sum(&self, numbers: impl Stream<Item = u32>) -> u64 {
        numbers.fold(0, async |sum, number| sum + u64::from(number)).await
    }

    async fn first(&self, numbers: impl Stream<Item = u32>) -> Option<u32> {
        std::pin::pin!(numbers).next().await
    }

    async fn back(&self, texts: impl Stream<Item = String>) -> impl Stream<Item = String> {
        texts
    }
}

/// What it panics with.
pub(crate) const PANIC: &str = "it is odd";
