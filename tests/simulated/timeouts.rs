//! Calls that take too long.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::proto::multiplex::{Client, ClientConfig, Message, ServerConfig};
use ekiden::{Expired, Failure, MiddlewareExt, Refused, Service, service_fn, sleep, spawn};
use ekiden_sim::check;

use crate::numbered::Numbered;
use crate::{connect, millis};

/// How many there are of it.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// When a caller hears that time ran out, the inner call is gone.
#[test]
fn the_inner_call_is_gone_before_its_caller_hears() {
    check(|sim| {
        sim.run(async |sim| {
            let inner = Rc::new(Cell::new(0));
            let calls: Vec<_> = (0..20)
                .map(|_| {
                    let (count, sim) = (Rc::new(Cell::new(0)), sim.clone());
                    let all = inner.clone();
                    spawn(async move {
                        let of_call = count.clone();
                        let service = service_fn(async move |wait: u64| {
                            let _both = (Counted::new(&of_call), Counted::new(&all));
                            sleep(millis(wait)).await;
                            Ok::<_, Expired>(())
                        });
                        let outcome = service.timeout(millis(10)).call(sim.draw(0..=20)).await;
                        assert_eq!(count.get(), 0, "{outcome:?}");
                    })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
            assert_eq!(inner.get(), 0);
        });
    });
}

/// Over a wire that says so, the call at the other end is gone too, as soon as it can be told: also behind a partition.
#[test]
fn the_call_at_the_other_end_is_cancelled() {
    check(|sim| {
        let running = Rc::new(Cell::new(0));
        let of_server = running.clone();
        sim.host("server", async move || {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            let running = of_server.clone();
            let stuck = service_fn(async move |_req: Message<String>| {
                let _counted = Counted::new(&running);
                std::future::pending::<Result<Message<String>, Refused>>().await
            });
            let mut config = ServerConfig::default();
            config.ping_interval = None;
            config.serve(listener, Numbered::<true>::default(), stuck).await.map(drop)
        });
        sim.run(async move |sim| {
            let stream = connect("server:80").await.unwrap();
            let mut config = ClientConfig::default();
            config.ping_interval = None;
            let (client, connection) = Client::with_config(stream, Numbered::<false>::default(), config);
            drop(spawn(connection));
            let client = Rc::new(client.timeout(Duration::from_secs(1)));
            let calls: Vec<_> = (0..5)
                .map(|call| {
                    let (client, wait) = (client.clone(), millis(sim.draw(0..=100)));
                    spawn(async move {
                        sleep(wait).await;
                        client.call(Message::new(format!("call {call}"))).await.map(drop)
                    })
                })
                .collect();
            sleep(millis(500)).await;
            assert_eq!(running.get(), 5);
            let is_cut = sim.draw(0..=1) == 1;
            if is_cut {
                sim.partition("main", "server");
            }
            for call in calls {
                assert!(call.await.unwrap().unwrap_err().is_timeout());
            }
            if is_cut {
                sleep(Duration::from_secs(10)).await;
                assert_eq!(running.get(), 5, "nobody could tell it");
                sim.heal("main", "server");
            }
            sleep(Duration::from_secs(20)).await;
            assert_eq!(running.get(), 0);
        });
    });
}
