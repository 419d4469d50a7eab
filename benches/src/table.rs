//! The table. A row is one figure with its spread and its aim; times are never compared with a constant of another
//! machine, they stand beside the ratios to give them a scale.

use crate::measure::{median, percentile};
use crate::release_build::ReleaseBuild;

/// All rows.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<[String; 5]>,
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// How many times something else.
    Times,
    /// Seconds, shown in milliseconds.
    Milliseconds,
    /// Seconds, shown in microseconds.
    Microseconds,
    /// Bytes, shown in megabytes.
    Megabytes,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Times => format!("{value:.2}×"),
            Self::Milliseconds => format!("{:.3} ms", value * 1e3),
            Self::Microseconds => format!("{:.0} µs", value * 1e6),
            Self::Megabytes => format!("{:.2} MB", value / 1e6),
        }
    }
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Aim {
    /// It is there to give a scale.
    None,
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

impl Table {
    /// How many times `base` something is: the ratio of the medians, the least and greatest ratio within a round.
    pub fn ratio(&mut self, what: &str, values: &[f64], base: &[f64], aim: Aim) {
        let each: Vec<f64> = values.iter().zip(base).map(|(value, base)| value / base).collect();
        self.row(what, median(values) / median(base), &each, Unit::Times, aim);
    }

    /// A quantity: the median of its measurements, and their extremes.
    pub fn quantity(&mut self, what: &str, values: &[f64], unit: Unit, aim: Aim) {
        self.row(what, median(values), values, unit, aim);
    }

    /// A figure that was taken from measurements in another way.
    pub fn row(&mut self, what: &str, value: f64, spread: &[f64], unit: Unit, aim: Aim) {
        let (aim, judged) = match aim {
            Aim::None => (String::new(), ""),
            Aim::AtMost(most) => {
                (format!("≤ {}", unit.show(most)), if value <= most { "ok" } else { "misses" })
            }
            Aim::AtLeast(least) => {
                (format!("≥ {}", unit.show(least)), if value >= least { "ok" } else { "misses" })
            }
        };
        let spread =
            format!("{} … {}", unit.show(percentile(spread, 0.0)), unit.show(percentile(spread, 1.0)));
        self.rows.push([what.to_owned(), unit.show(value), spread, aim, judged.to_owned()]);
    }

    /// Something that could not be measured, and why.
    pub fn missing(&mut self, what: &str, why: &str) {
        self.rows.push([what.to_owned(), "—".to_owned(), why.to_owned(), String::new(), String::new()]);
    }

    /// Prints everything to stdout.
    pub fn print(&self, built: &ReleaseBuild) {
        let head = ["figure", "median", "least … greatest", "aim", ""].map(str::to_owned);
        let all: Vec<&[String; 5]> = std::iter::once(&head).chain(&self.rows).collect();
        let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        println!("{}\n{}\n", machine(), built.kind);
        for (number, row) in all.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("| {} |", cells.join(" | "));
            if number == 0 {
                println!("|{}|", widths.map(|width| "-".repeat(width + 2)).join("|"));
            }
        }
    }
}

fn machine() -> String {
    let told = nix::sys::utsname::uname().map(|name| {
        let part = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        format!("{} {} {}", part(name.sysname()), part(name.release()), part(name.machine()))
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!(
        "{} · {cores} cores ·{} · load {load} at the end",
        told.unwrap_or_default(),
        model
            .trim_start_matches([' ', '\t', ':'])
            .split("  ")
            .next()
            .map(|name| format!(" {name}"))
            .unwrap_or_default(),
    )
}
