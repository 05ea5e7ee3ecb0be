//! How long answers took: a histogram and a line over time, both of fixed size.

use std::time::Duration;

use crate::model::latency::{Latency, Point};

/// Each power of two is divided into this many steps, so a value is told within 1/128 of itself.
const STEPS_LOG2: u32 = 7;
const STEPS: u64 = 1 << STEPS_LOG2;
/// 2^36 µs are 19 hours; no attempt takes longer.
const BUCKETS: usize = ((36 - STEPS_LOG2 as usize) + 1) << STEPS_LOG2;
/// Points of the line. When there are more, two become one.
const POINTS: usize = 60;

/// Which of the histogram's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    Median,
    P95,
}

impl Statistic {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::P95 => "p95",
        }
    }
}

pub struct Timing {
    counts: Vec<u32>,
    count: u64,
    min_us: u64,
    max_us: u64,
    points: Vec<Stretch>,
    stretch: Duration,
}

#[derive(Clone, Default)]
struct Stretch {
    good: u64,
    failed: u64,
    sum_us: u64,
    max_us: u64,
}

impl Timing {
    /// `stretch` is how long one point of the line lasts at first.
    pub fn new(stretch: Duration) -> Self {
        Self {
            counts: Vec::new(),
            count: 0,
            min_us: u64::MAX,
            max_us: 0,
            points: Vec::new(),
            stretch: stretch.max(Duration::from_millis(1)),
        }
    }

    /// An attempt that came back `at` this time after the first began. `took` is given if the answer was right.
    pub fn add(&mut self, at: Duration, took: Option<Duration>) {
        let mut index = self.index(at);
        while index >= POINTS {
            self.halve();
            index = self.index(at);
        }
        if self.points.len() <= index {
            self.points.resize(index + 1, Stretch::default());
        }
        let point = &mut self.points[index];
        let Some(took) = took else {
            point.failed += 1;
            return;
        };
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        point.good += 1;
        point.sum_us = point.sum_us.saturating_add(us);
        point.max_us = point.max_us.max(us);
        self.count += 1;
        self.min_us = self.min_us.min(us);
        self.max_us = self.max_us.max(us);
        let bucket = bucket(us);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_millis() / self.stretch.as_millis()).unwrap_or(usize::MAX)
    }

    fn halve(&mut self) {
        self.stretch = self.stretch.saturating_mul(2);
        self.points = self
            .points
            .chunks(2)
            .map(|pair| {
                pair.iter().fold(Stretch::default(), |one, other| Stretch {
                    good: one.good + other.good,
                    failed: one.failed + other.failed,
                    sum_us: one.sum_us.saturating_add(other.sum_us),
                    max_us: one.max_us.max(other.max_us),
                })
            })
            .collect();
    }

    /// Good responses.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `None` as long as nothing was right.
    pub fn statistic(&self, which: Statistic) -> Option<Duration> {
        let percent = match which {
            Statistic::Median => 50,
            Statistic::P95 => 95,
        };
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0u64;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return Some(Duration::from_micros(lowest(index).max(self.min_us)));
            }
        }
        None
    }

    pub fn latency(&self) -> Option<Latency> {
        let us = |which| Some(u64::try_from(self.statistic(which)?.as_micros()).unwrap_or(u64::MAX));
        let at = |index: usize| u64::try_from(self.stretch.as_millis() * index as u128).unwrap_or(u64::MAX);
        let points = self.points.iter().enumerate().map(|(index, stretch)| Point {
            at_ms: at(index),
            good: stretch.good,
            failed: stretch.failed,
            mean_us: stretch.sum_us.checked_div(stretch.good).unwrap_or(0),
            max_us: stretch.max_us,
        });
        Some(Latency {
            count: self.count,
            median_us: us(Statistic::Median)?,
            p95_us: us(Statistic::P95)?,
            max_us: self.max_us,
            // Stretches in which nothing came back say nothing.
            points: points.filter(|point| point.good + point.failed > 0).collect(),
        })
    }
}

/// Values below [`STEPS`] have a bucket each; above, each power of two has `STEPS` of them.
fn bucket(us: u64) -> usize {
    let index = if us < STEPS {
        us
    } else {
        let power = us.ilog2() - STEPS_LOG2;
        (u64::from(power) << STEPS_LOG2) + (us >> power)
    };
    usize::try_from(index).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The smallest value of a bucket.
fn lowest(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * STEPS {
        return index;
    }
    let power = (index >> STEPS_LOG2) - 1;
    (index - (power << STEPS_LOG2)) << power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_right_has_no_numbers() {
        let mut timing = Timing::new(Duration::from_secs(1));
        timing.add(Duration::ZERO, None);
        assert_eq!(timing.statistic(Statistic::Median), None);
        assert_eq!(timing.latency(), None);
    }

    #[test]
    fn the_line_stays_short_and_loses_nobody() {
        let mut timing = Timing::new(Duration::from_secs(1));
        for second in 0..10_000u64 {
            let took = (second % 10 != 0).then(|| Duration::from_micros(second));
            timing.add(Duration::from_secs(second), took);
        }
        let latency = timing.latency().unwrap();
        assert!((30..=60).contains(&latency.points.len()), "{}", latency.points.len());
        assert_eq!(latency.points.iter().map(|p| p.good).sum::<u64>(), 9_000);
        assert_eq!(latency.points.iter().map(|p| p.failed).sum::<u64>(), 1_000);
        assert!(latency.points.windows(2).all(|two| two[0].at_ms < two[1].at_ms));
    }

    proptest! {
        #[test]
        fn statistics_are_within_one_per_cent(times in prop::collection::vec(0u64..1 << 36, 1..200)) {
            let mut timing = Timing::new(Duration::from_secs(1));
            for us in &times {
                timing.add(Duration::ZERO, Some(Duration::from_micros(*us)));
            }
            let mut sorted = times;
            sorted.sort_unstable();
            for (which, percent) in [(Statistic::Median, 50), (Statistic::P95, 95)] {
                let exact = sorted[(sorted.len() * percent).div_ceil(100) - 1];
                let told = u64::try_from(timing.statistic(which).unwrap().as_micros()).unwrap();
                prop_assert!(told <= exact && exact - told <= exact / 100, "{which:?}: {told} for {exact}");
            }
        }
    }
}
