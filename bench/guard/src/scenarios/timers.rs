//! Timers, and the middleware that sets one for each call that waits.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ekiden::{Expired, Instant, MiddlewareExt, Service, Sleep, service_fn, sleep, yield_now};

use crate::world;

/// Time-outs of connections, such as they are on a busy server.
const PENDING: u64 = 100_000;

pub(super) fn cancel(count: u64) {
    world::run(async |_| {
        let mut pending: Vec<Sleep> =
            (0..PENDING).map(|n| sleep(Duration::from_secs(60) + Duration::from_micros(n * 600))).collect();
        for timer in &mut pending {
            assert!(is_set(timer).await);
        }
        for n in 0..count {
            assert!(is_set(&mut sleep(Duration::from_secs(30))).await);
            // Now and then the clock moves on.
            if n % 100 == 99 {
                yield_now().await;
            }
        }
    });
}

/// Sets a timer, by asking it once.
async fn is_set(timer: &mut Sleep) -> bool {
    let mut timer = pin!(timer);
    poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending())).await
}

pub(super) fn fire(count: u64) {
    world::run(async |_| {
        let begun = Instant::now();
        for _ in 0..count {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(count));
    });
}

pub(super) fn timeout_ready(count: u64) {
    world::run(async |_| {
        let service = service_fn(async |n: u64| Ok::<_, Expired>(n + 1)).timeout(Duration::from_secs(10));
        let mut n = 0;
        for _ in 0..count {
            n = service.call(std::hint::black_box(n)).await.unwrap_or_default();
        }
        assert_eq!(n, count);
    });
}

pub(super) fn timeout_waits(count: u64) {
    world::run(async |_| {
        let service = service_fn(async |n: u64| {
            yield_now().await;
            Ok::<_, Expired>(n + 1)
        });
        let service = service.timeout(Duration::from_secs(10));
        let mut n = 0;
        for _ in 0..count {
            n = service.call(n).await.unwrap_or_default();
        }
        assert_eq!(n, count);
    });
}
