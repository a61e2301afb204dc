//! An open file: what can be asked of it, by futures, by tasks that tick and by the traits of `futures-io`.
//!
//! What is asked in turn, at the place where the last ended, goes to the `operations`; what names its place goes past them.

use std::fmt;
use std::fs::{Metadata, OpenOptions};
use std::future::poll_fn;
use std::io::{self, IoSlice, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};

use super::at;
use super::operations::{Operations, Other, retried};
use crate::blocking::blocking;
use crate::writes::{BYTES_MAX, try_poll};

/// An open file, which is read and written where the last operation ended.
///
/// One operation runs at a time; at most 256 KiB are handed over at once. While none runs it owns no buffer. The traits
/// of `futures-io` are implemented, so that [`net::copy`](fn@crate::net::copy) sends one; tasks that tick have the `try_`
/// methods.
///
/// A write is over when the system has the bytes, so nothing is owed when the file is dropped; that they are on the disk
/// says [`sync_all`](Self::sync_all).
///
/// ```
/// use ekiden_reactor::fs::{File, remove_file};
/// use std::io::SeekFrom;
///
/// # ekiden_reactor::run(async {
/// let path = std::env::temp_dir().join(format!("diary-{}", std::process::id()));
/// let mut diary = File::create_new(&path).await?;
/// diary.write_all(b"dear diary").await?;
/// diary.seek(SeekFrom::Start(5)).await?;
/// let mut word = [0; 64];
/// let n = diary.read(&mut word).await?;
/// assert_eq!(&word[..n], b"diary");
/// # remove_file(&path).await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct File {
    operations: Operations,
}

impl File {
    /// Opens a file, to read it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the file when it is open.
    ///
    /// # Errors
    ///
    /// As the system's, naming the file; [`ResourceBusy`](io::ErrorKind::ResourceBusy) if it was not begun.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::open_with(path, OpenOptions::new().read(true)).await
    }

    /// Opens a file to write it, empty, in place of what was there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops nothing that has begun: the file may be there then, and empty.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::open_with(path, OpenOptions::new().write(true).create(true).truncate(true)).await
    }

    /// Opens a file to write and to read it, which was not there before.
    ///
    /// # Cancel safety
    ///
    /// As for [`create`](Self::create).
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open); [`AlreadyExists`](io::ErrorKind::AlreadyExists).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::open_with(path, OpenOptions::new().read(true).write(true).create_new(true)).await
    }

    /// Opens a file as the options say, which are `std`'s.
    ///
    /// # Cancel safety
    ///
    /// As for [`create`](Self::create).
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> io::Result<Self> {
        let options = options.clone();
        at("open", path, move |path| options.open(path)).await.map(Self::from)
    }

    /// Reads up to the buffer's size; 0 at the end of the file.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what it read comes with the next read.
    ///
    /// # Errors
    ///
    /// As the system's; [`ResourceBusy`](io::ErrorKind::ResourceBusy) if it was not begun.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.operations.poll_read(cx, buf)).await
    }

    /// Reads if that is done; inside a tick, `Ok(None)` has it begun and the task ticked again when it is.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn try_read(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        try_poll(|cx| self.operations.poll_read(cx, buf))
    }

    /// Reads up to so many bytes, at most 256 KiB, and gives them away as they are; nothing at the end of the file.
    ///
    /// It saves the copy that [`read`](Self::read) makes.
    ///
    /// # Cancel safety
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn read_chunk(&mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        poll_fn(|cx| self.operations.poll_read_chunk(cx, bytes_max)).await
    }

    /// Writes some of the buffer, mostly all up to 256 KiB, and says how much that was.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops nothing that has begun: the bytes it would have told of may be written or not, and an
    /// error comes with the next write or [`flush`](Self::flush). Writing the same bytes again then, and none others in
    /// between, writes them once.
    ///
    /// # Errors
    ///
    /// As the system's, that of a write before whose future was dropped included;
    /// [`ResourceBusy`](io::ErrorKind::ResourceBusy) if it was not begun.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.operations.poll_write(cx, buf)).await
    }

    /// Writes if that is done; inside a tick, `Ok(None)` has it begun and the task ticked again when it is. Then it is to
    /// be asked for with the same bytes again.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn try_write(&mut self, buf: &[u8]) -> io::Result<Option<usize>> {
        try_poll(|cx| self.operations.poll_write(cx, buf))
    }

    /// Writes all of the buffer.
    ///
    /// # Cancel safety
    ///
    /// None: dropping the future may leave a part written, and does not say how much.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); how much was written before is not known.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write(buf).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => buf = &buf[n..],
            }
        }
        Ok(())
    }

    /// Waits for a write, a [`set_len`](Self::set_len) or a sync whose future was dropped, and tells its error. What was
    /// waited for needs none of this.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.operations.poll_flush(cx)).await
    }

    /// Tells the error of what was left half-way if that is over; inside a tick, `Ok(None)` has the task ticked again when
    /// it is.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn try_flush(&mut self) -> io::Result<Option<()>> {
        try_poll(|cx| self.operations.poll_flush(cx))
    }

    /// Moves to another place in the file, and says which, from its beginning.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops nothing that has begun: it may have moved or not.
    ///
    /// # Errors
    ///
    /// As the system's: before the beginning, or in what has no places
    /// ([`NotSeekable`](io::ErrorKind::NotSeekable)); [`ResourceBusy`](io::ErrorKind::ResourceBusy) if it was not begun.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        poll_fn(|cx| self.operations.poll_seek(cx, to)).await
    }

    /// Moves if that is done; inside a tick, `Ok(None)` has it begun and the task ticked again when it is.
    ///
    /// # Errors
    ///
    /// As for [`seek`](Self::seek).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn try_seek(&mut self, to: SeekFrom) -> io::Result<Option<u64>> {
        try_poll(|cx| self.operations.poll_seek(cx, to))
    }

    /// Reads up to the buffer's size, and at most 256 KiB, at a place in the file that is named, and moves to none. Any
    /// number may run at once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn read_at(&self, buf: &mut [u8], place: u64) -> io::Result<usize> {
        let (file, len) = (self.operations.file.clone(), buf.len().min(BYTES_MAX));
        let (bytes, n) = blocking(move || {
            let mut bytes = vec![0; len];
            let n = retried(|| file.read_at(&mut bytes, place))?;
            io::Result::Ok((bytes, n))
        })
        .await??;
        buf[..n].copy_from_slice(&bytes[..n]);
        Ok(n)
    }

    /// Writes some of the buffer, at most 256 KiB, at a place in the file that is named, and moves to none. Any number may
    /// run at once, in no order. A file that was opened to be appended to is, whatever the place.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops nothing that has begun: the bytes may be written or not.
    ///
    /// # Errors
    ///
    /// As the system's; [`ResourceBusy`](io::ErrorKind::ResourceBusy) if it was not begun.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn write_at(&self, buf: &[u8], place: u64) -> io::Result<usize> {
        let (file, bytes) = (self.operations.file.clone(), buf[..buf.len().min(BYTES_MAX)].to_vec());
        blocking(move || retried(|| file.write_at(&bytes, place))).await?
    }

    /// Has all that was written, and what the system knows of the file, on the disk.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops nothing that has begun: what is asked for next waits for it, and an error comes with the
    /// next write or [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write): after one it is not known what is on the disk.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.operations.alone(Other::SyncAll).await
    }

    /// As [`sync_all`](Self::sync_all), if that is done; inside a tick, `Ok(None)` has it begun and the task ticked again
    /// when it is. Of what [`write_at`](Self::write_at) writes after it has begun it says nothing.
    ///
    /// # Errors
    ///
    /// As for [`sync_all`](Self::sync_all).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn try_sync_all(&mut self) -> io::Result<Option<()>> {
        try_poll(|cx| self.operations.poll_alone(cx, Other::SyncAll))
    }

    /// Has all that was written on the disk, without what is not needed to read it again, such as its times.
    ///
    /// # Cancel safety
    ///
    /// As for [`sync_all`](Self::sync_all).
    ///
    /// # Errors
    ///
    /// As for [`sync_all`](Self::sync_all).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn sync_data(&mut self) -> io::Result<()> {
        self.operations.alone(Other::SyncData).await
    }

    /// As [`sync_data`](Self::sync_data), if that is done; otherwise as [`try_sync_all`](Self::try_sync_all).
    ///
    /// # Errors
    ///
    /// As for [`sync_all`](Self::sync_all).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn try_sync_data(&mut self) -> io::Result<Option<()>> {
        try_poll(|cx| self.operations.poll_alone(cx, Other::SyncData))
    }

    /// Cuts the file to a length, or makes it longer with zeros. The place in it stays.
    ///
    /// # Cancel safety
    ///
    /// As for [`sync_all`](Self::sync_all).
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.operations.alone(Other::SetLen(bytes)).await
    }

    /// Cuts the file if that is done; inside a tick, `Ok(None)` has it begun and the task ticked again when it is.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn try_set_len(&mut self, bytes: u64) -> io::Result<Option<()>> {
        try_poll(|cx| self.operations.poll_alone(cx, Other::SetLen(bytes)))
    }

    /// What the system knows of the file: its length, its times, its permissions.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// # Errors
    ///
    /// As the system's; [`ResourceBusy`](io::ErrorKind::ResourceBusy) if it was not begun.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let file = self.operations.file.clone();
        blocking(move || file.metadata()).await?
    }
}

/// One that is open already, from where it is.
impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        Self { operations: Operations::of(file) }
    }
}

impl AsyncRead for File {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.operations.poll_read(cx, buf)
    }
}

impl AsyncWrite for File {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.operations.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        self.operations.poll_write(cx, first.map_or(&[], |buf| buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.operations.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.operations.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        self.operations.poll_seek(cx, to)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.operations.file).finish()
    }
}
