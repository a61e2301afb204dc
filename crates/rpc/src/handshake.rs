//! How a connection begins: each side says its hello and reads the other's, and both know what to go by.
//!
//! It reads exactly the bytes of a hello, so that whatever follows is left to dispatch.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use ekiden_reactor::timeout;
use futures_io::{AsyncRead, AsyncWrite};

use crate::error::Error;
use crate::wire::Settings;
use crate::wire::hello::{HelloError, PREFACE_BYTES, Preface};

/// The client's: it speaks first.
pub(crate) async fn ask<Io>(io: &mut Io, ours: &Settings, within: Duration) -> Result<Settings, Error>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let hello = async {
        write_all(io, &ours.encode()).await?;
        let (preface, settings) = read(io).await?;
        preface.check_version()?;
        Ok(ours.agree(&Settings::decode(&preface, &settings)?)?)
    };
    in_time(hello, within).await
}

/// The server's: it answers whoever speaks of the protocol at all, so that a client of another version or format learns
/// what is spoken here.
pub(crate) async fn answer<Io>(io: &mut Io, ours: &Settings, within: Duration) -> Result<Settings, Error>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let hello = async {
        let (preface, settings) = read(io).await?;
        write_all(io, &ours.encode()).await?;
        preface.check_version()?;
        Ok(ours.agree(&Settings::decode(&preface, &settings)?)?)
    };
    in_time(hello, within).await
}

async fn in_time(
    hello: impl Future<Output = Result<Settings, Failed>>,
    within: Duration,
) -> Result<Settings, Error> {
    match timeout(within, hello).await {
        Ok(Ok(settings)) => Ok(settings),
        Ok(Err(Failed::Io(error))) => Err(Error::connect(error)),
        Ok(Err(Failed::Hello(error))) => Err(error.into()),
        Err(_elapsed) => Err(Error::connect_timeout(within)),
    }
}

enum Failed {
    Io(io::Error),
    Hello(HelloError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<HelloError> for Failed {
    fn from(error: HelloError) -> Self {
        Self::Hello(error)
    }
}

async fn read<Io: AsyncRead + Unpin>(io: &mut Io) -> Result<(Preface, Vec<u8>), Failed> {
    let mut preface = [0; PREFACE_BYTES];
    read_exact(io, &mut preface).await?;
    let preface = Preface::decode(&preface)?;
    // Not in the future, which every connection would keep room for.
    let mut settings = vec![0; preface.settings_bytes];
    read_exact(io, &mut settings).await?;
    Ok((preface, settings))
}

async fn read_exact<Io: AsyncRead + Unpin>(io: &mut Io, mut buf: &mut [u8]) -> io::Result<()> {
    poll_fn(|cx| {
        while !buf.is_empty() {
            let read = ready!(Pin::new(&mut *io).poll_read(cx, buf))?;
            if read == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            buf = &mut std::mem::take(&mut buf)[read..];
        }
        Poll::Ready(Ok(()))
    })
    .await
}

async fn write_all<Io: AsyncWrite + Unpin>(io: &mut Io, mut bytes: &[u8]) -> io::Result<()> {
    poll_fn(|cx| {
        while !bytes.is_empty() {
            let written = ready!(Pin::new(&mut *io).poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            bytes = &bytes[written..];
        }
        Pin::new(&mut *io).poll_flush(cx)
    })
    .await
}
