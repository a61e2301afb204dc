//! What signals do to a process, in a process of its own: this test program once more, told by its environment.

use std::future::pending;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use ekiden_reactor::{run, shutdown, timeout};

/// How long a process waits for the signal that is to end it. Only one that is not ended waits for so long.
const LONG: Duration = Duration::from_secs(20);

const CHILD: &str = "EKIDEN_TEST_SIGNALS";

/// Runs the test of that name in a process of its own, where `child` is run; how it ended.
fn in_a_process(test: &str, child: fn()) -> Option<ExitStatus> {
    if std::env::var_os(CHILD).is_some() {
        child();
        return None;
    }
    let program = std::env::current_exe().expect("this is one");
    let run = Command::new(program).args(["--exact", test]).env(CHILD, "").output();
    Some(run.expect("it runs once, so it runs twice").status)
}

/// Returns when the signal is on its way: it may be another thread that takes it.
fn signal_self(name: &str) {
    let sent = Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

#[test]
fn a_signal_begins_the_shutdown() {
    let status = in_a_process("signals::a_signal_begins_the_shutdown", || {
        run(async {
            let shutdown = shutdown();
            signal_self("TERM");
            shutdown.await;
        });
    });
    assert!(status.is_none_or(|status| status.success()), "{status:?}");
}

/// Waits for the signal that is to end this process.
async fn ended() {
    let never = timeout(LONG, pending::<()>()).await;
    assert!(never.is_err());
}

#[test]
fn a_second_signal_ends_the_process() {
    let status = in_a_process("signals::a_second_signal_ends_the_process", || {
        run(async {
            let shutdown = shutdown();
            signal_self("TERM");
            shutdown.await;
            signal_self("INT");
            ended().await;
        });
    });
    assert!(status.is_none_or(|status| status.signal() == Some(2)), "{status:?}");
}

#[test]
fn behind_a_reactor_signals_do_what_they_did_before() {
    let status = in_a_process("signals::behind_a_reactor_signals_do_what_they_did_before", || {
        for _ in 0..2 {
            run(async { drop(shutdown()) });
        }
        signal_self("TERM");
        run(ended());
    });
    assert!(status.is_none_or(|status| status.signal() == Some(15)), "{status:?}");
}
