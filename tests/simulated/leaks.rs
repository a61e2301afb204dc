//! What crates of others ask of the system behind the world's back: that it is so, that it is found or told apart, and that
//! its remedy is one. The list for readers is `ekiden_sim::leaks`.

use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::hash::BuildHasherDefault;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ekiden::http::adapt::hyper::{Executor, Io, Timer};
use ekiden::http::{self, Body, HeaderMap, HeaderValue, Request, Response, header};
use ekiden::net::{TcpListener, TcpStream};
use ekiden::{service_fn, sleep, spawn};
use ekiden_sim::{Sim, check};
use futures_util::future::ready;
use futures_util::{select, select_biased, stream};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};

use crate::millis;

/// What a check that fails says.
fn complaint(scenario: impl Fn(Sim)) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| check(scenario))).expect_err("it should fail");
    *payload.downcast::<String>().expect("a message")
}

/// Sends numbers over a connection, one at a time: what their order comes from shows in the world then.
fn send(sim: &Sim, numbers: Vec<u8>) {
    sim.host("server", async || {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let (stream, _peer) = listener.accept().await?;
        while stream.read(&mut [0; 100]).await? > 0 {}
        io::Result::Ok(())
    });
    sim.run(async move |_sim| {
        sleep(millis(1)).await;
        let stream = TcpStream::connect("server:7").await.unwrap();
        for number in numbers {
            stream.write_all(&[number]).await.unwrap();
        }
    });
}

/// The order of std's hash maps is found, and those with hashers that are always the same, or none, have one of their own.
#[test]
fn the_order_of_a_hash_map_of_stds_is_found() {
    let says = complaint(|sim| {
        let map: HashMap<u8, ()> = (0..20).map(|number| (number, ())).collect();
        send(&sim, map.into_keys().collect());
    });
    assert!(says.starts_with("two runs of seed 0 differ"), "{says}");
    assert!(says.contains("the order of a std HashMap") && says.contains("writes 1 bytes"), "{says}");
    check(|sim| {
        let map: HashMap<u8, (), BuildHasherDefault<DefaultHasher>> =
            (0..20).map(|number| (number, ())).collect();
        send(&sim, map.into_keys().collect());
    });
    check(|sim| {
        let map: BTreeMap<u8, ()> = (0..20).map(|number| (number, ())).collect();
        send(&sim, map.into_keys().collect());
    });
}

/// The counter that `select!` keeps in its thread is found, and `select_biased!` keeps none.
#[test]
fn the_counter_of_select_is_found() {
    let says = complaint(|sim| {
        let chosen = sim.run(async |_sim| {
            let mut chosen = Vec::new();
            for _ in 0..20 {
                let (mut one, mut two) = (ready(1), ready(2));
                chosen.push(select! { one = one => one, two = two => two });
            }
            chosen
        });
        send(&sim, chosen);
    });
    assert!(says.starts_with("two runs of seed 0 differ") && says.contains("writes 1 bytes"), "{says}");
    check(|sim| {
        let chosen = sim.run(async |_sim| {
            let mut chosen = Vec::new();
            for _ in 0..20 {
                let (mut one, mut two) = (ready(1), ready(2));
                chosen.push(select_biased! { one = one => one, two = two => two });
            }
            chosen
        });
        send(&sim, chosen);
    });
}

/// hyper's `Date` is not of the world; without it, or with one of the reactor's wall clock, an answer is. Ours is anyhow.
#[test]
fn hypers_date_is_the_systems_and_can_be_left_out() {
    let of_the_world = |date: &HeaderValue| date.as_bytes().starts_with(b"Tue, 01 Jan 2030 00:00:0");
    let [ours, with_date, without_date] =
        [Dated::Ours, Dated::ByHyper, Dated::ByNobody].map(|dated| Sim::new(1).run(answer_of(dated)));
    assert!(of_the_world(&ours[header::DATE]), "{ours:?}");
    assert!(
        !of_the_world(&with_date[header::DATE]),
        "the time has come that the world begins at: {with_date:?}"
    );
    assert_eq!(without_date.get(header::DATE), None);
}

/// Who says what day it is.
#[derive(Clone, Copy)]
enum Dated {
    Ours,
    ByHyper,
    ByNobody,
}

/// The head of what a server answers.
fn answer_of(dated: Dated) -> impl AsyncFnOnce(Sim) -> HeaderMap {
    async move |sim| {
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            if let Dated::Ours = dated {
                let hello = service_fn(async |_req: Request<Body>| Ok::<_, http::Error>(Response::default()));
                return http::serve(listener, hello).await.map(drop);
            }
            let (stream, _peer) = listener.accept().await?;
            let hello =
                hyper::service::service_fn(async |_req| Ok::<_, Infallible>(Response::new(Body::empty())));
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(Timer).auto_date_header(matches!(dated, Dated::ByHyper));
            server.serve_connection(Io::new(stream), hello).await.map_err(io::Error::other)
        });
        sleep(millis(1)).await;
        let stream = TcpStream::connect("server:80").await.unwrap();
        let (mut client, connection) = http1::handshake(Io::new(stream)).await.unwrap();
        drop(spawn(connection));
        let request = Request::get("/").header("host", "server").body(Body::empty()).unwrap();
        client.send_request(request).await.unwrap().into_parts().0.headers
    }
}

/// hyper without a timer has none of its time limits, and by the adapter's they are of the world: who says nothing is given up when
/// the world's clock says so, in no time of ours.
#[test]
fn hypers_time_limits_are_the_worlds_by_the_adapters_timer() {
    check(|sim| {
        let given_up = Rc::new(Cell::new(None));
        let (sim_of_host, at) = (sim.clone(), given_up.clone());
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            let (stream, _peer) = listener.accept().await?;
            let hello =
                hyper::service::service_fn(async |_req| Ok::<_, Infallible>(Response::new(Body::empty())));
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(Timer).auto_date_header(false).header_read_timeout(Duration::from_secs(1000));
            let error = server.serve_connection(Io::new(stream), hello).await.unwrap_err();
            assert!(error.is_timeout(), "{error}");
            at.set(Some(sim_of_host.now()));
            io::Result::Ok(())
        });
        sim.run(async |_sim| {
            sleep(millis(1)).await;
            let stream = TcpStream::connect("server:80").await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        });
        let limit = Duration::from_secs(1000);
        let at = given_up.get().expect("it ends before who hears of it");
        assert!((limit..limit + Duration::from_secs(1)).contains(&at), "{at:?}");
    });
}

/// For how long h2 remembers the streams that it has reset it asks the system's clock, and does something else for one that it
/// has forgotten: so it is another run where that clock went faster. A client that remembers none asks nobody.
#[test]
fn the_age_of_a_stream_that_was_reset_is_of_the_system_unless_none_is_remembered() {
    // The two ends of what the clock may say: that no time has passed, and that more than enough has.
    let [long_ago, just_now] = [Duration::ZERO, Duration::from_secs(3600)];
    let hash = |remembered_max, remembered_for| {
        let sim = Sim::new(1);
        give_up_streams(&sim, remembered_max, remembered_for);
        sim.hash()
    };
    assert_ne!(hash(10, long_ago), hash(10, just_now), "h2 does the same now: then this is no leak any more");
    assert_eq!(hash(0, long_ago), hash(0, just_now));
}

/// Asks for streams and gives them up while they come.
fn give_up_streams(sim: &Sim, remembered_max: usize, remembered_for: Duration) {
    sim.host("server", async || {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let (stream, _peer) = listener.accept().await?;
        let without_end = hyper::service::service_fn(async |_req: Request<Incoming>| {
            let pieces = stream::unfold((), async |()| {
                sleep(Duration::from_micros(500)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b"and so on")), ()))
            });
            Ok::<_, Infallible>(Response::new(Body::stream(pieces)))
        });
        let mut server = hyper::server::conn::http2::Builder::new(Executor);
        server.timer(Timer).auto_date_header(false);
        server.serve_connection(Io::new(stream), without_end).await.map_err(io::Error::other)
    });
    sim.run(async move |_sim| {
        sleep(millis(1)).await;
        let stream = TcpStream::connect("server:80").await.unwrap();
        let mut builder = http2::Builder::new(Executor);
        builder.max_concurrent_reset_streams(remembered_max).reset_stream_duration(remembered_for);
        let (mut client, connection) = builder.handshake(Io::new(stream)).await.unwrap();
        drop(spawn(connection));
        for _ in 0..3 {
            client.ready().await.unwrap();
            let request = Request::get("http://server/").body(Body::empty()).unwrap();
            let mut body = Body::wrap(client.send_request(request).await.unwrap().into_body());
            assert!(body.chunk().await.unwrap().is_ok());
            drop(body);
            sleep(millis(50)).await;
        }
    });
}
