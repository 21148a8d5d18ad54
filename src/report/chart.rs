//! A chart of columns, as SVG.

use super::buckets::Column;
use super::{escaped, size};
use std::fmt::Write;

/// The drawing, in its own units. Texts are 11 high.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 180.0;
/// Where the columns are drawn.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 352.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 156.0;
/// Baselines of title, legend and labels.
const TITLE: f64 = 14.0;
const LEGEND: f64 = 30.0;
const LABELS: f64 = 172.0;

/// What the numbers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Pieces.
    Count,
    /// Octets.
    Octets,
}

/// One kind of column.
pub struct Series {
    /// For the legend.
    pub name: &'static str,
    /// One for each column.
    pub values: Vec<u64>,
}

/// A chart of at most two series.
pub struct Chart {
    /// What it shows.
    pub title: &'static str,
    /// What the numbers are.
    pub unit: Unit,
    /// The columns, beside one another.
    pub series: Vec<Series>,
}

impl Chart {
    /// The drawing. (Writing to a string cannot fail.)
    pub fn svg(&self, columns: &[Column]) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\">\
             <text class=\"title\" x=\"0\" y=\"{TITLE}\">{0}</text>",
            escaped(self.title)
        );
        self.legend(&mut svg);
        let most = self.series.iter().flat_map(|series| &series.values).copied().max().unwrap_or(0);
        let top = self.round_up(most);
        for (value, y) in [(0, BOTTOM), (top / 2, (TOP + BOTTOM) / 2.0), (top, TOP)] {
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y}\" y2=\"{y}\"/>\
                 <text class=\"y\" x=\"{}\" y=\"{}\">{}</text>",
                LEFT - 5.0,
                y + 4.0,
                self.shown(value)
            );
        }
        if most == 0 {
            let (x, y) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0 - 8.0);
            let _ = write!(svg, "<text class=\"x\" x=\"{x}\" y=\"{y}\">nothing was counted</text>");
        }
        self.columns(columns, top, &mut svg);
        svg + "</svg>"
    }

    fn legend(&self, svg: &mut String) {
        if self.series.len() < 2 {
            return;
        }
        let mut x = 0.0;
        for (series, class) in self.series.iter().zip(["first", "second"]) {
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"8\" height=\"8\"/>\
                 <text x=\"{}\" y=\"{LEGEND}\">{}</text>",
                LEGEND - 8.0,
                x + 12.0,
                series.name
            );
            x += 100.0;
        }
    }

    fn columns(&self, columns: &[Column], top: u64, svg: &mut String) {
        let step = (RIGHT - LEFT) / columns.len().max(1) as f64;
        let width = step * 0.8 / self.series.len().max(1) as f64;
        for (at, column) in columns.iter().enumerate() {
            let x = LEFT + step * (at as f64 + 0.1);
            for (number, (series, class)) in self.series.iter().zip(["first", "second"]).enumerate() {
                let value = series.values.get(at).copied().unwrap_or(0);
                if value > 0 {
                    let height = (value as f64 / top as f64 * (BOTTOM - TOP)).max(1.0);
                    let (x, y) = (x + width * number as f64, BOTTOM - height);
                    let _ = write!(
                        svg,
                        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
                    );
                }
            }
            // What is shown when somebody points at the column.
            let values = self
                .series
                .iter()
                .map(|series| format!("{} {}", self.shown(series.values.get(at).copied().unwrap_or(0)), series.name));
            let _ = write!(
                svg,
                "<rect class=\"hover\" x=\"{:.1}\" y=\"{TOP}\" width=\"{step:.1}\" height=\"{}\"><title>{}: {}</title></rect>",
                LEFT + step * at as f64,
                BOTTOM - TOP,
                column.label,
                values.collect::<Vec<_>>().join(", ")
            );
        }
        self.labels(columns, step, svg);
    }

    /// Four labels at most, each under the middle of its column.
    fn labels(&self, columns: &[Column], step: f64, svg: &mut String) {
        let every = columns.len().div_ceil(4).max(1);
        for (at, column) in columns.iter().enumerate().skip(every / 2).step_by(every) {
            let x = LEFT + step * (at as f64 + 0.5);
            let _ = write!(svg, "<text class=\"x\" x=\"{x:.1}\" y=\"{LABELS}\">{}</text>", column.label);
        }
    }

    /// The end of the axis: a round number that is not below this one.
    fn round_up(&self, most: u64) -> u64 {
        let base: u64 = match self.unit {
            Unit::Count => 10,
            Unit::Octets => 1024,
        };
        let mut unit: u64 = 1;
        while unit.saturating_mul(base) <= most {
            unit = unit.saturating_mul(base);
        }
        let steps: &[u64] = if base == 10 { &[2, 4, 6, 8, 10] } else { &[2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] };
        steps.iter().map(|step| unit.saturating_mul(*step)).find(|end| *end >= most).unwrap_or(u64::MAX)
    }

    fn shown(&self, value: u64) -> String {
        match (self.unit, value) {
            (Unit::Octets, _) => size(value),
            (Unit::Count, 0..10_000) => value.to_string(),
            (Unit::Count, 10_000..10_000_000) => format!("{}k", value / 1000),
            (Unit::Count, _) => format!("{}M", value / 1_000_000),
        }
    }
}
