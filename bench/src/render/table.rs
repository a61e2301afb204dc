//! A table of one case, in Markdown.

use std::fmt::Write;

use crate::results::summary::{Spread, Summary};
use crate::results::{Figure, Sample};

/// The case's table: a row for each peer, the best first.
pub(crate) fn of_case(case: &str, samples: &[Sample]) -> String {
    let summary = Summary::of(case, samples);
    let figures = summary.figures();
    let yardsticks = yardsticks(&summary);
    let mut text = format!("| {case} |");
    for figure in &figures {
        let _ = write!(text, " {} |", figure.title());
    }
    for (yardstick, figure) in &yardsticks {
        let _ = write!(text, " {} ÷ {yardstick}'s |", figure.title());
    }
    let _ = write!(text, "\n|---|{}\n", "---:|".repeat(figures.len() + yardsticks.len()));
    for peer in summary.peers() {
        text += &row(peer, &summary, &figures, &yardsticks);
    }
    for peer in summary.peers() {
        for failure in summary.failures(peer) {
            let _ = write!(text, "\n{peer}: {failure}.\n");
        }
    }
    text
}

/// What ratios are taken to, where it took part: what is written by hand, and what most people use.
fn yardsticks(summary: &Summary<'_>) -> Vec<(&'static str, Figure)> {
    let Some(figure) = summary.ranked_by() else { return Vec::new() };
    let peers = summary.peers();
    YARDSTICKS.into_iter().filter(|name| peers.contains(name)).map(|name| (name, figure)).collect()
}

fn row(peer: &str, summary: &Summary<'_>, figures: &[Figure], yardsticks: &[(&str, Figure)]) -> String {
    let (saturated, rounds) = summary.saturated(peer);
    let mark = if saturated > 0 { format!(" (load full in {saturated} of {rounds})") } else { String::new() };
    let name = if peer == "ekiden" { "**ekiden**" } else { peer };
    let mut text = format!("| {name}{mark} |");
    for figure in figures {
        let _ = write!(text, " {} |", summary.spread(peer, *figure).map_or("–".into(), show));
    }
    for (yardstick, figure) in yardsticks {
        let _ = write!(text, " {} |", summary.ratio(peer, yardstick, *figure).map_or("–".into(), show));
    }
    text + "\n"
}

/// The median, and what it lies between if it was taken more than once.
fn show(spread: Spread) -> String {
    let Spread { median, least, most } = spread;
    let [median, least, most] = [median, least, most].map(Figure::show);
    if least == most { median } else { format!("{median} ({least}–{most})") }
}

const YARDSTICKS: [&str; 5] = ["limit", "raw", "tokio", "hyper", "tarpc"];
