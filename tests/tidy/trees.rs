//! What stands in the dependency trees of what we publish, which only cargo knows.

use serde_json::Value;

use crate::assert_none;
use crate::repository::{Repository, cargo};

// What makes tokio a runtime. Without them it is a crate of traits and channels.
const OF_THE_RUNTIME: [&str; 8] = ["rt", "rt-multi-thread", "net", "time", "fs", "process", "signal", "full"];

#[test]
fn the_service_floor_stands_on_nothing() {
    let tree = tree("ekiden-service", &[]);
    let others = tree.lines().filter(|line| !line.starts_with("ekiden-service ")).map(str::to_string);
    assert_none(others.collect(), "ekiden-service has no dependency at all; see ARCHITECTURE.md");
}

#[test]
fn the_reactor_stands_on_no_other_runtime() {
    let runtimes = ["tokio", "async-io", "async-executor", "smol", "async-std"];
    let named = tree("ekiden-reactor", &["--all-features"]);
    let named =
        named.lines().filter(|line| line.split(' ').next().is_some_and(|name| runtimes.contains(&name)));
    assert_none(
        named.map(str::to_string).collect(),
        "find what draws it in with `cargo tree -e normal -i NAME`, and leave that out",
    );
}

#[test]
fn nothing_that_we_publish_enables_tokios_runtime() {
    let published = Repository::here().packages.iter().filter(|package| package.is_published);
    let trees = published.map(|package| (package, tree(&package.name, &["--all-features"])));
    let enabled =
        trees.filter_map(|(package, tree)| Some((package, runtime_features(&tree).first()?.to_string())));
    let enabled = enabled.map(|(package, feature)| format!("{} enables tokio's {feature}", package.name));
    assert_none(
        enabled.collect(),
        "the reactor is the only runtime: find who asks with `cargo tree -e features -i tokio --all-features`, and \
         take the dependency without that feature",
    );
}

#[test]
fn tokios_runtime_is_noticed() {
    let check = |tree: &str, want: &[&str]| assert_eq!(runtime_features(tree), want);
    check("hyper v1.0.0 default,http1\ntokio v1.54.1 default,sync", &[]);
    check("tokio v1.54.1 default,net,rt,sync", &["net", "rt"]);
    check("tokio-stream v0.1.0 net", &[]);
}

/// Clippy looks at what we use of the standard library, and this at what others need.
#[test]
fn no_crate_that_users_build_needs_a_younger_compiler_than_we_say() {
    let published = Repository::here().packages.iter().filter(|package| package.is_published);
    let trees: Vec<_> = published.map(|package| tree(&package.name, &["--all-features"])).collect();
    let host = cargo(&["-vV"]);
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo knows where it runs");
    let known =
        cargo(&["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host]);
    let known: Value = serde_json::from_str(&known).expect("cargo's metadata is JSON");
    let ours = Repository::here().text("Cargo.toml");
    let ours = ours.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("we say one");
    assert_none(
        younger(&known, &trees.join("\n"), ours.trim_matches('"')),
        "take an older version of it by `cargo update --precise`, or raise `rust-version` as README.md says",
    );
}

#[test]
fn a_crate_that_needs_a_younger_compiler_is_noticed() {
    let known = r#"{"packages": [
        {"name": "a", "version": "1.0.0", "rust_version": "1.90.1"},
        {"name": "b", "version": "1.0.0", "rust_version": "1.88.0"},
        {"name": "b", "version": "2.0.0", "rust_version": "2.0"},
        {"name": "c", "version": "1.0.0", "rust_version": null}
    ]}"#;
    let known = serde_json::from_str(known).expect("it is JSON");
    let check = |tree: &str, want: &[&str]| assert_eq!(younger(&known, tree, "1.88"), want);
    check("b v1.0.0 default\nc v1.0.0", &[]);
    check("a v1.0.0 std\nc v1.0.0", &["a v1.0.0 needs Rust 1.90.1"]);
    check("b v2.0.0 ", &["b v2.0.0 needs Rust 2.0"]);
}

/// The crates of the tree that need a younger compiler, of those that cargo knows.
fn younger(known: &Value, tree: &str, ours: &str) -> Vec<String> {
    let number = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().expect("a number"));
        [(); 3].map(|()| parts.next().unwrap_or(0))
    };
    let packages = known["packages"].as_array().expect("cargo lists packages");
    let needs = packages.iter().filter_map(|package| {
        let text = |key: &str| package[key].as_str();
        let (name, version, needed) = (text("name")?, text("version")?, text("rust_version")?);
        let line = format!("{name} v{version}");
        let is_built = tree.lines().any(|built| built == line || built.starts_with(&format!("{line} ")));
        (is_built && number(needed) > number(ours)).then(|| format!("{line} needs Rust {needed}"))
    });
    needs.collect()
}

fn runtime_features(tree: &str) -> Vec<&str> {
    let tokio = tree.lines().filter_map(|line| line.strip_prefix("tokio v"));
    let features = tokio.filter_map(|line| line.split(' ').nth(1)).flat_map(|features| features.split(','));
    features.filter(|feature| OF_THE_RUNTIME.contains(feature)).collect()
}

/// The crates that a user of the package builds, one a line with their features.
fn tree(package: &str, more: &[&str]) -> String {
    let mut arguments = vec!["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none"];
    arguments.extend(["--no-dedupe", "--format", "{p} {f}", "--package", package]);
    arguments.extend(more);
    let mut lines: Vec<_> = cargo(&arguments).lines().map(without_path).collect();
    lines.sort();
    lines.dedup();
    lines.join("\n")
}

/// A line of the tree without the folder that cargo shows for what is ours.
fn without_path(line: &str) -> String {
    match (line.find(" ("), line.find(')')) {
        (Some(begin), Some(end)) => format!("{}{}", &line[..begin], &line[end + 1..]),
        _ => line.into(),
    }
}
