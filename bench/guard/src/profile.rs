//! Where the instructions of a scenario go, an operation: by function, by the file that the code was written in, and by
//! function with all that it calls.
//!
//! What the compiler has inlined counts for the function that it is in now, and for the file that it comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::callgrind::{find, per_operation, run_both, said_by};
use crate::scenarios::Scenario;

/// How many lines each table has: what comes after is less than a per cent each.
const LINES_MAX: usize = 30;

/// Instructions by name.
type Counts = BTreeMap<String, u64>;

/// A line of what `callgrind_annotate` prints.
struct Entry {
    instructions: u64,
    file: String,
    function: String,
}

pub(crate) fn report(scenario: &Scenario) -> Result<String, String> {
    let profiles = ["few", "many"].map(|part| profile_path(scenario, part));
    let [few, many] = run_both(scenario, [&profiles[0], &profiles[1]])?;
    let whole = per_operation(few, many);
    let own = both(&profiles, "no")?;
    let by_function = own.each_ref().map(|entries| sum(entries, |entry| &entry.function));
    let by_file = own.each_ref().map(|entries| sum(entries, |entry| &entry.file));
    let with_callees = both(&profiles, "yes")?.each_ref().map(|entries| largest(entries));
    Ok([
        format!("{}: {}\n{whole:.1} instructions an operation\n", scenario.name, scenario.what),
        table("own, by function", whole, &by_function),
        table("own, by file", whole, &by_file),
        table("with all that it calls, by function", whole, &with_callees),
        format!(
            "\nmore: callgrind_annotate --tree=caller {0}\n      callgrind_annotate --auto=yes {0}\n",
            profiles[1].display()
        ),
    ]
    .concat())
}

fn profile_path(scenario: &Scenario, part: &str) -> PathBuf {
    std::env::temp_dir().join(format!("guard.{}.{part}.callgrind", scenario.name))
}

fn table(title: &str, whole: f64, [few, many]: &[Counts; 2]) -> String {
    let of_operation = |(name, many): (&String, &u64)| {
        let few = few.get(name).copied().unwrap_or_default();
        (per_operation(few, *many), name.clone())
    };
    // What is as much as the whole is but the way there, from the program's entry.
    let is_telling = |(instructions, _): &(f64, String)| (0.05..0.999 * whole).contains(instructions);
    let mut rows: Vec<_> = many.iter().map(of_operation).filter(is_telling).collect();
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    let lines = rows.iter().take(LINES_MAX).map(|(instructions, name)| {
        format!("{instructions:>10.1} {:>5.1} %  {name}\n", instructions / whole * 100.0)
    });
    format!("\n{title}\n{}", lines.collect::<String>())
}

fn sum(entries: &[Entry], name: fn(&Entry) -> &String) -> Counts {
    let mut counts = Counts::new();
    for entry in entries {
        *counts.entry(name(entry).clone()).or_default() += entry.instructions;
    }
    counts
}

/// A function has an entry for each file that its code comes from. With callees the largest is the whole of it.
fn largest(entries: &[Entry]) -> Counts {
    let mut counts = Counts::new();
    for entry in entries {
        let known = counts.entry(entry.function.clone()).or_default();
        *known = entry.instructions.max(*known);
    }
    counts
}

fn both(profiles: &[PathBuf; 2], inclusive: &str) -> Result<[Vec<Entry>; 2], String> {
    let [few, many] = profiles.each_ref().map(|profile| entries(profile, inclusive));
    Ok([few?, many?])
}

fn entries(profile: &Path, inclusive: &str) -> Result<Vec<Entry>, String> {
    let mut annotate = Command::new(find("callgrind_annotate")?);
    annotate.args(["--threshold=100", "--auto=no", &format!("--inclusive={inclusive}")]).arg(profile);
    Ok(said_by(&mut annotate)?.lines().filter_map(entry).collect())
}

/// Reads `1,234 ( 5.67%)  file:function [object]`.
fn entry(line: &str) -> Option<Entry> {
    let (count, rest) = line.split_once('(')?;
    let (file, function) = rest.split_once(")  ")?.1.split_once(':')?;
    let function = function.rsplit_once(" [").map_or(function, |(function, _object)| function);
    Some(Entry {
        instructions: count.replace(',', "").trim().parse().ok()?,
        file: short(file),
        function: function.to_owned(),
    })
}

/// A path from where it begins to say something.
fn short(path: &str) -> String {
    if let Some((_index, path)) = path.split_once("/registry/src/").and_then(|(_, path)| path.split_once('/'))
    {
        return path.to_owned();
    }
    let begins = ["crates/", "bench/guard/", "library/"];
    let from = begins.iter().find_map(|begin| path.find(begin)).unwrap_or_default();
    path[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let check = |line: &str, want: Option<(u64, &str, &str)>| {
            let read = entry(line).map(|entry| (entry.instructions, entry.file, entry.function));
            assert_eq!(
                read,
                want.map(|(count, file, function)| (count, file.to_owned(), function.to_owned()))
            );
        };
        check(
            "  814,390 ( 4.60%)  /x/crates/reactor/src/a.rs:a::B::c::{{closure}} [/x/target/release/guard]",
            Some((814_390, "crates/reactor/src/a.rs", "a::B::c::{{closure}}")),
        );
        check(
            "1 ( 0.00%)  /x/registry/src/index.crates.io-1/http-1.5.0/src/lib.rs:a",
            Some((1, "http-1.5.0/src/lib.rs", "a")),
        );
        check("1 ( 0.00%)  ???:<a as b>::c", Some((1, "???", "<a as b>::c")));
        check("17,687,604 (100.0%)  PROGRAM TOTALS", None);
        check("Ir                  file:function", None);
        check("", None);
    }
}
