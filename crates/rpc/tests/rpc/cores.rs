//! A server on several cores: each connection is one core's, and answered by the service that was made there.

use std::cell::Cell;
use std::num::NonZero;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{CoreId, Runtime};
use ekiden_rpc::{self as rpc, Client};

#[rpc::rpc(crate = rpc)]
trait Counter {
    /// Which core it is, and how many calls it has answered.
    async fn count(&self) -> (usize, u32);
}

/// Neither `Send` nor shared.
#[derive(Default)]
struct Counts(Rc<Cell<u32>>);

impl Counter for Counts {
    async fn count(&self) -> (usize, u32) {
        self.0.set(self.0.get() + 1);
        (CoreId::current().index(), self.0.get())
    }
}

#[test]
fn both_cores_answer_each_by_its_own_service() {
    let mut runtime = Runtime::default();
    runtime.threads = NonZero::new(2);
    // On a clock that stands still no core is ever thought to be stuck.
    let (hand, _clock) = Hand::new().unwrap();
    runtime.reactor(hand).run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = rpc::serve_on_cores(listener, || CounterServer::new(Counts::default())).unwrap();
        let mut clients = Vec::new();
        for round in 1..=8 {
            let mut answers = Vec::new();
            for _ in 0..2 {
                let counter = CounterClient::new(Client::connect(addr).await.unwrap());
                answers.push(counter.count().await.unwrap());
                clients.push(counter);
            }
            answers.sort_unstable();
            assert_eq!(answers, [(0, round), (1, round)]);
        }
        let drained = server.drain(Duration::from_secs(60)).await;
        assert_eq!(drained.dropped, 0);
    });
}
