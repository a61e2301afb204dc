//! A host's program: the asynchronous function that it runs, from the beginning each time that it is started.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;

use ekiden_reactor::{Handle, Turns};

/// What a program returns: nothing, or whether it has failed, by which the run fails.
pub trait Outcome: sealed::Sealed {}

impl<T: sealed::Sealed> Outcome for T {}

mod sealed {
    #[expect(unnameable_types, reason = "that is the seal: nobody else can implement it")]
    pub trait Sealed {
        fn into_result(self) -> Result<(), String>;
    }
}

impl sealed::Sealed for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> sealed::Sealed for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// What a reactor of the world runs.
pub(crate) type Main = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// Begins a program.
pub(crate) type Begin = Rc<dyn Fn() -> Main>;

/// A host's program.
pub(crate) struct Program {
    pub(crate) begin: Begin,
    /// Where a scenario says what it runs.
    pub(crate) place: &'static Location<'static>,
    /// Those of its cores that have begun, by their numbers, but for one that takes a turn. It runs as long as it has the first.
    pub(crate) cores: BTreeMap<u16, RunningCore>,
}

impl Program {
    /// How often tasks were polled, on all cores that have begun.
    pub(crate) fn polls(&self) -> u64 {
        self.cores.values().map(|core| core.turns.within(|| Handle::current().stats().polls)).sum()
    }
}

/// A core that has begun.
pub(crate) struct RunningCore {
    pub(crate) turns: Turns<Main>,
    /// Whether its last turn left nothing to do.
    pub(crate) is_idle: bool,
    /// What has become of its first future, if it is no more.
    pub(crate) over: Option<&'static str>,
    /// How often each of its tasks had been polled when it began to look as if it got nowhere.
    pub(crate) polls: BTreeMap<u32, u32>,
}

impl RunningCore {
    pub(crate) fn new(turns: Turns<Main>) -> Self {
        Self { turns, is_idle: false, over: None, polls: BTreeMap::new() }
    }
}

/// Ends programs one by one, whatever of what they own panics then. Returns the first panic.
pub(crate) fn end_all(programs: Vec<Program>) -> Option<Box<dyn Any + Send>> {
    let mut panics = Vec::new();
    for Program { begin, place: _, cores } in programs {
        // Each for itself, as a panic within a panic would end the process.
        panics.extend(catch_unwind(AssertUnwindSafe(|| drop(begin))).err());
        for core in cores.into_values() {
            panics.extend(catch_unwind(AssertUnwindSafe(|| drop(core))).err());
        }
    }
    let first = (!panics.is_empty()).then(|| panics.swap_remove(0));
    panics.into_iter().for_each(mem::forget); // what they panicked with may panic when it is dropped
    first
}

/// What calls an asynchronous function each time that its program begins.
pub(crate) fn begins<M, R>(main: M) -> Begin
where
    M: AsyncFn() -> R + 'static,
    R: Outcome,
{
    let main = Rc::new(main);
    Rc::new(move || {
        let main = main.clone();
        Box::pin(async move { (*main)().await.into_result() })
    })
}

/// The same for a future, which can only begin once.
pub(crate) fn begins_once(main: impl Future<Output = ()> + 'static) -> Begin {
    let main = Rc::new(std::cell::Cell::new(Some(main)));
    Rc::new(move || {
        let main = main.take();
        Box::pin(async move {
            match main {
                Some(main) => {
                    main.await;
                    Ok(())
                }
                None => Err("what a world was asked to run cannot begin again".to_owned()),
            }
        })
    })
}

/// The host on which a scenario's own program runs.
pub(crate) const MAIN: &str = "main";
