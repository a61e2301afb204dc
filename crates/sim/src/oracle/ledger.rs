//! What became of each request: begun by a server, ended there, and told to its caller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{assert_none, lock};

/// A book in which a bystander writes of each request, by its name, how often it was begun and ended, and what its caller was
/// told: by which one sees whether any was begun twice, answered twice, or lied about.
///
/// ```
/// use ekiden_reactor::net::{TcpListener, TcpStream};
/// use ekiden_reactor::sleep;
/// use ekiden_sim::oracle::{Ledger, Told};
/// use std::{io, time::Duration};
///
/// // Whoever asks is told whether he was heard, also when the server is started again.
/// ekiden_sim::check(|sim| {
///     let ledger = Ledger::default();
///     let of_server = ledger.clone();
///     sim.host("server", async move || {
///         let listener = TcpListener::bind("0.0.0.0:7").await?;
///         loop {
///             let (stream, _peer) = listener.accept().await?;
///             let mut name = [0];
///             if let Ok(1) = stream.read(&mut name).await {
///                 of_server.begin(&name[0].to_string());
///                 drop(stream.write_all(&name).await);
///                 of_server.end(&name[0].to_string());
///             }
///         }
///         # #[expect(unreachable_code, reason = "what it would return")]
///         io::Result::Ok(())
///     });
///     sim.run(async move |sim| {
///         for name in 0..10u8 {
///             sleep(Duration::from_millis(sim.draw(1..=20))).await;
///             sim.restart("server");
///             let told = match TcpStream::connect("server:7").await {
///                 Err(_) => Told::NotBegun,
///                 Ok(stream) => match (stream.write_all(&[name]).await, stream.read(&mut [0]).await) {
///                     (Ok(()), Ok(1)) => Told::Answer,
///                     _ => Told::Unknown,
///                 },
///             };
///             ledger.tell(&name.to_string(), told);
///         }
///         sleep(Duration::from_secs(1)).await;
///         ledger.assert_true();
///     });
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<BTreeMap<String, Request>>>);

/// What the caller of a request was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// The answer.
    Answer,
    /// An error, and that the request was begun.
    Begun,
    /// An error, and that the request was not begun, so that it may be sent again.
    NotBegun,
    /// An error, and that nobody can tell. It is always true, so who says nothing else tells nobody anything.
    Unknown,
}

#[derive(Clone, Debug, Default)]
struct Request {
    begun: u32,
    ended: u32,
    told: Vec<Told>,
}

impl Ledger {
    /// A server begins a request.
    pub fn begin(&self, name: &str) {
        self.with(name, |request| request.begun += 1);
    }

    /// A server has done what it was asked, before it answers.
    pub fn end(&self, name: &str) {
        self.with(name, |request| request.ended += 1);
    }

    /// A caller was told something.
    pub fn tell(&self, name: &str, told: Told) {
        self.with(name, |request| request.told.push(told));
    }

    /// How often a request was begun.
    #[must_use]
    pub fn begun(&self, name: &str) -> u32 {
        lock(&self.0).get(name).map_or(0, |request| request.begun)
    }

    /// How often it was ended.
    #[must_use]
    pub fn ended(&self, name: &str) -> u32 {
        lock(&self.0).get(name).map_or(0, |request| request.ended)
    }

    /// Looks whether each request was begun at most once, and its caller told once at most, and the truth: by an answer that
    /// it was ended, else what the error says of it.
    ///
    /// For a moment at which all is over, since a request that was said not to have been begun may be on its way still.
    ///
    /// # Panics
    ///
    /// If it is not so, with all that is wrong.
    #[track_caller]
    pub fn assert_true(&self) {
        let wrong: Vec<_> = lock(&self.0).iter().filter_map(|(name, request)| request.wrong(name)).collect();
        assert_none(&wrong);
    }

    fn with(&self, name: &str, write: impl FnOnce(&mut Request)) {
        write(lock(&self.0).entry(name.to_owned()).or_default());
    }
}

impl Request {
    fn wrong(&self, name: &str) -> Option<String> {
        let Self { begun, ended, told } = self;
        let is_true = match told[..] {
            [] | [Told::Unknown] => *begun <= 1,
            [Told::Answer] => (*begun, *ended) == (1, 1),
            [Told::Begun] => *begun == 1,
            [Told::NotBegun] => *begun == 0,
            _ => false,
        };
        (!is_true || ended > begun).then(|| {
            format!("`{name}` was begun {begun} times, ended {ended} times, and its caller told {told:?}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a ledger is true in which a request was begun and ended so often, and its caller told that.
    fn is_true(begun: u32, ended: u32, told: &[Told]) -> bool {
        let ledger = Ledger::default();
        (0..begun).for_each(|_| ledger.begin("x"));
        (0..ended).for_each(|_| ledger.end("x"));
        told.iter().for_each(|told| ledger.tell("x", *told));
        assert_eq!((ledger.begun("x"), ledger.ended("x")), (begun, ended));
        lock(&ledger.0).iter().all(|(name, request)| request.wrong(name).is_none())
    }

    #[test]
    fn whoever_is_told_the_truth_is_content() {
        use Told::{Answer, Begun, NotBegun, Unknown};
        let all =
            [&[][..], &[Answer], &[Begun], &[NotBegun], &[Unknown], &[Answer, Answer], &[Unknown, Answer]];
        for (begun, ended, expect) in [
            (0, 0, [true, false, false, true, true, false, false]),
            (1, 0, [true, false, true, false, true, false, false]),
            (1, 1, [true, true, true, false, true, false, false]),
            (2, 1, [false; 7]),
            (2, 2, [false; 7]),
            (0, 1, [false; 7]),
        ] {
            assert_eq!(all.map(|told| is_true(begun, ended, told)), expect, "{begun} {ended}");
        }
    }

    #[test]
    #[should_panic(
        expected = "`b` was begun 2 times, ended 0 times, and its caller told []\n`c` was begun 0 times"
    )]
    fn all_that_is_wrong_is_told() {
        let ledger = Ledger::default();
        ["a", "b", "b"].into_iter().for_each(|name| ledger.begin(name));
        ledger.tell("c", Told::Answer);
        ledger.assert_true();
    }
}
