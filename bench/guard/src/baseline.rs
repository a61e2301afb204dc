//! Figures as a file keeps them, and how new ones compare with those that were kept.
//!
//! In the same setting (compiler, C library, processor) a figure repeats to a fraction of a per cent, so a change of
//! [`CHANGE_MAX`] is a change of the code: one that costs must be argued for or undone, and one that gains must be
//! kept, or the next loss would hide in it. In another setting the same code costs some per cent more or less, and only
//! a change of [`CHANGE_MAX_ELSEWHERE`] is certain to be the code's.

use std::fmt;
use std::str::FromStr;

/// Instructions of one operation of each scenario, and what they hold for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figures {
    setting: String,
    of: Vec<(String, f64)>,
}

/// New figures beside those that were kept.
pub(crate) struct Comparison {
    pub(crate) table: String,
    /// What is wrong, and what to do about it.
    pub(crate) verdict: Result<(), String>,
}

const CHANGE_MAX: f64 = 0.05;

/// From rustc 1.88 to 1.95 the same code moved by up to 8 % (`mpsc_round_trip`), and most scenarios by less than 4. An
/// allocation on each poll moves the smallest of them by 25 % to 100 %.
const CHANGE_MAX_ELSEWHERE: f64 = 0.25;

impl Figures {
    pub(crate) fn new(setting: String) -> Self {
        Self { setting, of: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, instructions: f64) {
        self.of.push((name.to_owned(), instructions));
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.of.iter().find(|(known, _)| known == name).map(|(_, instructions)| *instructions)
    }

    /// Holds new figures against these.
    pub(crate) fn compare(&self, now: &Self) -> Comparison {
        let is_same = self.setting == now.setting;
        let max = if is_same { CHANGE_MAX } else { CHANGE_MAX_ELSEWHERE };
        let mut table = format!("{:<18} {:>10} {:>10} {:>9}\n", "scenario", "baseline", "now", "change");
        let (mut dearer, mut cheaper, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for (name, instructions) in &now.of {
            let Some(kept) = self.get(name) else {
                table += &format!("{name:<18} {:>10} {instructions:>10.1}\n", "none");
                unknown.push(name.as_str());
                continue;
            };
            let change = instructions / kept - 1.0;
            let mark = if change.abs() > max { "  ◄" } else { "" };
            table +=
                &format!("{name:<18} {kept:>10.1} {instructions:>10.1} {:>+7.1} %{mark}\n", change * 100.0);
            if change.abs() > max {
                let off = if change > 0.0 { &mut dearer } else { &mut cheaper };
                off.push(name.as_str());
            }
        }
        let gone = self.of.iter().map(|(name, _)| name.as_str()).filter(|name| now.get(name).is_none());
        unknown.extend(gone);
        if !is_same {
            table += &format!("\nbaseline: {}\nnow:      {}\n", self.setting, now.setting);
            table += &format!("Not the same, so only a change of more than {} % fails.\n", max * 100.0);
        }
        Comparison { table, verdict: verdict(max, &dearer, &cheaper, &unknown) }
    }
}

fn verdict(max: f64, dearer: &[&str], cheaper: &[&str], unknown: &[&str]) -> Result<(), String> {
    let max = max * 100.0;
    let mut complaints = Vec::new();
    if let [first, ..] = dearer {
        complaints.push(format!(
            "dearer than the baseline by more than {max} %: {}.\n  Find where with `cargo run --release -p guard -- \
             profile {first}` in bench/, here and before the change. If it must be so, renew the baseline in the same \
             commit, and say why.",
            dearer.join(", ")
        ));
    }
    if !cheaper.is_empty() {
        complaints.push(format!(
            "cheaper than the baseline by more than {max} %: {}.\n  Renew the baseline in the same commit, so that the \
             gain is kept.",
            cheaper.join(", ")
        ));
    }
    if !unknown.is_empty() {
        complaints.push(format!("in the baseline or in the program, not in both: {}.", unknown.join(", ")));
    }
    if complaints.is_empty() {
        return Ok(());
    }
    complaints.push("To renew, in bench/: cargo run --release -p guard -- renew".to_owned());
    Err(complaints.join("\n"))
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        writeln!(f, "setting {}", self.setting)?;
        self.of.iter().try_for_each(|(name, instructions)| writeln!(f, "{name} {instructions:.1}"))
    }
}

impl FromStr for Figures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut figures = Self::new(String::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let malformed = || format!("the baseline has a line that is none: {line}");
            let (name, value) = line.split_once(' ').ok_or_else(malformed)?;
            if name == "setting" {
                value.clone_into(&mut figures.setting);
                continue;
            }
            let count = value.parse().ok().filter(|count: &f64| *count > 0.0);
            figures.add(name, count.ok_or_else(malformed)?);
        }
        Ok(figures)
    }
}

const HEAD: &str = "# Instructions of one operation in user space. `guard renew` writes this file; see src/main.rs.\n\
    # It changes only by a commit that says what became dearer or cheaper, and why.";

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(text: &str) -> Figures {
        text.replace(", ", "\n").parse().expect("figures")
    }

    /// Whether figures pass, or which words the complaint has.
    fn check(kept: &str, now: &str, wanted: &[&str]) {
        let verdict = figures(kept).compare(&figures(now)).verdict;
        match (verdict, wanted) {
            (Ok(()), []) => {}
            (Err(complaint), [_, ..]) => {
                let missing = wanted.iter().find(|word| !complaint.contains(**word));
                assert_eq!(missing, None, "{kept} / {now}: {complaint}");
            }
            (verdict, _) => panic!("{kept} / {now}: {verdict:?}"),
        }
    }

    #[test]
    fn a_change_beyond_five_per_cent_fails_either_way() {
        check("setting a, x 100, y 100", "setting a, x 104.9, y 95.1", &[]);
        check(
            "setting a, x 100, y 100",
            "setting a, x 105.2, y 100",
            &["dearer", "more than 5 %: x.", "profile x"],
        );
        check("setting a, x 100, y 100", "setting a, x 100, y 94.8", &["cheaper", ": y.", "renew"]);
        check("setting a, x 100, y 100", "setting a, x 200, y 10", &["dearer", ": x.", "cheaper", ": y."]);
    }

    #[test]
    fn in_another_setting_only_what_is_plain_fails() {
        check("setting a, x 100", "setting b, x 124", &[]);
        check("setting a, x 100", "setting b, x 126", &["dearer", "25 %"]);
        check("setting a, x 100", "setting b, x 74", &["cheaper", "25 %"]);
    }

    #[test]
    fn the_other_setting_is_told() {
        let table = figures("setting old, x 100").compare(&figures("setting new, x 100")).table;
        assert!(table.contains("baseline: old\nnow:      new\n"), "{table}");
    }

    #[test]
    fn a_scenario_without_baseline_fails_and_so_does_a_baseline_without_scenario() {
        check("setting a", "setting a, x 100", &["not in both: x."]);
        check("setting a, x 100", "setting a", &["not in both: x."]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let some = figures("setting rustc 1 x, x 100.5, y 7");
        assert_eq!(some.to_string().parse::<Figures>(), Ok(some));
        assert!("x".parse::<Figures>().is_err());
        assert!("x many".parse::<Figures>().is_err());
        assert!("x 0".parse::<Figures>().is_err());
    }
}
