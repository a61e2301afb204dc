//! A gigabyte each way, through one call of our client and our server, in a few megabytes.
//!
//! A program of its own, because what is measured is the whole process: the most it ever held.

use std::fs;

use ekiden_reactor::{net::TcpListener, run};
use ekiden_rpc::{Client, serve};
use futures_util::stream::{self, Stream, StreamExt};

const GIGABYTE: usize = 1024 * 1024 * 1024;

/// Fits into a frame with what stands before it.
const WORD_BYTES: usize = 64 * 1024;

/// Client, server, the test itself and what the runtime of tests holds, together.
const RESIDENT_KIB_MAX: u64 = 16 * 1024;

#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Mirror {
    async fn mirror(&self, words: impl Stream<Item = String>) -> impl Stream<Item = String>;
}

struct Glass;

impl Mirror for Glass {
    async fn mirror(&self, words: impl Stream<Item = String>) -> impl Stream<Item = String> {
        words
    }
}

#[test]
fn a_gigabyte_each_way_passes_through_a_few_megabytes() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let _server = serve(listener, MirrorServer::new(Glass));
        let mirror = MirrorClient::new(Client::connect(addr).await.unwrap());
        let words = stream::repeat_with(|| "x".repeat(WORD_BYTES)).take(GIGABYTE / WORD_BYTES);
        let mut words = mirror.mirror(words).await.unwrap();
        let mut received = 0;
        while let Some(word) = words.next().await {
            received += word.unwrap().len();
        }
        assert_eq!(received, GIGABYTE);
    });
    let resident = most_resident_kib();
    assert!(resident < RESIDENT_KIB_MAX, "it held {resident} KiB");
}

fn most_resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the most that was held");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
