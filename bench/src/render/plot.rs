//! A plot of one case: a bar for each peer, as long as its median, with a line from the least to the most.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::results::summary::{Spread, Summary};
use crate::results::{Figure, Sample};

/// Draws what the case is ranked by, and user instructions above it where they were counted.
pub(crate) fn draw(path: &Path, case: &str, samples: &[Sample]) -> Result<()> {
    let summary = Summary::of(case, samples);
    let ranked = summary.ranked_by();
    let counted = summary.figures().into_iter().find(|figure| *figure == Figure::Instructions);
    let panels: Vec<_> =
        counted.into_iter().chain(ranked).map(|figure| Panel::of(figure, &summary)).collect();
    let height = panels.iter().map(Panel::height).sum::<i32>() + MARGIN;
    let root = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw(&Text::new(case.to_owned(), (MARGIN, MARGIN / 2), text(15.0)))?;
    let mut top = MARGIN;
    for panel in &panels {
        panel.draw(&root, top).map_err(|error| anyhow!("{error}"))?;
        top += panel.height();
    }
    root.present()?;
    Ok(())
}

/// One figure: a row for each peer that has it.
struct Panel {
    title: &'static str,
    rows: Vec<(String, Spread)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

impl Panel {
    fn of(figure: Figure, summary: &Summary<'_>) -> Self {
        let spread = |peer: &str| Some((peer.to_owned(), summary.spread(peer, figure)?));
        let mut rows: Vec<_> = summary.peers().into_iter().filter_map(spread).collect();
        rows.sort_by(|a, b| a.1.median.total_cmp(&b.1.median));
        Self { title: figure.title(), rows }
    }

    fn height(&self) -> i32 {
        MARGIN + self.rows.len() as i32 * ROW
    }

    fn draw(&self, root: &Area<'_>, top: i32) -> Result<(), Box<dyn std::error::Error>> {
        root.draw(&Text::new(self.title, (LEFT, top), text(12.0)))?;
        let most = self.rows.iter().map(|(_, spread)| spread.median).fold(f64::MIN_POSITIVE, f64::max);
        // What lies beyond the longest bar by more than the room for its value ends at the edge.
        let at = |value: f64| LEFT + ((value / most).clamp(0.0, 1.12) * f64::from(RIGHT - LEFT)) as i32;
        for (number, (peer, spread)) in (0..).zip(&self.rows) {
            let (above, middle) =
                (top + MARGIN / 2 + number * ROW, top + MARGIN / 2 + number * ROW + ROW / 2);
            let right_of = text(12.0).pos(Pos::new(HPos::Right, VPos::Center));
            root.draw(&Text::new(peer.clone(), (LEFT - 8, middle), right_of))?;
            let bar = [(LEFT, above + 3), (at(spread.median), above + ROW - 3)];
            root.draw(&Rectangle::new(bar, color(peer).filled()))?;
            root.draw(&PathElement::new([(at(spread.least), middle), (at(spread.most), middle)], GREY))?;
            let value = text(11.0).pos(Pos::new(HPos::Left, VPos::Center));
            let beyond = at(spread.median).max(at(spread.most)) + 6;
            root.draw(&Text::new(Figure::show(spread.median), (beyond, middle), value))?;
        }
        Ok(())
    }
}

/// Ours is seen at a glance, and so is the limit.
fn color(peer: &str) -> RGBColor {
    match peer {
        "limit" | "raw" => RGBColor(190, 190, 190),
        peer if peer.starts_with("ekiden") => RGBColor(204, 85, 0),
        _ => RGBColor(110, 140, 175),
    }
}

fn text(size: f64) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&BLACK)
}

const GREY: RGBColor = RGBColor(60, 60, 60);
const WIDTH: i32 = 760;
const MARGIN: i32 = 36;
const ROW: i32 = 20;
const LEFT: i32 = 130;
const RIGHT: i32 = 600;
