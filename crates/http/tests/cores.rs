//! A server on several cores, over real sockets.

use std::cell::Cell;
use std::num::NonZero;
use std::rc::Rc;
use std::time::Duration;

use ekiden_http::client::Client;
use ekiden_http::server::{Config, RawRequest};
use ekiden_http::{Body, Error, Request, Response, serve_on_cores};
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{CoreId, Runtime};
use ekiden_service::{Service, service_fn};

fn on_two_cores<F: Future>(test: F) -> F::Output {
    let mut runtime = Runtime::default();
    runtime.threads = NonZero::new(2);
    // On a clock that stands still no core is ever thought to be stuck, however busy the machine is.
    let (hand, _clock) = Hand::new().unwrap();
    runtime.reactor(hand).run(test)
}

async fn answer(client: &Client) -> String {
    let response = client.call(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    String::from_utf8(response.into_body().collect(1024).await.unwrap().to_vec()).unwrap()
}

/// Connects so many clients, asks each twice, and counts which core has answered.
async fn ask(addr: std::net::SocketAddr, clients: usize) -> [usize; 2] {
    let (mut open, mut answers) = (Vec::new(), [0; 2]);
    for _ in 0..clients {
        let client = Client::connect(addr).await.unwrap();
        let first = answer(&client).await;
        assert_eq!(answer(&client).await, first, "a connection stays on its core");
        answers[first.strip_prefix("core ").unwrap().parse::<usize>().unwrap()] += 1;
        open.push(client);
    }
    answers
}

#[test]
fn both_cores_answer_each_by_its_own_service() {
    on_two_cores(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = serve_on_cores(listener, || {
            let here = Rc::new(Cell::new(CoreId::current()));
            service_fn(async move |_: Request<Body>| {
                Ok::<_, Error>(Response::new(here.get().to_string().into()))
            })
        })
        .unwrap();
        assert_eq!(ask(addr, 64).await, [32, 32]);
        let drained = server.drain(Duration::from_secs(60)).await;
        assert_eq!(drained.dropped, 0);
    });
}

#[test]
fn services_of_parsed_heads_and_of_single_peers_are_served_so_too() {
    on_two_cores(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let raw = Config::default().serve_raw_on_cores(listener, || {
            service_fn(async |_: RawRequest| {
                Ok::<_, Error>(Response::new(CoreId::current().to_string().into()))
            })
        });
        assert_eq!(ask(addr, 4).await, [2, 2]);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let each = Config::default().serve_each_on_cores(listener, || {
            |peer: std::net::SocketAddr| {
                assert!(peer.ip().is_loopback());
                service_fn(async |_: Request<Body>| {
                    Ok::<_, Error>(Response::new(CoreId::current().to_string().into()))
                })
            }
        });
        assert_eq!(ask(addr, 4).await, [2, 2]);
        drop((raw, each));
    });
}
