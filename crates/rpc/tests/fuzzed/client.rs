//! Any bytes, in any pieces, to our client, while it has calls of each kind under way.
//!
//! Whatever comes: nothing panics or hangs, and every caller has an answer or an error when the server is gone.

use ekiden_reactor::{JoinHandle, spawn};
use ekiden_rpc::client::Config;
use ekiden_rpc::{Client, Error};
use futures_util::stream;

use crate::mender::Checksums;
use crate::odd::OddClient;
use crate::plan::Plan;
use crate::world::pipe::pipe;
use crate::world::{self, World};

/// No input has more deadlines than this.
const DEADLINES_MAX: usize = 5000;

/// Plays an input, and fails if anything is not as it should be. Tells how many calls were answered.
pub(crate) fn check(input: &[u8]) -> usize {
    let mut plan = Plan::new(input);
    let checksums = Checksums::of(&mut plan);
    world::run(async |world| play(&world, &plan, checksums).await)
}

async fn play(world: &World, plan: &Plan<'_>, checksums: Checksums) -> usize {
    let (io, peer) = pipe();
    let mut config = Config::default();
    config.frame_bytes_max = 4096;
    config.checksums = checksums.are_on();
    config.dispatch.in_flight_max = 4;
    config.dispatch.window_bytes = if plan.setup[1] & 1 == 0 { 65_536 } else { 64 };
    let callers = spawn(async move {
        let client = Client::handshake_with(config, io).await?;
        Ok::<_, Error>(call_everything(&OddClient::new(client)))
    });
    // Most inputs should come to frames.
    if plan.setup[0] & 7 != 7 {
        peer.send(&checksums.hello());
        world.quiet().await;
    }
    plan.play(world, &peer, || {}).await;
    pass_until(world, || callers.is_finished()).await;
    let Ok(callers) = callers.await.expect("no panic") else { return 0 };
    pass_until(world, || callers.iter().all(JoinHandle::is_finished)).await;
    let mut answers = 0;
    for caller in callers {
        answers += usize::from(caller.await.expect("no panic").is_ok());
    }
    world.quiet().await;
    // A call that was given up may have to be ended by the server, and one that is silent is given up in its time.
    pass_until(world, || peer.is_left()).await;
    answers
}

async fn pass_until(world: &World, is_over: impl Fn() -> bool) {
    for _ in 0..DEADLINES_MAX {
        if is_over() || !world.pass_to_deadline().await {
            break;
        }
    }
    assert!(is_over(), "somebody waits for a server that is gone");
}

/// Calls of each kind; the ids on the wire are in this order.
fn call_everything(odd: &OddClient<Client>) -> Vec<JoinHandle<Result<(), Error>>> {
    let (echo, count, sum, back) = (odd.clone(), odd.clone(), odd.clone(), odd.clone());
    vec![
        spawn(async move { echo.echo(Some("text".to_owned())).await.map(drop) }),
        spawn(async move {
            let Ok(mut numbers) = count.count(4).await? else { return Ok(()) };
            while let Some(number) = numbers.next().await {
                number?;
            }
            Ok(())
        }),
        spawn(async move { sum.sum(stream::iter(0..100)).await.map(drop) }),
        spawn(async move {
            let texts = stream::iter((0..100).map(|n| n.to_string()));
            let mut back = back.back(texts).await?;
            while let Some(text) = back.next().await {
                text?;
            }
            Ok(())
        }),
    ]
}
