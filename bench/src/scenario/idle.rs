//! Idle connections: as many as there may be, from the first to the last that is drained.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use super::{Scenario, serve};
use crate::load::Measured;
use crate::load::hold::{Held, connections_at_most};
use crate::peers::Peer;
use crate::process::usage::resident;
use crate::results::Figure;
use crate::rounds::Rounds;

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "idle",
    about: "Connections of framed echo, as many as the limit on open files allows: each is opened and asked once, then they \
            are idle. *Bytes* is what the server's resident memory grew by, for each: some 60 more than in *memory*, as each \
            waits for the drain, too. Then its table of tasks is asked what each of them waits for, all are asked once \
            more, and the server drains. What each step took, for each connection: opening and asking is most of it the \
            kernel's and the load's.",
    kinds: &["idle"],
    programs: &[],
    run,
};

fn run(rounds: &mut Rounds) -> Result<()> {
    let peers = rounds.of_kind("idle");
    let most = if rounds.pace.is_quick { 4_000 } else { CONNECTIONS_MAX };
    for connections in [1_000, connections_at_most(most)?] {
        let case = format!("{connections} idle connections");
        rounds.take_turns(&case, &peers, |peer| hold(peer, connections));
    }
    Ok(())
}

fn hold(peer: &Peer, connections: usize) -> Result<Measured> {
    let server = serve(peer)?;
    // What the first connections bring into being is not theirs alone.
    Held::open(&server, FIRST, false)?.close()?;
    let before = resident(server.pid())?;
    let mut held = Held::open(&server, connections, false)?;
    let after = resident(server.pid())?;
    server.signal(Signal::SIGUSR1)?;
    let listed = server.next_line(|line| numbers(line.strip_prefix("listed ")?));
    let [found, list_seconds] = listed.context("the server does not list its tasks")?;
    ensure!(found as usize == connections, "of {connections} connections it lists {found}");
    let (open_seconds, wake_seconds) = (held.seconds, held.wake()?);
    let begun = Instant::now();
    server.signal(Signal::SIGTERM)?;
    let drained = server.next_line(|line| numbers(line.strip_prefix("drained ")?));
    let [finished, dropped] = drained.context("the server does not drain")?;
    let drain_seconds = begun.elapsed().as_secs_f64();
    ensure!(
        (finished as usize, dropped as usize) == (connections, 0),
        "of {connections} connections {finished} finished, and {dropped} were dropped"
    );
    held.close()?;
    let each = |seconds: f64| seconds * 1e6 / connections as f64;
    Ok(Measured::of(
        [
            (Figure::Bytes, (after as f64 - before as f64) / connections as f64),
            (Figure::OpenMicros, each(open_seconds)),
            (Figure::ListMicros, each(list_seconds)),
            (Figure::WakeMicros, each(wake_seconds)),
            (Figure::DrainMicros, each(drain_seconds)),
        ]
        .into(),
    ))
}

fn numbers(text: &str) -> Option<[f64; 2]> {
    let (first, second) = text.split_once(' ')?;
    Some([first.parse().ok()?, second.parse().ok()?])
}

const FIRST: usize = 50;

/// The limit on files allows less, most often.
const CONNECTIONS_MAX: usize = 100_000;
