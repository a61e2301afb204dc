//! Who is measured: each folder below `peers/KIND/` is a peer, its manifest says how it is set up, and the lock file
//! which version it is. Nobody keeps a list of them; only those that ratios are taken to are named, in
//! `render/table.rs`, and those that are built, in `scenario/build.rs`.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::programs::output_of;

/// One program to measure.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// What it does: the folder below `peers`.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) package: String,
    /// How it is set up, for the page.
    pub(crate) setup: String,
    /// What it depends on directly, with versions.
    pub(crate) versions: Vec<String>,
    /// Why it cannot be counted by valgrind, if it cannot. To find that out takes a minute of waiting.
    pub(crate) not_under_valgrind: Option<String>,
}

/// All of them, those that are the limit first.
pub(crate) fn discover() -> Result<Vec<Peer>> {
    let known = output_of("cargo", &["metadata", "--format-version", "1", "--locked"])?;
    let known: Metadata = serde_json::from_str(&known).context("cargo's metadata is not as it was")?;
    let versions: HashMap<_, _> =
        known.packages.iter().map(|package| (package.id.as_str(), package.version_shown())).collect();
    let mut peers: Vec<_> = known
        .packages
        .iter()
        .filter_map(|package| Some((package.place()?, package)))
        .map(|((kind, name), package)| {
            let node = known.resolve.nodes.iter().find(|node| node.id == package.id);
            let uses = node.map_or(&[][..], |node| &node.dependencies);
            Peer {
                kind,
                name,
                package: package.name.clone(),
                setup: package.description.clone().unwrap_or_default(),
                versions: uses.iter().filter_map(|id| versions.get(id.as_str()).cloned()).collect(),
                not_under_valgrind: package.for_the_bench().not_under_valgrind,
            }
        })
        .collect();
    ensure!(!peers.is_empty(), "no package below peers/: run from within bench/");
    peers.sort_by_key(|peer| (peer.kind.clone(), peer.name != "limit", peer.name.clone()));
    Ok(peers)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    description: Option<String>,
    manifest_path: String,
    source: Option<String>,
    /// What a manifest says under `package.metadata`.
    metadata: Option<Tables>,
}

#[derive(Deserialize)]
struct Tables {
    bench: Option<ForTheBench>,
}

/// What a peer's manifest says to the bench.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ForTheBench {
    not_under_valgrind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

impl Package {
    /// Kind and name, if it is a peer.
    fn place(&self) -> Option<(String, String)> {
        let (_, below) = self.manifest_path.rsplit_once("/bench/peers/")?;
        let (kind, rest) = below.split_once('/')?;
        Some((kind.into(), rest.strip_suffix("/Cargo.toml")?.replace('_', "-")))
    }

    fn for_the_bench(&self) -> ForTheBench {
        self.metadata.as_ref().and_then(|tables| tables.bench.clone()).unwrap_or_default()
    }

    fn version_shown(&self) -> String {
        match self.source {
            Some(_) => format!("{} {}", self.name, self.version),
            // What is built here has the version of the commit, which the run carries.
            None => self.name.clone(),
        }
    }
}
