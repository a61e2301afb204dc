//! Any bytes, in any pieces, to our server.
//!
//! Whatever comes: nothing panics or hangs, every byte of every answer is a frame that a server may send, no call is ended
//! twice, and the connection ends with its client.

use std::collections::HashSet;
use std::time::Duration;

use ekiden_proto::server::Drain;
use ekiden_reactor::spawn;
use ekiden_rpc::server::Config;

use crate::checksum::unchecked;
use crate::mender::Checksums;
use crate::odd::{Fellow, OddServer};
use crate::plan::Plan;
use crate::world::pipe::pipe;
use crate::world::{self, World};

/// No input has more deadlines than this.
const DEADLINES_MAX: usize = 5000;

/// Plays an input, and fails if anything is not as it should be. Tells how many calls were answered.
pub(crate) fn check(input: &[u8]) -> usize {
    let mut plan = Plan::new(input);
    let checksums = Checksums::of(&mut plan);
    let said = world::run(async |world| play(&world, &plan, checksums).await);
    read(&said, checksums)
}

async fn play(world: &World, plan: &Plan<'_>, checksums: Checksums) -> Vec<u8> {
    let (io, peer) = pipe();
    let mut config = Config::default();
    config.frame_bytes_max = 4096;
    config.checksums = checksums.are_on();
    config.dispatch.in_flight_max = 4;
    // Or whoever falls silent and has no call open would stay for ever, as by default it may.
    config.dispatch.idle_timeout = Some(Duration::from_secs(60));
    config.dispatch.window_bytes = if plan.setup[1] & 1 == 0 { 65_536 } else { 64 };
    let drain = Drain::new();
    let task = spawn(config.serve_connection(io, OddServer::new(Fellow), drain.clone()));
    // Most inputs should come to frames.
    if plan.setup[0] & 7 != 7 {
        peer.send(&checksums.hello());
        world.quiet().await;
    }
    plan.play(world, &peer, || drain.begin()).await;
    for _ in 0..DEADLINES_MAX {
        if task.is_finished() || !world.pass_to_deadline().await {
            break;
        }
    }
    assert!(task.is_finished(), "the connection outlives its client");
    drop(task.await.expect("no panic"));
    assert!(peer.is_left());
    peer.seen()
}

/// Reads all that a server has said, by a reader of its own. The last frame may be cut.
fn read(said: &[u8], checksums: Checksums) -> usize {
    let settings_bytes = if checksums.are_on() { 36 } else { 24 };
    let Some((hello, mut rest)) = said.split_at_checked(10 + settings_bytes) else { return 0 };
    assert!(
        hello.starts_with(&[b"ekiden\x01\0", &[settings_bytes as u8, 0][..]].concat()),
        "{}",
        hello.escape_ascii()
    );
    let (mut answers, mut streams) = (0, HashSet::new());
    while let Some(length) = rest.first_chunk() {
        let Some((frame, after)) = rest.split_at_checked(4 + u32::from_le_bytes(*length) as usize) else {
            break;
        };
        let frame = if checksums.are_on() { unchecked(frame) } else { frame.to_vec() };
        assert!(frame.len() >= 9, "a frame of {} bytes", frame.len());
        let (header, payload) = frame.split_at(9);
        let (kind, id) = (header[4], u32::from_le_bytes([header[5], header[6], header[7], header[8]]));
        match (kind, payload) {
            (2, [flags @ 0..=1, status @ 0..=5, ..]) => {
                assert!(*flags == 0 || *status == 0, "an error has no body");
                assert!(!streams.contains(&id), "two replies to one call");
                if *flags == 1 {
                    streams.insert(id);
                }
                answers += usize::from(*status == 0);
            }
            (3, _) => assert!(streams.contains(&id), "a chunk of no body"),
            (4, []) => assert!(streams.remove(&id), "an end of no body"),
            (5, [_, _, _, _]) => {}
            (7, [1..=5]) => drop(streams.remove(&id)),
            (8 | 9, [_, _, _, _, _, _, _, _]) => assert_eq!(id, 0),
            (10, []) => assert_eq!(id, 0),
            _ => panic!("kind {kind}: {}", payload.escape_ascii()),
        }
        rest = after;
    }
    answers
}
