//! What a warmed-up connection allocates for a request, beside what a codec makes of the bytes and a service of the request.
//!
//! The codec is one of numbers, which allocates nothing itself.

use std::convert::Infallible;

use bytes::{Buf, BufMut, BytesMut};
use ekiden_proto::Transport;
use ekiden_proto::codec::{Decoded, Decoder, Encoder, LengthDelimited};
use ekiden_proto::pipeline;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Config, Reactor, spawn, yield_now};
use ekiden_service::service_fn;

/// Four bytes each.
struct Numbers;

impl Decoder for Numbers {
    type Item = u32;
    type Error = Infallible;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<u32>, Infallible> {
        Ok(buf.try_get_u32().map_or(Decoded::Incomplete, Decoded::Frame))
    }
}

impl Encoder<u32> for Numbers {
    type Error = Infallible;

    fn encode(&mut self, number: u32, buf: &mut BytesMut) -> Result<(), Infallible> {
        buf.put_u32(number);
        Ok(())
    }
}

/// Asks one after the other, over a connection that is served so, as often as it takes for all to have grown, and then for how
/// many allocations each request costs.
#[track_caller]
fn check<F: Future + 'static>(serve: impl FnOnce(TcpStream) -> F, request: &[u8], expected: u64) {
    let mut config = Config::default();
    config.dump_on_quit = false; // which allocates when the first reactor of the process begins to run
    let reactor = Reactor::with_driver(config, Hand::new().unwrap().0);
    let client = reactor.run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _peer) = listener.accept().await.unwrap();
        drop(spawn(serve(server)));
        client
    });
    let ask = async || {
        for _ in 0..ROUNDS {
            client.write_all(request).await.unwrap();
            let (mut answer, mut len) = ([0; 64], 0);
            while len < request.len() {
                len += client.read(&mut answer[len..]).await.unwrap();
            }
            assert_eq!(&answer[..len], request);
        }
        yield_now().await; // the server is idle again
    };
    // From one place: those that spawn are listed, all of the process, when they first do.
    let run = || allocation_counter::measure(|| reactor.run(ask()));
    run();
    let counted = run();
    assert_eq!(counted.count_total, expected * ROUNDS, "of {ROUNDS} requests, {expected} each");
    assert_eq!(counted.count_current, 0, "an idle connection keeps nothing of them");
}

const ROUNDS: u64 = 1_000;

#[test]
fn a_frame_read_and_a_frame_written_cost_nothing() {
    let echo = async |stream| {
        let mut transport = Transport::new(stream, Numbers);
        while let Some(number) = transport.next().await {
            transport.send(number.unwrap()).await.unwrap();
        }
    };
    check(echo, &7_u32.to_be_bytes(), 0);
}

#[test]
fn a_frame_of_bytes_costs_the_bytes_that_outlive_what_they_were_read_into() {
    let echo = async |stream| {
        let mut transport = Transport::new(stream, LengthDelimited::default());
        while let Some(frame) = transport.next().await {
            transport.send(frame.unwrap()).await.unwrap();
        }
    };
    check(echo, b"\0\0\0\x05hello", 1);
}

#[test]
fn a_call_costs_the_box_that_an_idle_connection_gives_back() {
    let service = service_fn(async |number: u32| Ok::<_, Infallible>(number));
    let serve = |stream| pipeline::serve_connection(stream, Numbers, service);
    check(serve, &7_u32.to_be_bytes(), 1);
}
