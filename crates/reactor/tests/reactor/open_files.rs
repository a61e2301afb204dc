//! The limit of open files, in a process of its own that begins with a low one.

use std::process::{Command, Stdio};

use ekiden_reactor::{FileLimit, Runtime, run};

use crate::own_process::{command, is_inside};

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
    let itself = command(test);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -S -n 100; exec \"$@\"", "sh"])
        .arg(itself.get_program())
        .args(itself.get_args());
    shell.arg("--nocapture").stdin(Stdio::null());
    shell.envs(itself.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(variable);
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
    Some(said)
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
