//! The items that a client sends: [`Items`].

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::format::{Data, Format};
use crate::short::Pieces;

pin_project! {
    /// A stream of a caller's, encoded.
    pub(crate) struct Items<St, F> {
        #[pin]
        items: St,
        pieces: Pieces,
        writes: PhantomData<fn(F)>,
    }
}

impl<St, F> Items<St, F> {
    pub(crate) fn new(items: St) -> Self {
        Self { items, pieces: Pieces::default(), writes: PhantomData }
    }
}

impl<St: Stream<Item: Data>, F: Format> Stream for Items<St, F> {
    /// An item that cannot be encoded gives up the call.
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.items.poll_next(cx).map(|item| item.map(|item| this.pieces.item::<F, _>(&item)))
    }
}
