//! What the repository tells people: that its papers are there, lead somewhere, and leave nothing out.

use crate::repository::{Dependency, File, Package, Repository, cargo, in_backticks};
use crate::{assert_none, keep, notices};

#[test]
fn every_member_and_every_dependency_has_its_reason() {
    keep(
        unreasoned,
        "say on the line itself, behind a `#`, what it is for; a dependency without a reason is left out",
    );
}

#[test]
fn a_member_or_a_dependency_without_reason_is_noticed() {
    let manifest = |text| Repository::with("Cargo.toml", text);
    notices(unreasoned, manifest("members = [\n    \"a\", # why\n    \"b\",\n]\n"), "\"b\"");
    notices(unreasoned, manifest("[workspace.dependencies]\na = \"1\" # why\nb = \"1\"\n"), "b = ");
    let kept = "members = [\n    \"a\", # why\n]\n[workspace.dependencies]\nekiden-a = { path = \"a\" }\n\n[x]\nc = 1\n";
    assert_eq!(unreasoned(&manifest(kept)), [""; 0]);
}

/// Lines of the root manifest's two lists that end without a comment. Ours have theirs in the list of members.
fn unreasoned(repository: &Repository) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut is_list = false;
    for (at, line) in (1..).zip(repository.text("Cargo.toml").lines()) {
        if line.starts_with(['[', ']']) || line.starts_with("members") {
            is_list = line == "[workspace.dependencies]" || line.starts_with("members");
            continue;
        }
        let is_entry =
            is_list && !line.trim().is_empty() && !line.starts_with('#') && !line.starts_with("ekiden");
        if is_entry && !line.contains(" # ") {
            complaints.push(format!("Cargo.toml:{at}: {line}"));
        }
    }
    complaints
}

#[test]
fn every_dependency_is_used() {
    keep(unused, "delete its line: whoever builds us builds it too");
}

#[test]
fn an_unused_dependency_is_noticed() {
    let shared = |manifest, uses: &[&str]| {
        Repository::with("Cargo.toml", manifest)
            .and("x/src/lib.rs", "use bytes::Bytes;")
            .and_package("x", "x", uses)
    };
    let both = "[workspace.dependencies]\nbytes = \"1\" # why\nslab = \"1\" # why\n\n[x]\na = 1\n";
    notices(unused, shared(both, &["bytes"]), "Cargo.toml shares slab");
    notices(unused, shared(both, &["bytes", "slab"]), "x depends on slab");
    assert_eq!(unused(&shared(&both.replace("slab = \"1\" # why\n", ""), &["bytes"])), [""; 0]);
}

fn unused(repository: &Repository) -> Vec<String> {
    let lines = repository.text("Cargo.toml").lines();
    let lines = lines.skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let entries = lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    let shared = entries.filter_map(|line| Some(line.split_once(" = ")?.0));
    let all = || repository.packages.iter().flat_map(|package| &package.dependencies);
    let unshared = shared.filter(|name| all().all(|used| used.name != *name));
    let unshared = unshared.map(|name| format!("Cargo.toml shares {name}, and no member depends on it"));
    // Examples in documentation count: they are what a dependency for tests is often for.
    let is_named = |package: &Package, used: &Dependency| {
        let name = used.name.replace('-', "_");
        let ways = [format!("{name}::"), format!("use {name}")];
        repository.rust_in(&package.home).any(|file| ways.iter().any(|way| file.text.contains(way)))
    };
    let unnamed = repository.packages.iter().flat_map(|package| {
        let unnamed = package.dependencies.iter().filter(|used| !is_named(package, used));
        unnamed.map(|used| format!("{} depends on {}, and never names it", package.name, used.name))
    });
    unshared.chain(unnamed).collect()
}

#[test]
fn every_example_is_in_the_readme() {
    keep(unlisted_examples, "add it to README.md with what it shows: `cargo run --example NAME`");
}

#[test]
fn an_unlisted_example_is_noticed() {
    let readme = Repository::with("README.md", "`cargo run --example hello_world`");
    let mut planted = readme.and_package("ekiden-examples", "examples", &[]);
    planted.packages[0].targets[0].kind = "example".into();
    planted.packages[0].targets[0].name = "hello".into();
    notices(unlisted_examples, planted, "hello");
}

fn unlisted_examples(repository: &Repository) -> Vec<String> {
    let readme = repository.text("README.md");
    let words: Vec<_> = readme.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').collect();
    let is_listed = |name: &str| words.windows(2).any(|two| two == ["--example", name]);
    let targets = repository.packages.iter().flat_map(|package| &package.targets);
    let unlisted = targets.filter(|target| target.kind == "example" && !is_listed(&target.name));
    unlisted.map(|target| format!("the example {} is not in README.md", target.name)).collect()
}

#[test]
fn the_changelog_waits_for_the_next_change() {
    keep(
        closed_changelog,
        "keep an `## [Unreleased]` section on top of CHANGELOG.md, with all six headings, empty ones too",
    );
}

#[test]
fn a_closed_changelog_is_noticed() {
    notices(closed_changelog, Repository::with("CHANGELOG.md", "## [0.1.0]\n\n### Added\n"), "Unreleased");
    let all =
        "## [Unreleased]\n### Added\n### Changed\n### Deprecated\n### Removed\n### Fixed\n### Security\n";
    notices(closed_changelog, Repository::with("CHANGELOG.md", &all.replace("### Fixed\n", "")), "Fixed");
    assert_eq!(closed_changelog(&Repository::with("CHANGELOG.md", all)), [""; 0]);
}

fn closed_changelog(repository: &Repository) -> Vec<String> {
    let mut sections =
        repository.text("CHANGELOG.md").split("\n## ").map(|section| section.trim_start_matches("## "));
    let Some(section) = sections.find(|section| section.starts_with("[Unreleased]")) else {
        return vec!["CHANGELOG.md has no section [Unreleased]".into()];
    };
    let has = |heading: &&str| section.lines().any(|line| line.strip_prefix("### ") == Some(heading));
    let wanted = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    wanted
        .iter()
        .filter(|heading| !has(heading))
        .map(|heading| format!("[Unreleased] lacks {heading}"))
        .collect()
}

#[test]
fn papers_lead_somewhere() {
    keep(dead_ends, "the file was moved or removed: say where it is now");
}

#[test]
fn a_dead_end_is_noticed() {
    let paper = |text| Repository::with("README.md", text).and("crates/x/src/a.rs", "");
    notices(dead_ends, paper("see [b](crates/x/src/b.rs)"), "crates/x/src/b.rs");
    notices(dead_ends, paper("see `crates/x/src/b.rs`"), "crates/x/src/b.rs");
    assert_eq!(
        dead_ends(&paper("[a](crates/x/src/a.rs#h), `crates/x`, [w](https://x), [h](#h), `a/b`")),
        [""; 0]
    );
    let inner = |text| Repository::with("crates/x/README.md", text).and("crates/y/a.rs", "");
    notices(dead_ends, inner("see [a](../../crates/x/a.rs)"), "crates/x/README.md points to");
    notices(dead_ends, inner("see [a](crates/y/a.rs)"), "crates/y/a.rs");
    assert_eq!(dead_ends(&inner("[a](../y/a.rs), [b](./../y/), `crates/y/a.rs`")), [""; 0]);
}

/// Links, from the folder of the paper, and paths in backticks, from the root, that name no file.
fn dead_ends(repository: &Repository) -> Vec<String> {
    let papers = repository.files.iter().filter(|file| file.path.ends_with(".md"));
    papers.flat_map(|paper| dead_ends_of(paper, repository)).collect()
}

fn dead_ends_of(paper: &File, repository: &Repository) -> Vec<String> {
    let links = paper.text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let links = links.map(|link| (link.to_string(), resolved(&paper.path, link)));
    let is_ours =
        |path: &String| ["crates/", "tests/", "examples/"].iter().any(|folder| path.starts_with(folder));
    let paths = paper.text.lines().flat_map(in_backticks).filter(is_ours);
    let paths = paths.map(|path| (path.clone(), path));
    let dead = links.chain(paths).filter(|(_, path)| !repository.holds(path.trim_end_matches('/')));
    dead.map(|(named, _)| format!("{} points to {named}", paper.path)).collect()
}

/// Where a link of a paper leads, from the root, without the heading that it may name.
fn resolved(paper: &str, link: &str) -> String {
    let (path, _heading) = link.split_once('#').unwrap_or((link, ""));
    let mut place: Vec<&str> = paper.split('/').collect();
    place.pop();
    for step in path.split('/') {
        match step {
            ".." => drop(place.pop()),
            "." => {}
            step => place.push(step),
        }
    }
    place.join("/")
}

#[test]
fn every_published_crate_can_be_found() {
    keep(
        unshelved,
        "give its manifest `readme`, `keywords` and `categories`: it is what the registry shows and searches",
    );
}

#[test]
fn a_crate_that_cannot_be_found_is_noticed() {
    let mut planted = Repository::default().and_package("x", "x", &[]);
    planted.packages[0].shelf = (1, 0, true);
    notices(unshelved, planted, "x");
}

fn unshelved(repository: &Repository) -> Vec<String> {
    let published = repository.packages.iter().filter(|package| package.is_published);
    let is_whole =
        |(keywords, categories, readme): (usize, usize, bool)| keywords > 0 && categories > 0 && readme;
    let unshelved = published.filter(|package| !is_whole(package.shelf));
    unshelved.map(|package| format!("{} lacks readme, keywords or categories", package.name)).collect()
}

#[test]
fn every_package_carries_its_papers() {
    let published = Repository::here().packages.iter().filter(|package| package.is_published);
    let lacking = published.flat_map(|package| {
        let list = cargo(&[
            "package",
            "--list",
            "--allow-dirty",
            "--locked",
            "--offline",
            "--package",
            &package.name,
        ]);
        lacking(&list).into_iter().map(|paper| format!("{} lacks {paper}", package.name)).collect::<Vec<_>>()
    });
    assert_none(
        lacking.collect(),
        "link the file into the crate's folder: ln -s ../../LICENSE-MIT crates/NAME/",
    );
}

#[test]
fn a_package_without_papers_is_noticed() {
    assert_eq!(lacking("Cargo.toml\nLICENSE-MIT\nREADME.md\nsrc/lib.rs"), ["LICENSE-APACHE"]);
}

fn lacking(list: &str) -> Vec<&'static str> {
    let papers = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"];
    papers.into_iter().filter(|paper| !list.lines().any(|line| line == *paper)).collect()
}
