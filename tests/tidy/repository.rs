//! The repository as the rules see it: its files as text, and its packages as cargo knows them.
//!
//! It reads the disk once and asks cargo once. A made-up one, for a rule's own test, is put together from pieces.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// Everything that is kept, or a made-up piece of it.
#[derive(Default)]
pub(crate) struct Repository {
    pub(crate) files: Vec<File>,
    pub(crate) packages: Vec<Package>,
}

/// One text file, by its path from the root.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One workspace member, as its manifest says.
#[derive(Clone, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder, from the root.
    pub(crate) home: String,
    pub(crate) is_published: bool,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
    /// How many keywords and categories it has, and whether there is a readme.
    pub(crate) shelf: (usize, usize, bool),
}

/// One arrow out of a package.
#[derive(Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) is_for_tests: bool,
}

/// One crate that cargo builds of a package.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// The file it begins with, from the root.
    pub(crate) root: String,
}

// Folders that hold no source of ours: built, fetched or found by a fuzzer.
const SKIPPED: [&str; 6] = ["target", ".git", "corpus", "artifacts", "coverage", "node_modules"];

impl Repository {
    /// This one.
    pub(crate) fn here() -> &'static Self {
        static HERE: OnceLock<Repository> = OnceLock::new();
        HERE.get_or_init(|| {
            let mut files = Vec::new();
            collect(&root(), &mut files);
            assert!(
                files.len() > 20,
                "only {} files found in {}: is this the repository?",
                files.len(),
                root().display()
            );
            Self { files, packages: packages() }
        })
    }

    /// A made-up one with a single file.
    pub(crate) fn with(path: &str, text: &str) -> Self {
        Self::default().and(path, text)
    }

    /// The same with one file more.
    pub(crate) fn and(mut self, path: &str, text: &str) -> Self {
        self.files.push(File { path: path.into(), text: text.into() });
        self
    }

    /// The same with one package more: a library in `home`, with these dependencies.
    pub(crate) fn and_package(mut self, name: &str, home: &str, dependencies: &[&str]) -> Self {
        let dependency = |name: &&str| Dependency { name: (*name).into(), is_for_tests: false };
        self.packages.push(Package {
            name: name.into(),
            home: home.into(),
            is_published: true,
            dependencies: dependencies.iter().map(dependency).collect(),
            targets: vec![Target {
                name: name.into(),
                kind: "lib".into(),
                root: format!("{home}/src/lib.rs"),
            }],
            shelf: (1, 1, true),
        });
        self
    }

    /// The Rust files below a folder.
    pub(crate) fn rust_in<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.ends_with(".rs") && file.is_in(folder))
    }

    /// The text of one file, empty if there is none.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.files.iter().find(|file| file.path == path).map_or("", |file| &file.text)
    }

    /// Whether a path from the root is a file, or a folder with a file in it.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.is_in(path))
    }

    /// The rows of the table below a heading of ARCHITECTURE.md, as the words in backticks of each cell.
    pub(crate) fn table(&self, heading: &str) -> Vec<Vec<Vec<String>>> {
        let lines = self.text("ARCHITECTURE.md").lines();
        let section = lines.skip_while(|line| line.strip_prefix("## ") != Some(heading)).skip(1);
        let rows = section.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with('|'));
        // The first two lines of a table are its heads and the rule below them.
        rows.skip(2).map(|row| row.trim_matches('|').split('|').map(in_backticks).collect()).collect()
    }
}

impl File {
    /// Whether the file is the path, or below it.
    pub(crate) fn is_in(&self, path: &str) -> bool {
        self.path
            .strip_prefix(path)
            .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether all of it is for tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("tests.rs")
    }

    /// Its code: numbered lines without comments and without what stands between quotes.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, String)> {
        (1..).zip(self.text.lines().map(bare)).filter(|(_, line)| !line.trim().is_empty())
    }

    /// Its code without the unit tests, or none if all of it is for tests.
    pub(crate) fn production(&self) -> impl Iterator<Item = (usize, String)> {
        let tests = self.tests_span();
        self.code().filter(move |(number, _)| !tests.contains(number))
    }

    /// Its unit tests, or everything if all of it is for tests.
    pub(crate) fn tests(&self) -> impl Iterator<Item = (usize, String)> {
        let tests = self.tests_span();
        self.code().filter(move |(number, _)| tests.contains(number))
    }

    /// The lines of the unit tests: those of a file are one module, closed by a brace of its own line.
    fn tests_span(&self) -> Range<usize> {
        if self.is_test() {
            return 0..usize::MAX;
        }
        let lines: Vec<_> = self.text.lines().collect();
        let is_begin = |two: &[&str]| two[0] == "#[cfg(test)]" && two[1].starts_with("mod tests {");
        let Some(begin) = lines.windows(2).position(is_begin) else { return 0..0 };
        let length = lines[begin..].iter().position(|line| *line == "}").unwrap_or(lines.len());
        begin + 1..begin + length + 2
    }
}

/// A line of code without its comment, and with nothing between its quotes.
fn bare(line: &str) -> String {
    let mut kept = String::new();
    let mut chars = line.chars().peekable();
    let mut is_quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if is_quoted => drop(chars.next()),
            '\'' if !is_quoted && chars.peek() == Some(&'"') => drop(chars.next()),
            '"' => {
                is_quoted = !is_quoted;
                kept.push(c);
            }
            '/' if !is_quoted && chars.peek() == Some(&'/') => break,
            _ if is_quoted => {}
            _ => kept.push(c),
        }
    }
    kept
}

/// The identifiers of a line of code, each with what stands directly before and after it.
pub(crate) fn identifiers(line: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = 0;
    std::iter::from_fn(move || {
        let begin = rest + line[rest..].find(is_word)?;
        let end = line[begin..].find(|c| !is_word(c)).map_or(line.len(), |length| begin + length);
        rest = end;
        Some((&line[..begin], &line[begin..end], &line[end..]))
    })
}

/// The words that stand in backticks.
pub(crate) fn in_backticks(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

/// The root of the workspace, of which this package is a folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in the workspace").into()
}

/// What cargo answers, or a failure with what it said.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).args(arguments).current_dir(root()).output().expect("cargo runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {complaint}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
}

fn collect(folder: &Path, files: &mut Vec<File>) {
    let mut entries: Vec<_> = fs::read_dir(folder).expect("a folder of ours").flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().expect("its kind is known"));
        // A link is a second name of a file that is found under its first.
        if kind.is_symlink() || SKIPPED.iter().any(|skipped| path.ends_with(skipped)) {
            continue;
        }
        if kind.is_dir() {
            collect(&path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path =
                path.strip_prefix(root()).expect("below the root").to_str().expect("a plain name").into();
            files.push(File { path, text });
        }
    }
}

fn packages() -> Vec<Package> {
    let known = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"]);
    let known: Value = serde_json::from_str(&known).expect("cargo's metadata is JSON");
    list(&known["packages"]).iter().map(package).collect()
}

fn package(known: &Value) -> Package {
    let manifest = from_root(&known["manifest_path"]);
    Package {
        name: string(&known["name"]),
        home: manifest.strip_suffix("/Cargo.toml").unwrap_or(&manifest).into(),
        // Cargo's word for "no registry" is an empty list, and for "any" nothing.
        is_published: known["publish"].is_null(),
        dependencies: list(&known["dependencies"]).iter().map(dependency).collect(),
        targets: list(&known["targets"]).iter().map(target).collect(),
        shelf: (
            list(&known["keywords"]).len(),
            list(&known["categories"]).len(),
            known["readme"].is_string(),
        ),
    }
}

fn dependency(known: &Value) -> Dependency {
    Dependency { name: string(&known["name"]), is_for_tests: known["kind"] == "dev" }
}

fn target(known: &Value) -> Target {
    Target {
        name: string(&known["name"]),
        kind: string(&known["kind"][0]),
        root: from_root(&known["src_path"]),
    }
}

fn from_root(path: &Value) -> String {
    let path = string(path);
    let root = format!("{}/", root().display());
    path.strip_prefix(&root).unwrap_or(&path).into()
}

fn string(value: &Value) -> String {
    value.as_str().expect("cargo gives a string here").into()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_quotes_are_no_code() {
        let check = |line, want| assert_eq!(bare(line), want);
        check("let a = 1; // mio::Poll", "let a = 1; ");
        check("/// mio::Poll", "");
        check(r#"let a = "http://a" + b"#, r#"let a = "" + b"#);
        check(r#"let a = "\"mio"; mio::x()"#, r#"let a = ""; mio::x()"#);
        check(r#"if c == '"' { mio::x() }"#, r#"if c == ' { mio::x() }"#);
    }

    #[test]
    fn identifiers_are_whole_words() {
        let found: Vec<_> = identifiers("use mio::Poll as _p;").map(|(_, word, _)| word).collect();
        assert_eq!(found, ["use", "mio", "Poll", "as", "_p"]);
    }

    #[test]
    fn unit_tests_are_told_from_production() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n\nfn c() {}\n";
        let file = File { path: "crates/x/src/a.rs".into(), text: text.into() };
        assert_eq!(file.production().map(|(number, _)| number).collect::<Vec<_>>(), [1, 8]);
        assert_eq!(file.tests().map(|(number, _)| number).collect::<Vec<_>>(), [3, 4, 5, 6]);
    }

    #[test]
    fn a_table_is_read_by_its_heading() {
        let text = "## A\n\n| x |\n|---|\n| no |\n\n## B\n\n| h | i |\n|---|---|\n| `a` | `b` and `c` |\n| `d` | |\n";
        let table = Repository::with("ARCHITECTURE.md", text).table("B");
        assert_eq!(table, [[vec!["a"], vec!["b", "c"]], [vec!["d"], vec![]]]);
    }
}
