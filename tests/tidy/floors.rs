//! Who may know whom: the arrows between our crates, the homes of outside crates, and what a floor has never heard of.
//!
//! The tables are ARCHITECTURE.md's own, so that page cannot go stale.

use crate::repository::{Dependency, File, Package, Repository, identifiers};
use crate::{keep, notices};

#[test]
fn the_arrows_hold() {
    keep(
        wrong_arrows,
        "move the code to the floor that may know both, or turn the dependency round with a trait below; a new arrow \
         is a decision: argue for it in the commit that adds it to \"Which crate may use which\" in ARCHITECTURE.md; take \
         out of there one that is gone",
    );
}

#[test]
fn a_wrong_arrow_is_noticed() {
    let house = || {
        Repository::with("ARCHITECTURE.md", ARROWS).and_package("ekiden-top", "crates/top", &["ekiden-low"])
    };
    let low = |home: &str, uses: &[&str]| house().and_package("ekiden-low", home, uses);
    assert_eq!(wrong_arrows(&low("crates/low", &[])), [""; 0]);
    notices(wrong_arrows, low("crates/low", &["ekiden-top"]), "ekiden-low uses ekiden-top");
    let with_stranger = low("crates/low", &[]).and_package("ekiden-new", "crates/new", &[]);
    notices(wrong_arrows, with_stranger, "ekiden-new is in no row");
    let mut unused = low("crates/low", &[]);
    let arrow = unused.packages[0].dependencies.pop().expect("it has one");
    notices(wrong_arrows, unused, "ekiden-top does not use ekiden-low");
    let mut in_tests = low("crates/low", &[]);
    in_tests.packages[0].dependencies = vec![Dependency { is_for_tests: true, ..arrow }];
    let complaints = wrong_arrows(&in_tests);
    assert_eq!(complaints, ["ekiden-top does not use ekiden-low", "ekiden-top uses ekiden-low in its tests"]);
    let mut allowed = low("crates/low", &[]);
    allowed.packages[0].dependencies.push(Dependency { name: "ekiden-low".into(), is_for_tests: true });
    assert_eq!(wrong_arrows(&allowed), [""; 0], "what the code may use its tests may");
    let mut gone = low("crates/low", &[]);
    gone.packages.remove(0);
    notices(wrong_arrows, gone, "ekiden-top is no package");
    notices(wrong_arrows, low("crates/moved", &[]), "ekiden-low is in crates/moved");
}

#[cfg(test)]
const ARROWS: &str = "## Which crate may use which

| crate | home | of ours it uses | its tests use, too |
|---|---|---|---|
| `ekiden-top` | `crates/top` | `ekiden-low` | |
| `ekiden-low` | `crates/low` | | |
";

fn wrong_arrows(repository: &Repository) -> Vec<String> {
    let table = repository.table("Which crate may use which");
    let row = |name: &str| table.iter().find(|row| row[0].iter().any(|known| known == name));
    let mut complaints = Vec::new();
    for package in &repository.packages {
        let Some(row) = row(&package.name) else {
            complaints.push(format!("{} is in no row of the table", package.name));
            continue;
        };
        if row[1] != [package.home.clone()] {
            complaints.push(format!("{} is in {}, not where the table says", package.name, package.home));
        }
        let mut ours: Vec<_> =
            package.dependencies.iter().filter(|used| is_ours(repository, &used.name)).collect();
        ours.sort_by_key(|used| (&used.name, used.is_for_tests));
        // What the code uses its tests may use as well.
        ours.dedup_by_key(|used| &used.name);
        for (allowed, is_for_tests, wherein) in [(&row[2], false, ""), (&row[3], true, " in its tests")] {
            let used: Vec<_> =
                ours.iter().filter(|used| used.is_for_tests == is_for_tests).map(|used| &used.name).collect();
            let wrong = used.iter().filter(|name| !allowed.contains(name));
            complaints.extend(wrong.map(|name| format!("{} uses {name}{wherein}", package.name)));
            let gone = allowed.iter().filter(|name| !used.contains(name));
            complaints.extend(gone.map(|name| format!("{} does not use {name}{wherein}", package.name)));
        }
    }
    let is_gone = |name: &&String| repository.packages.iter().all(|package| package.name != **name);
    let gone = table.iter().flat_map(|row| &row[0]).filter(is_gone);
    complaints.extend(gone.map(|name| format!("{name} is no package of the workspace")));
    complaints
}

#[test]
fn the_service_floor_has_no_dependency() {
    keep(
        dependencies_of_service,
        "`Service` is the trait that everybody outside must be able to implement: put what needs another crate into \
         middleware or proto",
    );
}

#[test]
fn a_dependency_of_the_service_floor_is_noticed() {
    let planted = Repository::default().and_package("ekiden-service", "crates/service", &["bytes"]);
    notices(dependencies_of_service, planted, "bytes");
}

fn dependencies_of_service(repository: &Repository) -> Vec<String> {
    let service = repository.packages.iter().find(|package| package.name == "ekiden-service");
    let used = service.map_or(&[][..], |package| &package.dependencies).iter();
    used.filter(|used| !used.is_for_tests).map(|used| format!("ekiden-service uses {}", used.name)).collect()
}

#[test]
fn outside_crates_are_named_only_at_home() {
    keep(
        strays,
        "ask the module that has it for what you need, or move the code there; a new dependency gets its row in \
         \"Where each outside crate is named\" of ARCHITECTURE.md",
    );
}

#[test]
fn a_stray_is_noticed() {
    let house = |path, text| {
        Repository::with("ARCHITECTURE.md", HOMES)
            .and_package("ekiden-low", "crates/low", &["mio"])
            .and(path, text)
    };
    notices(strays, house("crates/low/src/a.rs", "\nuse mio::Poll;\n"), "crates/low/src/a.rs:2: names mio");
    notices(
        strays,
        house("crates/low/src/a.rs", "fn a(p: &mio::Poll) {}"),
        "crates/low/src/a.rs:1: names mio",
    );
    notices(
        strays,
        house("crates/low/src/b.rs", "fn a() {}").and_package("ekiden-new", "crates/new", &["new"]),
        "new",
    );
    let allowed = "// mio::Poll\nuse crate::mio::Poll;\nlet mio = 1;\n#[cfg(test)]\nmod tests {\n    use mio::Poll;\n}\n";
    assert_eq!(strays(&house("crates/low/src/a.rs", allowed)), [""; 0]);
    assert_eq!(strays(&house("crates/low/src/os/a.rs", "use mio::Poll;")), [""; 0]);
}

#[cfg(test)]
const HOMES: &str = "## Where each outside crate is named

| outside crate | named only in |
|---|---|
| `mio` | `crates/low/src/os` |
";

fn strays(repository: &Repository) -> Vec<String> {
    let table = repository.table("Where each outside crate is named");
    let mut complaints: Vec<_> = homeless(repository, &table);
    for row in &table {
        let is_outside = |file: &&File| !row[1].iter().any(|home| file.is_in(home));
        let published = repository.packages.iter().filter(|package| package.is_published);
        let files = published.flat_map(|package| sources_of(repository, package));
        for file in files.filter(is_outside) {
            let named = file.production().filter(|(_, line)| row[0].iter().any(|name| names(line, name)));
            let home = row[1].join(" or ");
            complaints.extend(
                named.map(|(at, _)| format!("{}:{at}: names {}, whose home is {home}", file.path, row[0][0])),
            );
        }
    }
    complaints
}

/// Dependencies of what is published that are in no row, and rows that nothing depends on.
fn homeless(repository: &Repository, table: &[Vec<Vec<String>>]) -> Vec<String> {
    let published = repository.packages.iter().filter(|package| package.is_published);
    let used = published.flat_map(|package| &package.dependencies).filter(|used| !used.is_for_tests);
    let mut outside: Vec<_> = used.map(|used| &used.name).filter(|name| !is_ours(repository, name)).collect();
    outside.sort();
    outside.dedup();
    let known: Vec<_> = table.iter().flat_map(|row| &row[0]).collect();
    let homeless =
        outside.iter().filter(|name| !known.contains(name)).map(|name| format!("{name} has no home"));
    let unused = known
        .iter()
        .filter(|name| !outside.contains(name))
        .map(|name| format!("{name} has a home, and no user"));
    homeless.chain(unused).collect()
}

/// Whether a line of code begins a path with the crate's name.
fn names(line: &str, krate: &str) -> bool {
    let krate = krate.replace('-', "_");
    let begins_path = |before: &str, after: &str| !before.ends_with("::") && after.starts_with("::");
    let is_imported = |before: &str| before.trim_end().ends_with("use") && !before.ends_with("::");
    identifiers(line)
        .any(|(before, word, after)| word == krate && (begins_path(before, after) || is_imported(before)))
}

#[test]
fn a_protocol_is_named_only_in_its_own_crate() {
    keep(
        protocols_below,
        "a floor below the protocols serves all of them: say it in its own terms (frame, reply, connection), or move \
         the code into the protocol's crate",
    );
}

#[test]
fn a_protocol_named_below_is_noticed() {
    let planted = |text| Repository::with("crates/proto/src/a.rs", text);
    notices(protocols_below, planted("struct HttpCodec;"), "HttpCodec");
    notices(protocols_below, planted("fn is_redis_push() {}"), "is_redis_push");
    notices(protocols_below, planted("const HTTP_PORT: u16 = 80;"), "HTTP_PORT");
    assert_eq!(protocols_below(&planted("// as http does\nfn throttle() {}")), [""; 0]);
}

fn protocols_below(repository: &Repository) -> Vec<String> {
    const PROTOCOLS: [&str; 8] = ["http", "http1", "http2", "h1", "h2", "redis", "grpc", "rpc"];
    const BELOW: [&str; 4] = ["crates/service", "crates/reactor", "crates/middleware", "crates/proto"];
    let is_protocol = |word: &str| words(word).iter().any(|part| PROTOCOLS.contains(&part.as_str()));
    BELOW.iter().flat_map(|floor| named(repository, floor, is_protocol)).collect()
}

#[test]
fn the_reactor_has_no_idea_what_a_request_is() {
    keep(
        requests_in_reactor,
        "the reactor runs tasks and owns sockets, timers and channels; what asks and answers belongs to proto or above",
    );
}

#[test]
fn a_request_in_the_reactor_is_noticed() {
    let planted = |text| Repository::with("crates/reactor/src/a.rs", text);
    notices(requests_in_reactor, planted("fn a(request: Request) {}"), "request");
    notices(requests_in_reactor, planted("const REQUEST_COST: u32 = 4;"), "REQUEST_COST");
    notices(requests_in_reactor, planted("struct LineCodec;"), "LineCodec");
    assert_eq!(requests_in_reactor(&planted("pub use shutdown::request_shutdown;")), [""; 0]);
}

fn requests_in_reactor(repository: &Repository) -> Vec<String> {
    const ABOVE: [&str; 7] = ["service", "request", "response", "req", "resp", "codec", "middleware"];
    // There it is a verb.
    const OTHERWISE: &str = "request_shutdown";
    let is_above = |word: &str| words(word).iter().any(|part| ABOVE.contains(&part.as_str()));
    named(repository, "crates/reactor", |word| word != OTHERWISE && is_above(word))
}

#[test]
fn state_machines_own_no_socket_and_read_no_clock() {
    keep(
        impure,
        "tell the state machine what happened and when, and let it answer what to do: the driver beside it owns the \
         socket and reads the clock (\"Pure places\" in ARCHITECTURE.md)",
    );
}

#[test]
fn a_state_machine_with_a_socket_is_noticed() {
    let planted = |text| {
        Repository::with("ARCHITECTURE.md", "## Pure places\n\n| place |\n|---|\n| `a/b.rs` |\n")
            .and("a/b.rs", text)
    };
    notices(impure, planted("use ekiden_reactor::net::TcpStream;"), "ekiden_reactor");
    notices(impure, planted("async fn a() {}"), "async");
    notices(impure, planted("fn a() { poll_fn(|cx| self.poll(cx)) }"), "poll_fn");
    notices(impure, planted("fn a() { notice::tell(Level::Info, \"a\", text) }"), "notice");
    notices(impure, planted("fn a(now: Instant) { now.elapsed() }"), "elapsed");
    notices(impure, planted("fn a() { let now = Instant::recent(); }"), "recent");
    notices(impure, planted("fn a() { let now = Instant::now(); }"), "Instant::now()");
    notices(impure, planted("fn a() { let now = os::now(); }"), "os::now()");
    notices(impure, planted("fn a() { core::with(|core| core.wake()) }"), "core::with()");
    notices(impure, planted("use crate::net::UdpSocket;"), "UdpSocket");
    notices(
        impure,
        Repository::with("ARCHITECTURE.md", "## Pure places\n\n| place |\n|---|\n| `a/b.rs` |\n"),
        "a/b.rs",
    );
    assert_eq!(impure(&planted("fn handle(frame: Frame) {}")), [""; 0]);
}

fn impure(repository: &Repository) -> Vec<String> {
    const WORLD: [&str; 18] = [
        "ekiden_reactor",
        "futures_core",
        "futures_io",
        "AsyncRead",
        "AsyncWrite",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "UnixStream",
        "UnixListener",
        "UnixDatagram",
        "async",
        "await",
        "poll_fn",
        "notice",
        "elapsed",
        "recent",
        "wall_clock",
    ];
    // By a path, since alone these are names of much else.
    const ASKED: [&str; 4] = ["Instant::now(", "os::now(", "core::with(", "core::current("];
    let places: Vec<_> = repository.table("Pure places").into_iter().flatten().flatten().collect();
    let gone =
        places.iter().filter(|place| !repository.holds(place)).map(|place| format!("{place} is not there"));
    let impure = places.iter().flat_map(|place| named(repository, place, |word| WORLD.contains(&word)));
    let asks = places.iter().flat_map(|place| {
        let lines = repository
            .rust_in(place)
            .flat_map(|file| file.production().map(move |(at, line)| (&file.path, at, line)));
        lines.filter_map(|(path, at, line)| {
            let asked = ASKED.iter().find(|asked| line.contains(*asked))?;
            Some(format!("{path}:{at}: calls {asked})"))
        })
    });
    gone.chain(impure).chain(asks).collect()
}

#[test]
fn only_the_os_driver_asks_the_system_for_time_and_chance() {
    keep(
        excused,
        "ask the reactor (its clock, its entropy, its sockets, `blocking`); what only the system can answer goes \
         through the driver, so that a simulated world can answer it too",
    );
}

#[test]
fn an_excuse_outside_the_os_driver_is_noticed() {
    let planted = |path, line| Repository::with(path, &format!("{line}\nfn a() {{}}\n"));
    let excuse = "#[expect(clippy::disallowed_methods, reason = \"in a hurry\")]";
    notices(excused, planted("crates/proto/src/a.rs", excuse), "crates/proto/src/a.rs:1");
    notices(
        excused,
        planted("crates/proto/src/a.rs", "#![allow(clippy::disallowed_types)]"),
        "crates/proto/src/a.rs:1",
    );
    assert_eq!(excused(&planted("crates/reactor/src/driver/os/a.rs", excuse)), [""; 0]);
    assert_eq!(excused(&planted("crates/proto/tests/a.rs", excuse)), [""; 0]);
}

fn excused(repository: &Repository) -> Vec<String> {
    let files = repository.rust_in("crates").filter(|file| !file.is_in("crates/reactor/src/driver/os"));
    let lines = files.flat_map(|file| file.production().map(move |(at, line)| (file, at, line)));
    let excuses = lines.filter(|(_, _, line)| line.contains("clippy::disallowed_"));
    excuses.map(|(file, at, _)| format!("{}:{at}: silences what clippy.toml forbids", file.path)).collect()
}

/// Where the production code below a folder has an identifier of that kind.
fn named(repository: &Repository, folder: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for file in repository.rust_in(folder) {
        for (at, line) in file.production() {
            let word = identifiers(&line).map(|(_, word, _)| word).find(|word| is_wanted(word));
            places.extend(word.map(|word| format!("{}:{at}: names {word}", file.path)));
        }
    }
    places
}

/// The parts of an identifier in lower case: `HttpCodec`, `http_codec` and `HTTP_CODEC` are all "http", "codec".
fn words(identifier: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_in_capitals = true;
    for c in identifier.chars() {
        if c == '_' || (c.is_uppercase() && !is_in_capitals) {
            words.push(String::new());
        }
        is_in_capitals = c == '_' || c.is_uppercase();
        let last = words.last_mut().expect("there is one from the start");
        last.extend(c.to_lowercase().filter(|c| *c != '_'));
    }
    words
}

fn is_ours(repository: &Repository, name: &str) -> bool {
    repository.packages.iter().any(|package| package.name == name)
}

/// The files of a package that its users get.
fn sources_of<'a>(repository: &'a Repository, package: &Package) -> Vec<&'a File> {
    let folder = format!("{}/src", package.home);
    repository.files.iter().filter(|file| file.path.ends_with(".rs") && file.is_in(&folder)).collect()
}
