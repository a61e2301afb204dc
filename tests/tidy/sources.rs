//! What every source file owes its reader: an introduction, a readable length, a place in the build, tests that do not
//! wait by sleeping.

use crate::repository::{File, Repository, identifiers, in_backticks};
use crate::{keep, notices};

#[test]
fn every_module_introduces_itself() {
    keep(silent_modules, "open the file with `//!`: what it is, who it talks to, and what it never does");
}

#[test]
fn a_silent_module_is_noticed() {
    notices(
        silent_modules,
        Repository::with("crates/x/src/a.rs", "use std::io;\n//! Late.\n"),
        "crates/x/src/a.rs",
    );
    notices(silent_modules, Repository::with("crates/x/src/a.rs", ""), "crates/x/src/a.rs");
    let first =
        Repository::with("crates/x/src/a.rs", "//! A.\n").and("crates/x/tests/ui/b.rs", "fn main() {}");
    assert_eq!(silent_modules(&first), [""; 0]);
}

fn silent_modules(repository: &Repository) -> Vec<String> {
    let spoken = |file: &&File| is_compiler_case(file) || file.text.starts_with("//! ");
    let silent = repository.rust_in("").filter(|file| !spoken(file));
    silent.map(|file| format!("{} does not say what it is", file.path)).collect()
}

#[test]
fn every_opening_page_leads_to_its_children() {
    keep(
        unled_children,
        "name the module in the introduction of its folder's first file, in backticks (its own name, or that of the \
         type it is named after), with what a newcomer would look for in it",
    );
}

#[test]
fn a_child_without_introduction_is_noticed() {
    let page = |text| Repository::with("crates/x/src/a/mod.rs", text);
    notices(
        unled_children,
        page("//! A, and b.\n\nmod b;\n"),
        "crates/x/src/a/mod.rs does not introduce `b`",
    );
    notices(unled_children, page("//! A.\npub(crate) mod b;\n// `b`\n"), "`b`");
    let led = page(
        "//! A. [`BigBear`] is one, `c` another.\nmod big_bear;\npub mod c;\n#[cfg(test)]\nmod tests;\n",
    );
    assert_eq!(unled_children(&led), [""; 0]);
}

fn unled_children(repository: &Repository) -> Vec<String> {
    let is_page = |file: &&File| file.path.ends_with("/mod.rs") || file.path.ends_with("/lib.rs");
    let mut complaints = Vec::new();
    for page in repository.rust_in("crates").chain(repository.rust_in("tests")).filter(is_page) {
        let introduction = page.text.lines().map_while(|line| line.strip_prefix("//!"));
        let named: Vec<_> = introduction
            .flat_map(in_backticks)
            .flat_map(|piece| identifiers(&piece).map(|(_, word, _)| plain_name(word)).collect::<Vec<_>>())
            .collect();
        let children = page.text.lines().filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod "));
        let children = children.map(|(_, name)| name).filter(|name| *name != "tests");
        let unled = children.filter(|name| !named.contains(&plain_name(name)));
        complaints.extend(unled.map(|name| format!("{} does not introduce `{name}`", page.path)));
    }
    complaints
}

/// A name as a module's and a type's are alike: `TcpStream` is in `tcp_stream`.
fn plain_name(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

#[test]
fn every_public_async_fn_says_what_cancelling_it_loses() {
    keep(
        silent_about_cancelling,
        "add `# Cancel safety` to its documentation: what happens on the wire, and to what was handed in, when the \
         future is dropped before it is done",
    );
}

#[test]
fn silence_about_cancelling_is_noticed() {
    let planted = |docs| {
        Repository::with("crates/x/src/a.rs", &format!("impl A {{\n{docs}    pub async fn a() {{}}\n}}\n"))
    };
    notices(silent_about_cancelling, planted("    /// Does it.\n    #[must_use]\n"), "crates/x/src/a.rs:4");
    notices(
        silent_about_cancelling,
        planted("    /// # Cancel safety\n    fn b() {}\n"),
        "crates/x/src/a.rs:4",
    );
    let planted_in =
        |signature| Repository::with("crates/x/src/a.rs", &format!("/// Does it.\n{signature}\n"));
    notices(
        silent_about_cancelling,
        planted_in("pub fn a(\n    b: u32,\n) -> impl Future<Output = ()> {\n}"),
        "crates/x/src/a.rs:2",
    );
    assert_eq!(
        silent_about_cancelling(&planted_in(
            "pub fn a() {\n    pub(crate) fn b() -> impl Future<Output = ()>;"
        )),
        [""; 0]
    );
    assert_eq!(
        silent_about_cancelling(&planted(
            "    /// # Cancel safety\n    ///\n    /// Nothing.\n    #[must_use]\n"
        )),
        [""; 0]
    );
}

fn silent_about_cancelling(repository: &Repository) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in repository.rust_in("crates") {
        let lines: Vec<_> = file.text.lines().map(str::trim).collect();
        for (at, _) in file.production().filter(|(at, _)| is_public_and_waits(&lines[at - 1..])) {
            // What is neither is an attribute of several lines, or a remark.
            let is_above =
                |line: &str| line.starts_with("///") || !line.is_empty() && !line.ends_with(['{', '}', ';']);
            let mut above = lines[..at - 1].iter().rev().take_while(|line| is_above(line));
            if !above.any(|line| *line == "/// # Cancel safety") {
                complaints.push(format!("{}:{at}: does not say", file.path));
            }
        }
    }
    complaints
}

/// Whether these lines begin with a public function that is asynchronous, in either way to say so.
fn is_public_and_waits(lines: &[&str]) -> bool {
    let to_body = lines.iter().position(|line| line.contains('{') || line.ends_with(';'));
    let signature = lines[..to_body.map_or(0, |last| last + 1)].join(" ");
    signature.starts_with("pub async fn ")
        || signature.starts_with("pub fn ") && signature.contains("-> impl Future<")
}

#[test]
fn every_crate_forbids_unsafe() {
    keep(
        unguarded_crates,
        "write `#![forbid(unsafe_code)]` below the introduction of the crate's first file, and `[lints] workspace = \
         true` in its manifest",
    );
}

#[test]
fn an_unguarded_crate_is_noticed() {
    let house = |manifest, root| {
        let planted = Repository::with("crates/x/Cargo.toml", manifest).and("crates/x/src/lib.rs", root);
        planted.and_package("x", "crates/x", &[])
    };
    let (linted, guarded) = ("[lints]\nworkspace = true\n", "//! X.\n#![forbid(unsafe_code)]\n");
    notices(unguarded_crates, house(linted, "//! X.\n// #![forbid(unsafe_code)]\n"), "crates/x/src/lib.rs");
    notices(unguarded_crates, house("", guarded), "crates/x/Cargo.toml");
    assert_eq!(unguarded_crates(&house(linted, guarded)), [""; 0]);
}

fn unguarded_crates(repository: &Repository) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in &repository.packages {
        let manifest = format!("{}/Cargo.toml", package.home);
        if !repository.text(&manifest).contains("[lints]\nworkspace = true") {
            complaints.push(format!("{manifest} does not take the workspace's lints"));
        }
        // Test programs and examples are held by the lint alone; a library says it where its readers look.
        let roots = package
            .targets
            .iter()
            .filter(|target| ["lib", "proc-macro", "bin"].contains(&target.kind.as_str()));
        let open = roots.filter(|target| {
            !repository.text(&target.root).lines().any(|line| line == "#![forbid(unsafe_code)]")
        });
        complaints.extend(open.map(|target| format!("{} does not forbid unsafe code", target.root)));
    }
    complaints
}

#[test]
fn no_file_is_too_long_to_read() {
    keep(
        long_files,
        "look for the second idea inside it (a second state machine, a table, a helper's tests), and give it a file",
    );
}

#[test]
fn a_long_file_is_noticed() {
    let lines = |count| Repository::with("crates/x/src/a.rs", &"//! A line.\n".repeat(count));
    notices(long_files, lines(901), "crates/x/src/a.rs has 901 lines");
    assert_eq!(long_files(&lines(900)), [""; 0]);
}

fn long_files(repository: &Repository) -> Vec<String> {
    const LINES_MAX: usize = 900;
    let lengths = repository.rust_in("").map(|file| (file, file.text.lines().count()));
    lengths
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| format!("{} has {lines} lines", file.path))
        .collect()
}

#[test]
fn the_two_faces_of_a_channel_are_alike() {
    keep(
        unlike_faces,
        "what a channel promises within a core it promises between threads: say it in both files in the same words; \
         what only one of the two can do belongs into a type of its own",
    );
}

#[test]
fn a_face_that_differs_is_noticed() {
    let faces = |between_threads| {
        let within = "//! Within.\n\nimpl<T> Sender<T> {\n    /// Sends.\n}\n";
        let planted = Repository::with("crates/reactor/src/channel/mpsc.rs", within);
        planted.and("crates/reactor/src/sync/mpsc.rs", between_threads)
    };
    assert_eq!(unlike_faces(&faces("//! Between.\n\nimpl<T> Sender<T> {\n    /// Sends.\n}\n")), [""; 0]);
    notices(unlike_faces, faces("\nimpl<T> Sender<T> {\n    /// Sends, or not.\n}\n"), "mpsc.rs");
    notices(unlike_faces, faces(""), "mpsc.rs");
}

/// Two plain types say more to a user than one with a parameter, at the price that their methods stand twice: all from
/// the first `impl` on.
fn unlike_faces(repository: &Repository) -> Vec<String> {
    let methods = |path: &str| {
        let text = repository.text(path);
        text.find("\nimpl").map(|at| text[at..].to_owned())
    };
    let between_threads =
        repository.rust_in("crates/reactor/src/sync").filter(|file| !file.path.ends_with("/mod.rs"));
    let unlike = between_threads.filter(|file| {
        let twin = methods(&file.path.replace("/sync/", "/channel/"));
        twin.is_none() || twin != methods(&file.path)
    });
    unlike.map(|file| format!("{} is not as its twin in channel is", file.path)).collect()
}

#[test]
fn no_test_waits_by_sleeping() {
    keep(
        sleeping_tests,
        "wait for what you wait for: a channel, a join handle, a line that the program writes; where time itself is \
         tested, turn the clock with `driver::hand::Hand` or in a world of `ekiden_sim`",
    );
}

#[test]
fn a_sleeping_test_is_noticed() {
    let in_tests = |text| Repository::with("crates/x/tests/a.rs", text);
    notices(sleeping_tests, in_tests("fn a() {\n    thread::sleep(d);\n}"), "crates/x/tests/a.rs:2");
    notices(sleeping_tests, in_tests("async fn a() {\n    sleep(d).await;\n}"), "crates/x/tests/a.rs:2");
    let at_the_bottom =
        "fn a() { sleep(d).await }\n\n#[cfg(test)]\nmod tests {\n    fn b() { sleep(d).await }\n}\n";
    notices(sleeping_tests, Repository::with("crates/x/src/a.rs", at_the_bottom), "crates/x/src/a.rs:5");
    assert_eq!(sleeping_tests(&in_tests("use hand::Hand;\nasync fn a() { sleep(d).await }")), [""; 0]);
    assert_eq!(sleeping_tests(&in_tests("fn a() { asleep(d).await; let never = sleep(d); }")), [""; 0]);
}

/// Where a test waits for a sleep. On a clock of the test's own that is what is tested, unless it is the thread that sleeps.
fn sleeping_tests(repository: &Repository) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in repository.rust_in("").filter(|file| !is_compiler_case(file)) {
        let is_clock =
            |(_, word, _): (&str, &str, &str)| ["Hand", "World", "with_driver", "ekiden_sim"].contains(&word);
        let has_clock = file.code().any(|(_, line)| identifiers(&line).any(is_clock));
        let sleeps = |(before, word, after): (&str, &str, &str)| match word {
            "sleep" | "park_timeout" if before.ends_with("thread::") => true,
            "sleep" | "sleep_until" => !has_clock && after.starts_with('(') && after.contains(".await"),
            _ => false,
        };
        let lines = file.tests().filter(|(_, line)| identifiers(line).any(sleeps));
        complaints.extend(lines.map(|(at, _)| format!("{}:{at}: sleeps", file.path)));
    }
    complaints
}

#[test]
fn no_file_is_forgotten() {
    keep(
        forgotten_files,
        "name the file with `mod` in its parent (a test file in its package's manifest, or in a test program's first \
         file), or delete it: what is not built is not tested",
    );
}

#[test]
fn a_forgotten_file_is_noticed() {
    let house = |root| {
        let planted = Repository::with("crates/x/src/lib.rs", root).and("crates/x/src/a/mod.rs", "mod b;");
        planted
            .and("crates/x/src/a/b.rs", "#[path = \"odd.rs\"]\nmod c;")
            .and("crates/x/src/a/odd.rs", "")
            .and_package("x", "crates/x", &[])
    };
    assert_eq!(forgotten_files(&house("pub mod a;")), [""; 0]);
    notices(forgotten_files, house("pub(crate) mod a;").and("crates/x/src/d.rs", ""), "crates/x/src/d.rs");
    assert_eq!(
        forgotten_files(&house("mod a;\nmod d {\n    mod e;\n}").and("crates/x/src/d/e.rs", "")),
        [""; 0]
    );
    notices(forgotten_files, house("mod a;").and("crates/x/tests/e.rs", ""), "crates/x/tests/e.rs");
    notices(forgotten_files, house("mod a;").and("crates/x/tests/ui/f.rs", ""), "crates/x/tests/ui/f.rs");
    let outside = Repository::with("y/Cargo.toml", "").and("y/src/main.rs", "").and("y/build.rs", "");
    assert_eq!(forgotten_files(&outside), [""; 0]);
    let with_cases = house("mod a;\n#[cfg(test)] const CASES: &str = \"tests/ui/*.rs\";")
        .and("crates/x/tests/ui/f.rs", "");
    assert_eq!(forgotten_files(&with_cases), [""; 0]);
}

fn forgotten_files(repository: &Repository) -> Vec<String> {
    let roots = roots(repository);
    let mut pending = roots.clone();
    let mut reached: Vec<String> = Vec::new();
    while let Some(path) = pending.pop() {
        let Some(file) = repository.files.iter().find(|file| file.path == path) else { continue };
        if !reached.contains(&path) {
            pending.extend(children(file, roots.contains(&path)));
            reached.push(path);
        }
    }
    let forgotten = repository.rust_in("").filter(|file| !reached.contains(&file.path));
    let forgotten = forgotten.filter(|file| !is_compiler_case(file) || !is_named_by_folder(file, repository));
    forgotten.map(|file| format!("{} is in no crate", file.path)).collect()
}

/// The first files of all crates: cargo's targets, and those of packages outside the workspace by their manifests.
fn roots(repository: &Repository) -> Vec<String> {
    let members =
        repository.packages.iter().flat_map(|package| &package.targets).map(|target| target.root.clone());
    let is_member =
        |home: &str| home.is_empty() || repository.packages.iter().any(|package| package.home == home);
    let manifests =
        repository.files.iter().filter_map(|file| Some((file.path.strip_suffix("Cargo.toml")?, &file.text)));
    let outsiders =
        manifests.filter(|(home, _)| !is_member(home.trim_end_matches('/'))).flat_map(|(home, text)| {
            let paths = text.lines().filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
            paths.chain(["src/main.rs", "src/lib.rs", "build.rs"]).map(move |path| format!("{home}{path}"))
        });
    members.chain(outsiders).collect()
}

/// The files that a file's `mod` lines may mean. Those that do not exist are not followed.
fn children(file: &File, is_root: bool) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.trim_end_matches(".rs");
    let nest = if is_root || stem == "mod" { folder.to_string() } else { format!("{folder}/{stem}") };
    let mut children = Vec::new();
    let mut path_before = None;
    let mut inline = nest.clone();
    for line in file.text.lines().map(str::trim) {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            path_before = Some(plain(&format!("{folder}/{path}")));
            continue;
        }
        // A module written in its parent has its children in a folder all the same.
        if let Some((_, name)) = line.strip_suffix(" {").and_then(|line| line.rsplit_once("mod ")) {
            inline = format!("{nest}/{name}");
        }
        if let Some((_, name)) = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod ")) {
            let places =
                [&nest, &inline].map(|nest| [format!("{nest}/{name}.rs"), format!("{nest}/{name}/mod.rs")]);
            children.extend(path_before.take().map_or(places.concat(), |path| vec![path]));
        }
    }
    children
}

/// A path without `..`.
fn plain(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => parts.truncate(parts.len().saturating_sub(1)),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether the file is a case for the compiler's messages: compiled by name from a test, and meant to fail.
fn is_compiler_case(file: &File) -> bool {
    file.path.contains("/tests/ui/")
}

/// Whether a test of the same package names the folder that the case is in.
fn is_named_by_folder(file: &File, repository: &Repository) -> bool {
    let Some((package, _)) = file.path.split_once("/tests/ui/") else { return false };
    repository.rust_in(package).any(|other| !is_compiler_case(other) && other.text.contains("tests/ui/"))
}
