//! The limit of open files, and what happens at it, in a process of its own that begins with a low one.

use std::fs::File;
use std::future::pending;
use std::io::{BufRead, BufReader};
use std::iter;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use ekiden_reactor::notice::Causes;
use ekiden_reactor::{Config, FileLimit, Reactor, Runtime, Signal, run, shutdown, signals, timeout};

use crate::own_process::{command, is_inside};
use crate::signals::{LONG, signal_self};

/// What the shell says of a limit: `-S` the one in force, `-H` how far it may be raised.
fn limit(which: &str) -> String {
    // A child has what this process has.
    let said = Command::new("sh").args(["-c", &format!("ulimit -n {which}")]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// Runs the test once more, with a limit of 100 and what is set in its environment; what it says on standard error.
fn check(test: &str, variable: Option<(&str, &str)>, inside: fn()) -> Option<String> {
    if is_inside() {
        inside();
        return None;
    }
    let output = limited(test).envs(variable).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    Some(said)
}

/// Runs the test once more, with a limit of 100.
fn limited(test: &str) -> Command {
    prepared("ulimit -S -n 100", test)
}

/// Runs the test once more, when the shell has prepared it.
fn prepared(by: &str, test: &str) -> Command {
    let itself = command(test);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{by}; exec \"$@\""), "sh"]).arg(itself.get_program()).args(itself.get_args());
    shell.arg("--nocapture").stdin(Stdio::null());
    shell.envs(itself.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

#[test]
fn it_is_raised_once_and_the_operator_is_told() {
    let said = check("open_files::it_is_raised_once_and_the_operator_is_told", None, || {
        assert_eq!(limit("-S"), "100");
        run(async { assert_eq!(limit("-S"), limit("-H")) });
        run(async {});
    });
    let Some(said) = said else { return };
    let expected = format!("info: files: the limit of open files is raised from 100 to {}\n", limit("-H"));
    assert_eq!(said.matches("info: files:").count(), 1, "{said}");
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn it_is_kept_where_the_program_says_so() {
    let said = check("open_files::it_is_kept_where_the_program_says_so", None, || {
        let mut runtime = Runtime::default();
        runtime.file_limit = FileLimit::Keep;
        runtime.run(async { assert_eq!(limit("-S"), "100") });
    });
    assert!(said.is_none_or(|said| !said.contains("files")));
}

#[test]
fn it_is_kept_where_the_environment_says_so() {
    let keep = Some(("EKIDEN_NOFILE", "keep"));
    let said = check("open_files::it_is_kept_where_the_environment_says_so", keep, || {
        run(async { assert_eq!(limit("-S"), "100") });
    });
    assert!(said.is_none_or(|said| !said.contains("files")));
}

const LEFT: &str = "EKIDEN_TEST_FILES_LEFT";

/// Leaves so many files as the environment says.
fn all_files_but_those_left() -> Vec<File> {
    let left: usize = std::env::var(LEFT).unwrap().parse().unwrap();
    let mut files: Vec<File> = iter::from_fn(|| File::open("/dev/null").ok()).collect();
    files.truncate(files.len() - left);
    files
}

#[test]
fn a_signal_for_which_no_file_is_left_does_what_it_did_before() {
    if is_inside() {
        Reactor::new(Config::default()).unwrap().run(async {
            let files = all_files_but_those_left();
            let shutdown = shutdown();
            drop(files);
            signal_self("TERM");
            assert!(timeout(LONG, shutdown).await.is_ok(), "it is told to nobody");
        });
        return;
    }
    // One more each time: so it fails at every place where it can.
    for left in 0..20 {
        let mut again = limited("open_files::a_signal_for_which_no_file_is_left_does_what_it_did_before");
        let status = again.env(LEFT, left.to_string()).output().unwrap().status;
        if status.success() {
            assert!(left > 3, "a pipe and two writers of it were to be refused");
            return;
        }
        assert_eq!(status.signal(), Some(15), "with {left} left: {status:?}");
    }
    panic!("it was never told");
}

#[test]
fn a_signal_that_was_ignored_is_ignored_when_no_file_is_left_to_find_that_out() {
    let test = "open_files::a_signal_that_was_ignored_is_ignored_when_no_file_is_left_to_find_that_out";
    if is_inside() {
        Reactor::new(Config::default()).unwrap().run(async {
            let files = all_files_but_those_left();
            let listener = signals([Signal::Hangup]);
            drop(files);
            match listener {
                Ok(mut listener) => {
                    signal_self("HUP");
                    assert_eq!(listener.recv().await, Signal::Hangup);
                    eprintln!("heard");
                }
                Err(error) => eprintln!("{}", Causes(&error)),
            }
            signal_self("HUP");
        });
        return;
    }
    let mut said = String::new();
    for left in 0..20 {
        let mut again = prepared("trap '' HUP; ulimit -S -n 100", test);
        let ended = again.env(LEFT, left.to_string()).output().unwrap();
        said = String::from_utf8(ended.stderr).unwrap() + &said;
        assert!(ended.status.success(), "with {left} left: {:?}, {said}", ended.status);
        if said.starts_with("heard") {
            let why = "cannot find out what the signal Hangup did before: Too many open files";
            assert!(said.contains(why), "{said}");
            return;
        }
    }
    panic!("it was never heard: {said}");
}

#[test]
fn what_a_listener_leaves_to_the_dump_needs_no_file() {
    if is_inside() {
        let mut config = Config::default();
        config.dump_on_quit = false;
        Reactor::new(config).unwrap().run(async {
            let listener = signals([Signal::Quit]).unwrap();
            Reactor::new(Config::default()).unwrap().run(async {
                let files = all_files_but_those_left();
                drop(listener);
                // It is taken away once more, or cannot be, and given back.
                drop(signals([Signal::Quit]));
                drop(files);
                signal_self("QUIT");
                // The dump is printed by another thread.
                assert!(timeout(LONG, pending::<()>()).await.is_err());
            });
        });
        return;
    }
    for left in 0..8 {
        let mut again = limited("open_files::what_a_listener_leaves_to_the_dump_needs_no_file");
        let mut again =
            again.env(LEFT, left.to_string()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(again.stderr.take().unwrap()).lines().map(Result::unwrap);
        let has_dumped = lines.any(|line| line.starts_with("reactor "));
        assert!(has_dumped, "with {left} left: {:?}", again.wait());
        again.kill().unwrap();
        again.wait().unwrap();
    }
}
