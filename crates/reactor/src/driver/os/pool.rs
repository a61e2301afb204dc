//! Threads for jobs that block. A driver has two pools, one that resolves names and one for what `blocking` runs: so
//! resolvers that do not answer hold up no other job, and jobs that hang no look-up. The process has one more for each
//! standard stream, of a single thread.
//!
//! A thread is started when a job finds none idle, up to a maximum; then jobs wait in line, up to another maximum;
//! then they are refused, not begun. A thread that has been idle for a while ends. Knows no task and no core: a job
//! reports its own result.
//!
//! Written here because what there is has an unbounded queue and more besides: `blocking` brings an executor's
//! task type and channels, `threadpool` keeps its threads for ever and is no longer maintained. This is a mutex, a
//! condition variable and a hundred lines.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::{Job, Overloaded, StandardStream};
use super::threads::start_beside;
use crate::pulse::PoolGauge;

/// How much a [`Pool`] may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// What the system calls the threads: it shows fifteen bytes.
    pub(super) name: &'static str,
    /// Threads at once.
    pub(super) threads_max: usize,
    /// Jobs that wait for a thread. 1,024: at 5 ms each, the last has waited for 80 ms; past that the caller should
    /// know rather than wait.
    pub(super) waiting_max: usize,
    /// How long a thread stays without a job. 10 s: starting one takes some 50 µs, and keeping it some 10 KB.
    pub(super) idle_time: Duration,
}

impl Limits {
    /// For what `blocking` runs. 64 threads: what blocks is mostly a disk, and more at once make none faster.
    pub(super) fn of_jobs() -> Self {
        let (waiting_max, idle_time) = (1024, Duration::from_secs(10));
        Self { name: "ekiden-blocking", threads_max: 64, waiting_max, idle_time }
    }

    /// For a standard stream.
    fn of_stream(name: &'static str) -> Self {
        Self { name, threads_max: 1, ..Self::of_jobs() }
    }

    /// For look-ups. Half as many threads: a resolver answers in milliseconds, or else makes all of them wait.
    pub(super) fn of_lookups() -> Self {
        Self { name: "ekiden-lookup", threads_max: 32, ..Self::of_jobs() }
    }
}

/// The pool of a standard stream: one thread, which does one job after the other. It is the process's, as the stream is.
pub(super) fn of_stream(stream: StandardStream) -> &'static Pool {
    static INPUT: LazyLock<Pool> = LazyLock::new(|| Pool::new(Limits::of_stream("ekiden-stdin")));
    static OUTPUT: LazyLock<Pool> = LazyLock::new(|| Pool::new(Limits::of_stream("ekiden-stdout")));
    static ERROR: LazyLock<Pool> = LazyLock::new(|| Pool::new(Limits::of_stream("ekiden-stderr")));
    match stream {
        StandardStream::Input => &INPUT,
        StandardStream::Output => &OUTPUT,
        StandardStream::Error => &ERROR,
    }
}

/// A bounded pool of threads. When it is dropped, jobs that wait are dropped and those that run come to their end.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    /// A pool without a thread yet.
    pub(super) fn new(limits: Limits) -> Self {
        let gauge = Arc::default();
        let shared = Shared { limits, state: Mutex::default(), work: Condvar::new(), gauge };
        Self { shared: Arc::new(shared) }
    }

    /// What can be seen of it without its lock.
    pub(super) fn gauge(&self) -> Arc<PoolGauge> {
        self.shared.gauge.clone()
    }

    /// Has a job run as soon as a thread is free.
    ///
    /// # Errors
    ///
    /// If too many wait, or the system gives no first thread; then the job has not begun, and is dropped.
    pub(super) fn submit(&self, job: Job) -> Result<(), Overloaded> {
        let mut state = self.shared.lock();
        if state.waiting.len() >= self.shared.limits.waiting_max {
            drop(state); // before the job, whose drop is anybody's code
            return Err(Overloaded);
        }
        state.waiting.push_back(job);
        self.shared.publish_waiting(&state);
        if state.waiting.len() <= state.idle {
            self.shared.work.notify_one();
        } else if state.threads < self.shared.limits.threads_max {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                // The threads there are will come to it.
                Err(_) if state.threads > 0 => {}
                Err(_) => {
                    let job = state.waiting.pop_back();
                    self.shared.publish_waiting(&state);
                    drop(state);
                    drop(job);
                    return Err(Overloaded);
                }
            }
        }
        Ok(())
    }

    fn start_thread(&self) -> std::io::Result<()> {
        let shared = self.shared.clone();
        start_beside(self.shared.limits.name, move || shared.work())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        self.shared.publish_waiting(&state);
        drop(state);
        self.shared.work.notify_all();
        drop(waiting);
    }
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    state: Mutex<State>,
    /// Notified when there is a job for a thread that is idle, and when the pool ends.
    work: Condvar,
    /// Written under the lock.
    gauge: Arc<PoolGauge>,
}

#[derive(Default)]
struct State {
    /// Jobs that have not begun.
    waiting: VecDeque<Job>,
    threads: usize,
    /// Threads that wait for a job, those included that have been notified and not woken up yet.
    idle: usize,
    is_closed: bool,
}

impl Shared {
    /// What each thread does.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            while let Some(job) = state.waiting.pop_front() {
                self.publish_waiting(&state);
                self.gauge.busy.add(1);
                drop(state);
                run(job);
                state = self.lock();
                self.gauge.busy.subtract(1);
            }
            if state.is_closed {
                break;
            }
            state.idle += 1;
            let waited = self.work.wait_timeout(state, self.limits.idle_time);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.waiting.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }

    fn publish_waiting(&self, state: &State) {
        self.gauge.waiting.set(state.waiting.len() as u64);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock, but for want of memory.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(job: Job) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(job)) {
        // The panic hook has told of it. The payload is leaked, since dropping it could panic once more.
        std::mem::forget(payload);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { waiting, threads, idle, .. } = self;
        let waiting = waiting.len();
        f.debug_struct("State")
            .field("waiting", &waiting)
            .field("threads", threads)
            .field("idle", idle)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;

    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(1_000_000);

    fn pool(threads_max: usize, waiting_max: usize, idle_time: Duration) -> Pool {
        Pool::new(Limits { name: "a pool's", threads_max, waiting_max, idle_time })
    }

    /// Occupies a thread until the sender is dropped, and returns once the thread is occupied.
    fn occupy(pool: &Pool) -> Sender<()> {
        let ((begun, has_begun), (release, released)) = (channel(), channel::<()>());
        let job = Box::new(move || {
            begun.send(()).unwrap();
            assert!(released.recv().is_err(), "somebody sent");
        });
        pool.submit(job).unwrap();
        has_begun.recv().unwrap();
        release
    }

    /// Lets the thread that runs this tell of its end.
    fn announce_end(end: Sender<()>) {
        thread_local!(static END: RefCell<Option<Sender<()>>> = const { RefCell::new(None) });
        END.set(Some(end));
    }

    fn ended(receiver: &Receiver<()>) {
        assert!(receiver.recv().is_err(), "somebody sent");
    }

    #[test]
    fn every_job_runs_and_no_more_threads_than_allowed() {
        let (pool, (done, results)) = (pool(4, 1000, FOR_EVER), channel());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for number in 0..1000 {
            let (done, running, most) = (done.clone(), running.clone(), most.clone());
            let job = move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                done.send(number).unwrap();
            };
            pool.submit(Box::new(job)).unwrap();
        }
        let mut all: Vec<i32> = results.iter().take(1000).collect();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 4);
        assert!(pool.shared.lock().threads <= 4);
    }

    #[test]
    fn jobs_that_block_at_once_have_a_thread_each() {
        let pool = pool(3, 10, FOR_EVER);
        let _occupied = [occupy(&pool), occupy(&pool), occupy(&pool)];
        assert_eq!(pool.shared.lock().threads, 3);
    }

    #[test]
    fn a_full_queue_refuses_and_what_it_took_runs_in_order() {
        let (pool, (done, results)) = (pool(1, 2, FOR_EVER), channel());
        let release = occupy(&pool);
        let job = |number| -> Job {
            let done = done.clone();
            Box::new(move || done.send(number).unwrap())
        };
        let seen = || (pool.gauge().waiting.get(), pool.gauge().busy.get());
        assert_eq!(seen(), (0, 1));
        let submitted: Vec<_> = (0..4).map(|number| pool.submit(job(number))).collect();
        assert_eq!(submitted, [Ok(()), Ok(()), Err(Overloaded), Err(Overloaded)]);
        assert_eq!(seen(), (2, 1));
        drop(release);
        assert_eq!([results.recv(), results.recv()], [Ok(0), Ok(1)]);
        await_idle(&pool);
        assert_eq!(seen(), (0, 0));
        assert_eq!(pool.submit(job(4)), Ok(()));
        assert_eq!(results.recv(), Ok(4));
    }

    #[test]
    fn a_job_that_panics_harms_no_other() {
        let (pool, (done, results)) = (pool(1, 10, FOR_EVER), channel());
        for number in 0..3 {
            let done = done.clone();
            let job = move || {
                done.send(number).unwrap();
                // Panics without a word from the hook.
                std::panic::resume_unwind(Box::new(number));
            };
            pool.submit(Box::new(job)).unwrap();
        }
        assert_eq!(results.iter().take(3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(pool.shared.lock().threads, 1);
    }

    #[test]
    fn an_idle_thread_ends() {
        let (pool, (end, at_end)) = (pool(1, 10, Duration::ZERO), channel());
        for _ in 0..3 {
            let end = end.clone();
            pool.submit(Box::new(|| announce_end(end))).unwrap();
        }
        drop(end);
        ended(&at_end);
        let state = pool.shared.lock();
        assert_eq!((state.threads, state.idle), (0, 0));
    }

    /// Returns when the pool's only thread waits for a job.
    fn await_idle(pool: &Pool) {
        for _ in 0..10_000_000 {
            if pool.shared.lock().idle == 1 {
                return;
            }
            thread::yield_now();
        }
        panic!("the thread never becomes idle");
    }

    #[test]
    fn an_idle_thread_is_used_again() {
        let pool = pool(10, 10, FOR_EVER);
        for _ in 0..100 {
            drop(occupy(&pool));
            await_idle(&pool);
        }
        assert_eq!(pool.shared.lock().threads, 1);
    }

    #[test]
    fn an_idle_thread_is_not_counted_on_twice() {
        for _ in 0..100 {
            let pool = pool(2, 10, FOR_EVER);
            drop(occupy(&pool));
            await_idle(&pool);
            let (both, (done, at_end)) = (Arc::new(Barrier::new(2)), channel());
            for _ in 0..2 {
                let (both, done) = (both.clone(), done.clone());
                let job = move || {
                    both.wait();
                    drop(done);
                };
                pool.submit(Box::new(job)).unwrap();
            }
            drop(done);
            ended(&at_end);
        }
    }

    #[test]
    fn a_pool_that_ends_drops_what_waits_and_ends_its_threads() {
        let (pool, (end, at_end), (job_sender, of_job)) = (pool(1, 10, FOR_EVER), channel(), channel::<()>());
        pool.submit(Box::new(|| announce_end(end))).unwrap();
        let release = occupy(&pool);
        pool.submit(Box::new(move || job_sender.send(()).unwrap())).unwrap();
        let gauge = pool.gauge();
        assert_eq!(gauge.waiting.get(), 1);
        drop(pool);
        assert_eq!(gauge.waiting.get(), 0);
        ended(&of_job);
        drop(release);
        ended(&at_end);
    }

    #[test]
    fn a_pool_that_ends_ends_its_idle_threads() {
        let (pool, (end, at_end)) = (pool(1, 10, FOR_EVER), channel());
        pool.submit(Box::new(|| announce_end(end))).unwrap();
        await_idle(&pool);
        drop(pool);
        ended(&at_end);
    }

    #[test]
    fn a_driver_shows_each_of_its_pools() {
        let os = super::super::Os::new().unwrap();
        let busy = || (os.pools().blocking.busy.get(), os.pools().lookups.busy.get());
        let job = occupy(&os.jobs);
        assert_eq!(busy(), (1, 0));
        let lookup = occupy(&os.lookups);
        assert_eq!(busy(), (1, 1));
        drop((job, lookup));
    }
}
