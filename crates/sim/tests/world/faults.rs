//! Faults that come by a schedule.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::time::Duration;

use ekiden_reactor::net::TcpStream;
use ekiden_reactor::{Signal, shutdown, sleep, timeout};
use ekiden_sim::{Fault, Faults, Profile, Sim, check};

use super::discipline::complaint;
use super::echo;

const SECOND: Duration = Duration::from_secs(1);

/// Whether a server answers, within a second.
async fn answers(server: &str) -> bool {
    let asked = async {
        let stream = TcpStream::connect(server).await?;
        stream.write_all(&[1]).await?;
        stream.read(&mut [0]).await
    };
    matches!(timeout(SECOND, asked).await, Ok(Ok(1)))
}

#[test]
fn each_fault_comes_at_its_time() {
    check(|sim| {
        sim.host("server", echo);
        sim.host("polite", async || {
            shutdown().await;
            io::Result::Ok(())
        });
        sim.faults(Faults::script(
            "at 10 s partition main | server
             at 12 s heal main | server
             at 20 s partition main > server
             at 22 s heal main | server
             at 30 s crash server; at 32 s restart server
             at 40 s pause server; at 42 s resume server
             at 50 s latency main | server 2 s to 2 s; at 52 s latency main | server 1 ms to 1 ms
             at 60 s reset main | server",
        ));
        sim.faults(Faults::new().at(70 * SECOND, Fault::signal("polite", Signal::Terminate)));
        sim.run(async |sim| {
            for fault in 1..=5 {
                for (at, is_well) in [(9_000, true), (10_500, false), (14_000, true)] {
                    sleep(Duration::from_millis(10_000 * (fault - 1) + at) - sim.now()).await;
                    assert_eq!(answers("server:7").await, is_well, "fault {fault}, {at} ms");
                }
            }
            let stream = TcpStream::connect("server:7").await.unwrap();
            let error = stream.read(&mut [0]).await.unwrap_err();
            assert_eq!((error.kind(), sim.now().as_secs()), (ErrorKind::ConnectionReset, 60));
            assert!(sim.is_up("polite"));
            sleep(11 * SECOND).await;
            assert!(!sim.is_up("polite"));
        });
    });
}

#[test]
fn a_fault_whose_time_has_passed_comes_next() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(SECOND).await;
            sim.faults(Faults::script("at 1 ms crash server"));
            sleep(Duration::from_millis(1)).await;
            assert!(!sim.is_up("server"));
        });
    });
}

#[test]
fn a_schedule_that_names_nobody_fails_the_run() {
    let says = complaint(|sim| {
        sim.faults(Faults::script("at 3 s partition main | moon"));
        sim.run(async |_sim| sleep(5 * SECOND).await);
    });
    let wrong = "there is no host `moon`, of which the schedule says: at 3 s partition main | moon";
    assert!(says.contains(wrong), "{says}");
}

#[test]
fn a_drawn_schedule_is_the_same_run_when_it_is_given() {
    let schedules = RefCell::new(BTreeSet::new());
    for seed in 0..20 {
        let hash = |schedule: &dyn Fn(&Sim)| {
            let sim = Sim::new(seed);
            sim.host("server", echo);
            schedule(&sim);
            sim.run(async |_sim| {
                while !answers("server:7").await {}
                sleep(20 * SECOND).await;
                assert!(answers("server:7").await);
            });
            sim.hash()
        };
        let text = RefCell::new(String::new());
        let drawn = hash(&|sim| {
            *text.borrow_mut() = sim.draw_faults(Profile::Hostile, 10 * SECOND).to_string();
        });
        assert_eq!(drawn, hash(&|sim| sim.faults(Faults::script(&text.borrow()))), "seed {seed}");
        let none = hash(&|_sim| ());
        assert_ne!(drawn, none, "seed {seed}");
        let of_nothing = "at 5 s heal main | server; at 6 s heal main | server";
        assert_eq!(hash(&|sim| sim.faults(Faults::script(of_nothing))), none, "seed {seed}");
        schedules.borrow_mut().insert(text.take());
    }
    assert_eq!(schedules.borrow().len(), 20);
}

#[test]
#[should_panic(expected = "this world has drawn its faults already")]
fn a_world_draws_once() {
    let sim = Sim::new(1);
    sim.host("server", echo);
    sim.draw_faults(Profile::Rough, SECOND);
    sim.draw_faults(Profile::Rough, SECOND);
}

#[test]
#[should_panic(expected = "there is no host yet that could have faults")]
fn faults_are_drawn_for_hosts_that_there_are() {
    Sim::new(1).draw_faults(Profile::Rough, SECOND);
}
