//! HTTP: a greeting of thirteen bytes, by both versions of the protocol.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Scenario, command, serve};
use crate::load::echo::Speech;
use crate::load::h2load::{H2load, Version};
use crate::load::wrk::Wrk;
use crate::load::{Watch, measure};
use crate::peers::Peer;
use crate::rounds::Rounds;

pub(crate) const HTTP1: Scenario = Scenario {
    name: "http1",
    about: "`GET /` is answered with `Hello, World!`, over HTTP/1.1, asked by `wrk`. The limit answers whatever ends in \
            an empty line; the peers parse, check and build as they always do.",
    kinds: &["http1"],
    programs: &["wrk", "h2load", "valgrind", "strace"],
    run: run_http1,
};

pub(crate) const HTTP2: Scenario = Scenario {
    name: "http2",
    about: "The same over HTTP/2 without TLS, asked by `h2load`.",
    kinds: &["http2"],
    programs: &["h2load", "valgrind", "strace"],
    run: run_http2,
};

const KEEP_ALIVE: &str = "keep-alive, 64 connections";
const STREAMS: &str = "16 connections, 64 streams each";

fn run_http1(rounds: &mut Rounds) -> Result<()> {
    let peers = rounds.of_kind("http1");
    let keep_alive = Wrk { connections: 64, depth: 1, closes: false };
    let cases = [
        (KEEP_ALIVE, keep_alive),
        ("pipelined 16, 64 connections", Wrk { depth: 16, ..keep_alive }),
        ("a connection per request, 64 at once", Wrk { closes: true, ..keep_alive }),
    ];
    for (case, wrk) in cases {
        let seconds = rounds.pace.counted_seconds;
        rounds.take_turns(case, &peers, |peer| {
            let server = serve(peer)?;
            by_http1(1).run(server.addr, WARM_UP_REQUESTS, &mut Watch::of(&server))?;
            if wrk.closes {
                see_it_close(server.addr)?;
            }
            measure(&server, |watch| wrk.run(server.addr, seconds, watch))
        });
    }
    super::at_half_pace(rounds, KEEP_ALIVE, &peers, Speech::Http);
    count(rounds, KEEP_ALIVE, &peers, by_http1(1));
    // For a look, those of keep-alive say where a request's instructions go.
    if !rounds.pace.is_quick {
        count(rounds, "pipelined 16, 64 connections", &peers, by_http1(16));
    }
    Ok(())
}

fn run_http2(rounds: &mut Rounds) -> Result<()> {
    let peers = rounds.of_kind("http2");
    let streams = H2load { connections: 16, streams: 64, version: Version::Http2 };
    let cases = [
        ("64 connections, a stream each", H2load { connections: 64, streams: 1, ..streams }),
        (STREAMS, streams),
    ];
    for (case, h2load) in cases {
        let seconds = rounds.pace.counted_seconds;
        rounds.take_turns(case, &peers, |peer| {
            let server = serve(peer)?;
            let requests = as_many_as(seconds, h2load, server.addr, &mut Watch::of(&server))?;
            measure(&server, |watch| h2load.run(server.addr, requests, watch))
        });
        count(rounds, case, &peers, h2load);
    }
    Ok(())
}

/// Fails unless the server closes when it is asked to: wrk would go on with the same connection, and not tell.
fn see_it_close(addr: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new()).context("it does not close when asked to")?;
    Ok(())
}

fn by_http1(depth: u64) -> H2load {
    H2load { connections: 64, streams: depth, version: Version::Http1 }
}

/// How many requests take that long, by a warm-up.
fn as_many_as(seconds: f64, h2load: H2load, addr: SocketAddr, watch: &mut Watch) -> Result<u64> {
    let warm_up = h2load.run(addr, WARM_UP_REQUESTS, watch)?;
    Ok((warm_up.per_second * seconds) as u64)
}

fn count(rounds: &mut Rounds, case: &str, peers: &[Peer], h2load: H2load) {
    let requests = rounds.pace.counted_requests;
    rounds.count(case, peers, |peer, counter| {
        counter.per_request(&command(peer), requests, |server, requests| {
            h2load.run(server.addr, requests, &mut Watch::of(server))
        })
    });
}

/// Fills caches and pools, and takes a tenth of a second.
const WARM_UP_REQUESTS: u64 = 5_000;
