//! What no world has: to ask for it is an error that names it, at once.

use std::io::{self, ErrorKind};
use std::process::Command;
use std::time::Duration;

use ekiden_reactor::stdio::{stderr, stdin, stdout};
use ekiden_reactor::{blocking, cores, fs, process, run, sleep};
use ekiden_sim::{Sim, check};

/// Looks whether it says what there is not.
#[track_caller]
fn names<T>(outcome: io::Result<T>, what: &str) {
    let error = outcome.err().expect("there is none");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains(what), "{error}");
}

#[test]
fn what_no_world_has_is_an_error_that_names_it_and_waits_for_nothing() {
    check(|sim| {
        sim.run(async |sim| {
            let before = sim.now();
            names(process::spawn(&mut Command::new("true")), "child processes");
            names(process::output(&mut Command::new("true"), 1000).await, "child processes");
            names(stdin().read(&mut [0]).await, "standard streams");
            names(stdout().write(b"hello").await, "standard streams");
            names(stderr().write_all(b"hello").await, "standard streams");
            names(fs::read("Cargo.toml").await, "files");
            names(fs::File::open("Cargo.toml").await, "files");
            names(fs::write("/tmp/x", "x").await, "files");
            assert_eq!(sim.now(), before, "nobody had to wait for that");
            assert_eq!(cores().len(), 1);
        });
    });
}

/// Its clock, names and sockets would be the system's, and whatever it waits for it would wait for in real time.
#[test]
fn a_reactor_of_the_system_is_refused_in_a_world() {
    let refused = "a reactor cannot be run (`run`, `Runtime::run`, `Reactor::run`) within a turn of another";
    let sim = Sim::new(7);
    sim.host("nested", async || run(sleep(Duration::from_secs(3600))));
    let failure = sim.try_run(async |_sim| sleep(Duration::from_secs(1)).await).unwrap_err().to_string();
    assert!(failure.starts_with(&format!("the program of `nested` panicked: {refused}")), "{failure}");
    // Nor in a job, which another thread would do on a machine.
    Sim::new(7).run(async move |_sim| {
        let error = blocking(|| run(async { sleep(Duration::from_secs(3600)).await })).await.unwrap_err();
        assert!(error.to_string().contains(refused), "{error}");
    });
}
