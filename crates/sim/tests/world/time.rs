//! The world's clock, its chance, and work that blocks.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use ekiden_reactor::net::{TcpStream, lookup_host};
use ekiden_reactor::{Instant, blocking, entropy, sleep, spawn, wall_clock};
use ekiden_sim::{Config, Sim, check};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn a_year_of_nothing_to_do_is_a_few_turns() {
    let mut config = Config::default();
    config.time_max = 400 * DAY;
    let sim = Sim::with_config(1, config);
    sim.run(async |sim| {
        let (began, wall) = (Instant::now(), wall_clock());
        sleep(365 * DAY).await;
        assert!(Instant::now() - began >= 365 * DAY);
        assert!(wall_clock() >= wall + 365 * DAY && wall > SystemTime::UNIX_EPOCH);
        assert!(ekiden_reactor::Handle::current().stats().turns < 100);
        assert!(sim.now() >= 365 * DAY);
    });
}

#[test]
fn names_are_those_of_the_hosts() {
    check(|sim| {
        sim.host("other", async || {});
        sim.run(async |sim| {
            let found = lookup_host("other:80").await.unwrap();
            assert_eq!(found, [std::net::SocketAddr::from((sim.addr("other"), 80))]);
            assert!(lookup_host("localhost:80").await.unwrap()[0].ip().is_loopback());
            for name in ["Other:80", "OTHER:80"] {
                assert_eq!(lookup_host(name).await.unwrap(), found);
            }
            assert!(lookup_host("LocalHost:80").await.unwrap()[0].ip().is_loopback());
            let error = lookup_host("nobody:80").await.unwrap_err();
            assert!(error.to_string().contains("Name or service not known"), "{error}");
        });
    });
}

#[test]
fn jobs_that_block_take_time_and_end_in_any_order() {
    let orders = std::cell::RefCell::new(std::collections::BTreeSet::new());
    check(|sim| {
        let ended = sim.run(async |sim| {
            let ended = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
            let jobs: Vec<_> = (0..3)
                .map(|n| {
                    let ended = ended.clone();
                    spawn(async move {
                        let n = blocking(move || n).await.unwrap();
                        ended.borrow_mut().push(n);
                    })
                })
                .collect();
            for job in jobs {
                job.await.unwrap();
            }
            assert!(sim.now() > Duration::ZERO);
            ended.take()
        });
        orders.borrow_mut().insert(ended);
    });
    assert_eq!(orders.borrow().len(), 6);
}

#[test]
fn entropy_is_of_the_seed() {
    let drawn = |seed| {
        Sim::new(seed).run(async |_sim| {
            let mut bytes = [0; 16];
            entropy(&mut bytes).unwrap();
            bytes
        })
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn a_cluster_runs_much_faster_than_its_clock() {
    // Ten hosts that each ask another a thing a second, for two minutes. What it takes is no promise of a test; that it
    // takes turns only where something happens is.
    let sim = Sim::new(1);
    for host in 0..10 {
        let name = format!("host{host}");
        sim.host(&name, async move || {
            drop(spawn(super::echo()));
            for round in 0..120u64 {
                sleep(Duration::from_secs(1)).await;
                let other = (host + 1 + round % 9) % 10;
                let stream = TcpStream::connect((&*format!("host{other}"), 7)).await?;
                stream.write_all(&[7]).await?;
                assert_eq!(stream.read(&mut [0; 2]).await?, 1);
            }
            // The others may still ask.
            std::future::pending::<std::io::Result<()>>().await
        });
    }
    sim.run(async |_sim| sleep(Duration::from_secs(180)).await);
}

#[test]
fn a_thousand_hosts_exchange_requests() {
    let sim = Sim::new(1);
    let answered = Rc::new(Cell::new(0));
    for host in 0..1000 {
        let (sim_of_host, answered) = (sim.clone(), answered.clone());
        sim.host(&format!("host{host}"), async move || {
            drop(spawn(super::echo()));
            for _ in 0..3 {
                sleep(Duration::from_millis(sim_of_host.draw(10..=1000))).await;
                let other = sim_of_host.draw(0..=999);
                let stream = TcpStream::connect((&*format!("host{other}"), 7)).await?;
                stream.write_all(&[7]).await?;
                assert_eq!(stream.read(&mut [0; 2]).await?, 1);
                answered.set(answered.get() + 1);
            }
            // Others may still ask.
            std::future::pending::<std::io::Result<()>>().await
        });
    }
    sim.run(async |_sim| sleep(Duration::from_secs(5)).await);
    assert_eq!(answered.get(), 3000);
}
