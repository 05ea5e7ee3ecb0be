//! How answers took over time, as a Mermaid chart and a table under it. Numbers only: no foreign text gets in.

use std::fmt::Write as _;

use crate::model::latency::{Latency, Point};
use crate::model::markdown::folds;
use crate::model::{Check, Status};

/// Points of a chart and rows of its table; more cannot be read.
const POINTS: usize = 20;
/// Charts of one summary. Those of failed checks come first.
const CHARTS: usize = 3;
/// With fewer attempts, or in less time, there is no course to see.
const FEWEST: u64 = 5;
const SHORTEST_MS: u64 = 1_000;

/// The charts that are worth it, folded, or nothing.
pub fn render(checks: &[Check]) -> String {
    let with = checks.iter().filter_map(|check| Some((check, check.latency.as_ref()?)));
    let mut worth: Vec<_> = with.filter(|(_, latency)| is_worth_a_chart(latency)).collect();
    // The sort is stable: otherwise they stay as they were.
    worth.sort_by_key(|(check, _)| check.status() != Status::Failed);
    worth.truncate(CHARTS);
    let chart = |(check, latency): &(&Check, &Latency)| {
        let legend = format!("Bars: slowest, line: mean. Of {} good responses.", latency.count);
        let body = format!("{legend}\n\n{}", chart(latency));
        (format!("Response times: {}", check.title), body)
    };
    folds(&worth.iter().map(chart).collect::<Vec<_>>())
}

fn is_worth_a_chart(latency: &Latency) -> bool {
    let attempts: u64 = latency.points.iter().map(|point| point.good + point.failed).sum();
    let took = latency.points.last().map_or(0, |point| point.at_ms);
    latency.points.len() > 1 && attempts >= FEWEST && took >= SHORTEST_MS
}

/// The chart, and the same as a table for readers without Mermaid.
fn chart(latency: &Latency) -> String {
    let points = fewer(&latency.points, POINTS);
    let times: Vec<String> = points.iter().map(|point| format!("\"{}\"", seconds(point))).collect();
    let list = |value: fn(&Point) -> u64| {
        let values: Vec<String> = points.iter().map(|point| milliseconds(value(point))).collect();
        values.join(", ")
    };
    let mut out = String::new();
    let _ = writeln!(out, "```mermaid\nxychart-beta");
    let _ = writeln!(out, "  x-axis \"s\" [{}]", times.join(", "));
    let _ = writeln!(out, "  y-axis \"ms\" 0 --> {}", milliseconds(latency.max_us.max(1)));
    let _ = writeln!(out, "  bar [{}]", list(|point| point.max_us));
    let _ = writeln!(out, "  line [{}]\n```\n", list(|point| point.mean_us));
    let _ = writeln!(out, "| s | right | failed | mean ms | max ms |");
    let _ = write!(out, "|---:|---:|---:|---:|---:|");
    for point in &points {
        let measured = |us: u64| match point.good {
            0 => "–".to_owned(),
            _ => milliseconds(us),
        };
        let _ = write!(
            out,
            "\n| {} | {} | {} | {} | {} |",
            seconds(point),
            point.good,
            point.failed,
            measured(point.mean_us),
            measured(point.max_us)
        );
    }
    out
}

/// At most `most` points, neighbours put together.
fn fewer(points: &[Point], most: usize) -> Vec<Point> {
    let size = points.len().div_ceil(most).max(1);
    points.chunks(size).map(together).collect()
}

fn together(points: &[Point]) -> Point {
    let good = points.iter().map(|point| point.good).sum();
    let weighted: u128 = points.iter().map(|p| u128::from(p.mean_us) * u128::from(p.good)).sum();
    Point {
        at_ms: points.first().map_or(0, |point| point.at_ms),
        good,
        failed: points.iter().map(|point| point.failed).sum(),
        mean_us: u64::try_from(weighted.checked_div(u128::from(good)).unwrap_or(0)).unwrap_or(u64::MAX),
        max_us: points.iter().map(|point| point.max_us).max().unwrap_or(0),
    }
}

/// With the tenths that matter in a short time.
fn seconds(point: &Point) -> String {
    match point.at_ms {
        0 => "0".to_owned(),
        ms @ 1..10_000 => format!("{}.{}", ms / 1000, ms % 1000 / 100),
        ms => (ms / 1000).to_string(),
    }
}

/// With the tenths that matter for fast answers.
fn milliseconds(us: u64) -> String {
    if us < 100_000 {
        format!("{}.{}", us / 1000, us % 1000 / 100)
    } else {
        (us / 1000).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_ms: u64, good: u64, failed: u64, us: u64) -> Point {
        Point {
            at_ms,
            good,
            failed,
            mean_us: us,
            max_us: us,
        }
    }

    #[test]
    fn a_chart_and_the_same_as_a_table() {
        let latency = Latency {
            count: 5,
            median_us: 2_500,
            p95_us: 120_000,
            max_us: 120_000,
            points: vec![point(0, 2, 0, 2_500), point(1000, 0, 3, 0), point(2000, 3, 1, 120_000)],
        };
        assert_eq!(
            chart(&latency),
            "```mermaid\nxychart-beta\n  x-axis \"s\" [\"0\", \"1.0\", \"2.0\"]\n  y-axis \"ms\" 0 --> 120\n  \
             bar [2.5, 0.0, 120]\n  line [2.5, 0.0, 120]\n```\n\n| s | right | failed | mean ms | max ms |\n\
             |---:|---:|---:|---:|---:|\n| 0 | 2 | 0 | 2.5 | 2.5 |\n| 1.0 | 0 | 3 | – | – |\n\
             | 2.0 | 3 | 1 | 120 | 120 |"
        );
    }

    #[test]
    fn folding_keeps_the_sums_and_the_slowest() {
        let points: Vec<Point> = (0..60).map(|n| point(n * 1000, n % 3, n % 2, n)).collect();
        let fewer = fewer(&points, 20);
        assert_eq!(fewer.len(), 20);
        let sum = |points: &[Point], value: fn(&Point) -> u64| points.iter().map(value).sum::<u64>();
        assert_eq!(sum(&fewer, |p| p.good), sum(&points, |p| p.good));
        assert_eq!(sum(&fewer, |p| p.failed), sum(&points, |p| p.failed));
        assert_eq!(fewer[19].max_us, 59);
    }
}
