//! Writes what the fuzzers begin with to `corpus/`: the cases of the differential test, responses, replies, and what was found.
#![forbid(unsafe_code)]

#[path = "../crates/http/tests/differential/cases/mod.rs"]
#[allow(dead_code, reason = "only the bytes of the cases matter here")]
mod cases;
#[path = "../crates/http/tests/fuzzed/plan.rs"]
#[allow(dead_code, reason = "only the separator matters here")]
mod plan;
#[path = "../crates/http/tests/fuzzed/seeds.rs"]
mod seeds;
#[path = "../crates/http/tests/fuzzed/found.rs"]
mod found;
#[path = "../crates/rpc/tests/fuzzed/seeds.rs"]
mod rpc_seeds;
#[path = "../crates/redis/tests/resp.rs"]
#[allow(dead_code, reason = "only what it begins with matters here")]
mod resp;
#[path = "../crates/http/tests/world/mod.rs"]
mod world;

use std::path::Path;

fn main() -> std::io::Result<()> {
    let found = |inputs: &[(&str, &[u8])]| inputs.iter().map(|(_, input)| input.to_vec()).collect::<Vec<_>>();
    write("http_server", seeds::of_server().into_iter().chain(found(found::IN_SERVER)))?;
    write("http_client", seeds::of_client().into_iter().chain(found(found::IN_CLIENT)))?;
    write("rpc_server", rpc_seeds::of_server().into_iter())?;
    write("rpc_client", rpc_seeds::of_client().into_iter())?;
    write("resp", resp::SEEDS.iter().map(|seed| seed.to_vec()))
}

fn write(target: &str, inputs: impl Iterator<Item = Vec<u8>>) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&folder)?;
    let mut count = 0;
    for input in inputs {
        std::fs::write(folder.join(format!("seed-{count:04}")), input)?;
        count += 1;
    }
    println!("{count} seeds in {}", folder.display());
    Ok(())
}
