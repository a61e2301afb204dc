//! Calls that wait for a place.

use std::cell::Cell;
use std::rc::Rc;

use ekiden::{MiddlewareExt, Refused, Service, Status, service_fn, sleep, spawn, timeout};
use ekiden_sim::check;

use crate::millis;

/// A limit never leaks a place, whatever is cancelled when, and never gives one out twice.
#[test]
fn no_place_is_leaked_whatever_is_cancelled() {
    check(|sim| {
        sim.run(async |sim| {
            let running = Rc::new(Cell::new(0));
            let of_service = running.clone();
            let inner = service_fn(async move |wait: u64| {
                of_service.set(of_service.get() + 1);
                let _ends = Ends(of_service.clone());
                assert!(of_service.get() <= 3, "{} run at once", of_service.get());
                sleep(millis(wait)).await;
                Ok::<_, Refused>(())
            });
            let service = inner.concurrency_limit(3, 5);
            let calls: Vec<_> = (0..60)
                .map(|_| {
                    let (service, sim) = (service.clone(), sim.clone());
                    spawn(async move {
                        sleep(millis(sim.draw(0..=40))).await;
                        let call = service.call(sim.draw(0..=10));
                        let _served_or_not = timeout(millis(sim.draw(0..=20)), call).await;
                    })
                })
                .collect();
            for call in calls {
                match sim.draw(0..=3) {
                    0 => call.abort(),
                    _ => drop(call.await),
                }
            }
            sleep(millis(100)).await;
            assert_eq!((running.get(), service.status()), (0, Status::Open));
            // All places are there.
            let all: Vec<_> = (0..3)
                .map(|_| {
                    let service = service.clone();
                    spawn(async move { service.call(5).await })
                })
                .collect();
            sleep(millis(2)).await;
            assert_eq!((running.get(), service.status()), (3, Status::Busy));
            for call in all {
                call.await.unwrap().unwrap();
            }
        });
    });
}

struct Ends(Rc<Cell<usize>>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
