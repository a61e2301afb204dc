//! Files through the pool: where each operation is in the file, and what becomes of those that are dropped half-way.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::driver::{Job, Overloaded};
use ekiden_reactor::fs::{self, File, OpenOptions};
use ekiden_reactor::net::{UnixStream, copy};
use ekiden_reactor::{Task, Tick, run, schedule, timeout};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::stand_in::{self, StandIn};

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ekiden-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A path in it; with these bytes at it.
    fn with(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn content(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

async fn read(file: &mut File, len: usize) -> String {
    let mut buf = vec![0; len];
    let n = file.read(&mut buf).await.unwrap();
    String::from_utf8(buf[..n].to_vec()).unwrap()
}

fn both() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
}

#[test]
fn whole_files_and_folders_are_handled_at_once() {
    let folder = Folder::new("whole");
    run(async {
        let deep = folder.0.join("a/b");
        fs::create_dir_all(&deep).await.unwrap();
        fs::write(deep.join("one"), "hello").await.unwrap();
        fs::rename(deep.join("one"), deep.join("two")).await.unwrap();
        assert_eq!(fs::copy(deep.join("two"), deep.join("three")).await.unwrap(), 5);
        assert_eq!(fs::read(deep.join("three")).await.unwrap(), b"hello");
        assert_eq!(fs::metadata(deep.join("two")).await.unwrap().len(), 5);
        fs::remove_file(deep.join("two")).await.unwrap();
        let error = fs::read_to_string(deep.join("two")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with(&format!("cannot read {}/two: ", deep.display())), "{error}");
        fs::remove_dir_all(folder.0.join("a")).await.unwrap();
        assert_eq!(fs::metadata(&deep).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn a_file_is_read_and_written_where_the_last_operation_ended() {
    let folder = Folder::new("place");
    run(async {
        let path = folder.with("file", b"0123456789");
        let mut file = File::open_with(&path, &both()).await.unwrap();
        assert_eq!(read(&mut file, 3).await, "012");
        file.write_all(b"abc").await.unwrap();
        assert_eq!(read(&mut file, 2).await, "67");
        assert_eq!(file.seek(SeekFrom::Current(-4)).await.unwrap(), 4);
        assert_eq!(read(&mut file, 99).await, "bc6789");
        assert_eq!(read(&mut file, 99).await, "");
        assert_eq!(file.read_chunk(99).await.unwrap(), b"");
        assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
        assert_eq!(file.read_chunk(99).await.unwrap(), b"9");
        file.set_len(4).await.unwrap();
        file.sync_all().await.unwrap();
        file.sync_data().await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 4);
        assert_eq!(file.write_at(b"XY", 1).await.unwrap(), 2);
        let mut buf = [0; 9];
        assert_eq!(file.read_at(&mut buf, 2).await.unwrap(), 2);
        assert_eq!(&buf[..2], b"Ya");
        assert_eq!(content(&path), "0XYa");
    });
}

#[test]
fn files_are_opened_as_they_should_be() {
    let folder = Folder::new("open");
    run(async {
        let path = folder.with("file", b"old");
        let error = File::create_new(&path).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("cannot open"), "{error}");
        let mut file = File::open(&path).await.unwrap();
        file.write(b"x").await.unwrap_err();
        let mut file = File::create(&path).await.unwrap();
        assert_eq!(content(&path), "");
        file.read(&mut [0; 9]).await.unwrap_err();
        file.write_all(b"new").await.unwrap();
        assert_eq!(content(&path), "new");
    });
}

#[test]
fn large_files_go_over_sockets_and_come_back() {
    let folder = Folder::new("large");
    run(async {
        let bytes: Vec<u8> = (0..1_000_000).map(|n| (n % 251) as u8).collect();
        let (from, to) = (folder.with("from", &bytes), folder.0.join("to"));
        let (mut from, mut file) = (File::open(from).await.unwrap(), File::create(&to).await.unwrap());
        let (here, there) = UnixStream::pair().unwrap();
        let sending = async {
            assert_eq!(copy(&mut from, &here).await.unwrap(), 1_000_000);
            drop(here);
        };
        futures_util::join!(sending, async { copy(&there, &mut file).await.unwrap() });
        assert!(std::fs::read(&to).unwrap() == bytes);
    });
}

#[test]
fn a_file_has_the_traits_of_others() {
    let folder = Folder::new("traits");
    run(async {
        let path = folder.with("file", b"");
        let mut file = File::open_with(&path, &both()).await.unwrap();
        futures_util::AsyncWriteExt::write_all(&mut file, b"hello").await.unwrap();
        futures_util::AsyncSeekExt::seek(&mut file, SeekFrom::Start(1)).await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "ello");
        file.close().await.unwrap();
    });
}

/// Jobs that wait until the test runs them.
type Jobs = Rc<RefCell<VecDeque<Job>>>;

/// A world whose pool does one job when the test says so, and takes two.
fn by_hand() -> (StandIn, Jobs) {
    let (mut world, jobs) = (StandIn::new(), Jobs::default());
    let waiting = jobs.clone();
    world.blocking = Some(Box::new(move |job| {
        let mut waiting = waiting.borrow_mut();
        if waiting.len() == 2 {
            return Err(Overloaded);
        }
        waiting.push_back(job);
        Ok(())
    }));
    (world, jobs)
}

/// Begins something and drops it before it is done.
async fn give_up(future: impl Future<Output = io::Result<impl Sized>>) {
    assert!(timeout(Duration::ZERO, future).await.is_err());
}

fn do_one(jobs: &Jobs) {
    let job = jobs.borrow_mut().pop_front().expect("one waits");
    job();
}

/// Awaits something that takes so many jobs.
async fn with_jobs<T>(jobs: &Jobs, count: usize, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    for _ in 0..count {
        assert!(futures_util::poll!(&mut future).is_pending());
        do_one(jobs);
    }
    assert_eq!(jobs.borrow().len(), 0);
    match futures_util::poll!(&mut future) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("it takes more than {count} jobs"),
    }
}

fn open(path: &Path) -> File {
    File::from(both().open(path).unwrap())
}

#[test]
fn a_read_that_is_dropped_loses_no_byte() {
    let (folder, (world, jobs)) = (Folder::new("dropped-read"), by_hand());
    stand_in::run(world, async |_| {
        let mut file = open(&folder.with("file", b"0123456789"));
        give_up(file.read(&mut [0; 4])).await;
        give_up(file.read(&mut [0; 4])).await;
        assert_eq!(jobs.borrow().len(), 1, "it is the same read");
        do_one(&jobs);
        assert_eq!(with_jobs(&jobs, 0, read(&mut file, 2)).await, "01");
        assert_eq!(with_jobs(&jobs, 0, file.read_chunk(1)).await.unwrap(), b"2");
        assert_eq!(with_jobs(&jobs, 0, read(&mut file, 99)).await, "3");
        give_up(file.read(&mut [0; 4])).await;
        assert_eq!(with_jobs(&jobs, 1, file.read_chunk(1)).await.unwrap(), b"4");
        assert_eq!(with_jobs(&jobs, 0, file.read_chunk(99)).await.unwrap(), b"567");
    });
}

#[test]
fn what_a_dropped_read_has_read_is_where_the_next_operation_begins() {
    let (folder, (world, jobs)) = (Folder::new("dropped-place"), by_hand());
    stand_in::run(world, async |_| {
        let path = folder.with("file", b"0123456789");
        let mut file = open(&path);
        give_up(file.read(&mut [0; 4])).await;
        // The read, the way back, the write.
        assert_eq!(with_jobs(&jobs, 3, file.write(b"ab")).await.unwrap(), 2);
        assert_eq!(content(&path), "ab23456789");
        give_up(file.read(&mut [0; 4])).await;
        assert_eq!(with_jobs(&jobs, 2, file.seek(SeekFrom::Current(1))).await.unwrap(), 3);
        assert_eq!(with_jobs(&jobs, 1, read(&mut file, 2)).await, "34");
    });
}

#[test]
fn a_write_that_is_dropped_goes_on_and_the_same_bytes_are_written_once() {
    let (folder, (world, jobs)) = (Folder::new("dropped-write"), by_hand());
    stand_in::run(world, async |_| {
        let path = folder.with("file", b"");
        let mut file = open(&path);
        give_up(file.write(b"one")).await;
        assert_eq!(with_jobs(&jobs, 1, file.write(b"one more")).await.unwrap(), 3);
        give_up(file.write(b"two")).await;
        assert_eq!(with_jobs(&jobs, 2, file.write(b"three")).await.unwrap(), 5);
        give_up(file.write(b"four")).await;
        assert_eq!(with_jobs(&jobs, 2, file.set_len(12)).await.unwrap(), ());
        assert_eq!(content(&path), "onetwothreef");
    });
}

#[test]
fn the_error_of_a_write_that_was_dropped_comes_with_the_next() {
    let (folder, (world, jobs)) = (Folder::new("dropped-error"), by_hand());
    stand_in::run(world, async |_| {
        let mut file = File::from(std::fs::File::open(folder.with("file", b"text")).unwrap());
        give_up(file.write(b"one")).await;
        assert_eq!(with_jobs(&jobs, 2, read(&mut file, 2)).await, "te");
        with_jobs(&jobs, 0, file.write(b"two")).await.unwrap_err();
        give_up(file.write(b"one")).await;
        assert!(file.try_flush().unwrap().is_none());
        do_one(&jobs);
        file.try_flush().unwrap_err();
        give_up(file.write(b"one")).await;
        with_jobs(&jobs, 1, file.flush()).await.unwrap_err();
        with_jobs(&jobs, 0, file.flush()).await.unwrap();
    });
}

#[test]
fn a_change_of_length_that_is_dropped_comes_before_what_follows() {
    let (folder, (world, jobs)) = (Folder::new("dropped-len"), by_hand());
    stand_in::run(world, async |_| {
        let path = folder.with("file", b"old");
        let mut file = open(&path);
        give_up(file.set_len(0)).await;
        give_up(file.write_all(b"data")).await;
        assert_eq!(jobs.borrow().len(), 1, "one operation runs at a time");
        with_jobs(&jobs, 2, file.write_all(b"data")).await.unwrap();
        assert_eq!(content(&path), "data");
        give_up(file.set_len(2)).await;
        assert_eq!(with_jobs(&jobs, 2, file.seek(SeekFrom::End(0))).await.unwrap(), 2);
        give_up(file.set_len(9)).await;
        assert_eq!(with_jobs(&jobs, 2, read(&mut file, 99)).await, "\0\0\0\0\0\0\0");
        give_up(file.set_len(1)).await;
        with_jobs(&jobs, 1, file.flush()).await.unwrap();
        assert_eq!(content(&path), "d");
        // It may have begun before something was written by place.
        give_up(file.sync_all()).await;
        with_jobs(&jobs, 2, file.sync_all()).await.unwrap();
    });
}

#[test]
fn the_error_of_a_change_of_length_that_was_dropped_comes_with_the_next_write() {
    let (folder, (world, jobs)) = (Folder::new("dropped-len-error"), by_hand());
    stand_in::run(world, async |_| {
        let mut file = File::from(std::fs::File::open(folder.with("file", b"text")).unwrap());
        give_up(file.set_len(0)).await;
        assert_eq!(with_jobs(&jobs, 2, read(&mut file, 2)).await, "te");
        with_jobs(&jobs, 0, file.write(b"two")).await.unwrap_err();
        give_up(file.set_len(0)).await;
        with_jobs(&jobs, 1, file.sync_all()).await.unwrap_err();
        with_jobs(&jobs, 0, file.flush()).await.unwrap();
    });
}

#[test]
fn what_was_not_begun_for_want_of_a_thread_says_so_and_can_be_begun_again() {
    let (folder, (world, jobs)) = (Folder::new("overload"), by_hand());
    stand_in::run(world, async |_| {
        let path = folder.with("file", b"0123456789");
        let (mut file, others) = (open(&path), [open(&path), open(&path)]);
        for mut other in others {
            give_up(other.read(&mut [0; 1])).await;
        }
        let refused = |error: io::Error| assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{error}");
        refused(file.read(&mut [0; 1]).await.unwrap_err());
        refused(file.write(b"a").await.unwrap_err());
        refused(file.seek(SeekFrom::Start(1)).await.unwrap_err());
        refused(fs::read(&path).await.unwrap_err());
        do_one(&jobs);
        do_one(&jobs);
        assert_eq!(with_jobs(&jobs, 1, read(&mut file, 3)).await, "012");
        assert_eq!(with_jobs(&jobs, 1, file.write(b"ab")).await.unwrap(), 2);
        assert_eq!(content(&path), "012ab56789");
    });
}

#[test]
fn what_has_no_places_is_read_on_after_a_write() {
    let (world, jobs) = by_hand();
    stand_in::run(world, async |_| {
        let (here, mut there) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut file = File::from(std::fs::File::from(std::os::fd::OwnedFd::from(here)));
        std::io::Write::write_all(&mut there, b"0123").unwrap();
        give_up(file.read(&mut [0; 4])).await;
        assert_eq!(with_jobs(&jobs, 3, file.write(b"ab")).await.unwrap(), 2);
        assert_eq!(with_jobs(&jobs, 0, read(&mut file, 99)).await, "0123");
    });
}

#[test]
fn a_file_can_be_ticked_for() {
    /// Writes, goes back, and reads.
    struct Diary {
        file: File,
        steps: VecDeque<&'static str>,
        said: Rc<RefCell<Vec<u8>>>,
    }
    impl Task for Diary {
        fn tick(&mut self) -> io::Result<Tick> {
            while let Some(step) = self.steps.front() {
                let mut buf = [0; 99];
                let done = match *step {
                    "back" => self.file.try_seek(SeekFrom::Start(0))?.map(|_| 0),
                    "cut" => self.file.try_set_len(9)?.map(|()| 0),
                    "sync" => self.file.try_sync_all()?.map(|()| 0),
                    "sync data" => self.file.try_sync_data()?.map(|()| 0),
                    "flush" => self.file.try_flush()?.map(|()| 0),
                    "read" => {
                        let n = self.file.try_read(&mut buf)?;
                        self.said.borrow_mut().extend_from_slice(&buf[..n.unwrap_or(0)]);
                        n
                    }
                    text => self.file.try_write(text.as_bytes())?,
                };
                if done.is_none() {
                    return Ok(Tick::WouldBlock);
                }
                self.steps.pop_front();
            }
            Ok(Tick::Final)
        }
    }
    let folder = Folder::new("ticks");
    run(async {
        let (file, said) = (open(&folder.with("file", b"")), Rc::<RefCell<Vec<u8>>>::default());
        let steps = ["dear ", "diary", "cut", "sync", "sync data", "flush", "back", "read", "read"].into();
        schedule(Diary { file, steps, said: said.clone() }).await.unwrap().unwrap();
        assert_eq!(*said.borrow(), b"dear diar");
    });
}
