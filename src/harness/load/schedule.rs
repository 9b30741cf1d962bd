//! When the iterations of an open loop start: iteration i starts when the rate's integral over time reaches i. Pure;
//! knows nothing of clocks or of how iterations go.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::harness::plan::duration_ms;

/// A stretch of time at whose end the rate is `target`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Rate at the stage's end, iterations a second.
    pub target: f64,
    /// How long the stage lasts; 0 jumps.
    #[serde(with = "duration_ms")]
    pub duration: Duration,
}

/// The start times of an open loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pieces: Vec<Piece>,
}

/// A stretch of time in which the rate moves in a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    began_s: f64,
    length_s: f64,
    /// Iterations a second, at both ends.
    from_rate: f64,
    to_rate: f64,
    /// Iterations before it began: the rate's integral.
    before: f64,
}

impl Piece {
    fn area(&self) -> f64 {
        f64::midpoint(self.from_rate, self.to_rate) * self.length_s
    }

    /// The time since the piece began at which `area` iterations fell due: the smaller root of
    /// `from·t + (to − from)/(2·length)·t² = area`, in the form that stays exact when the rate hardly changes.
    fn time_of(&self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        let slope = (self.to_rate - self.from_rate) / self.length_s;
        let root = (self.from_rate * self.from_rate + 2.0 * slope * area).max(0.0).sqrt();
        (2.0 * area / (self.from_rate + root)).min(self.length_s)
    }
}

impl Schedule {
    /// One rate, iterations a second, for so long.
    pub fn constant(rate: f64, duration: Duration) -> Self {
        Self::ramping(rate, &[Stage { target: rate, duration }])
    }

    /// From `start_rate` in straight lines through the stages; a stage of length 0 jumps.
    pub fn ramping(start_rate: f64, stages: &[Stage]) -> Self {
        let mut pieces = Vec::with_capacity(stages.len());
        let (mut began_s, mut rate, mut before) = (0.0, start_rate, 0.0);
        for stage in stages {
            let length_s = stage.duration.as_secs_f64();
            let piece = Piece { began_s, length_s, from_rate: rate, to_rate: stage.target, before };
            began_s += length_s;
            rate = stage.target;
            before += piece.area();
            if piece.area() > 0.0 {
                pieces.push(piece);
            }
        }
        Self { pieces }
    }

    /// When iteration `number` starts, after the schedule's beginning; `None` past the last one.
    pub fn start_of(&self, number: u64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "no schedule has 2^52 iterations")]
        let number = number as f64;
        // Sums of rates in binary miss whole numbers by a hair: 10 s at 0.1/s are one iteration and not two.
        let total = self.pieces.last().map(|piece| piece.before + piece.area())?;
        if number >= total - total.max(1.0) * 1e-12 {
            return None;
        }
        let piece = self.pieces.iter().find(|piece| number <= piece.before + piece.area())?;
        Some(Duration::from_secs_f64(piece.began_s + piece.time_of(number - piece.before)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Schedule, Stage};

    fn stage(target: f64, seconds: f64) -> Stage {
        Stage { target, duration: Duration::from_secs_f64(seconds) }
    }

    fn starts(schedule: &Schedule) -> Vec<f64> {
        (0..)
            .map_while(|number| schedule.start_of(number))
            .map(|start| start.as_secs_f64())
            .collect()
    }

    fn check(schedule: &Schedule, expected: &[f64]) {
        let starts = starts(schedule);
        assert_eq!(starts.len(), expected.len(), "{starts:?}");
        for (start, expected) in starts.iter().zip(expected) {
            assert!((start - expected).abs() < 1e-6, "{starts:?}");
        }
    }

    #[test]
    fn a_constant_rate_starts_at_even_distances() {
        check(&Schedule::constant(4.0, Duration::from_secs(1)), &[0.0, 0.25, 0.5, 0.75]);
        check(&Schedule::constant(0.1, Duration::from_secs(10)), &[0.0]);
        assert_eq!(starts(&Schedule::constant(1340.0, Duration::from_secs(5))).len(), 6_700);
    }

    #[test]
    fn a_ramp_starts_where_the_integral_reaches_each_whole_number() {
        // Rate 2t: the integral is t², so iteration i starts at √i.
        let expected: Vec<f64> = (0..16).map(|number| f64::from(number).sqrt()).collect();
        check(&Schedule::ramping(0.0, &[stage(8.0, 4.0)]), &expected);
        // Rate 8 − 2t down to nothing: the integral is 8t − t².
        let expected: Vec<f64> =
            (0..16).map(|number| 4.0 - (16.0 - f64::from(number)).sqrt()).collect();
        check(&Schedule::ramping(8.0, &[stage(0.0, 4.0)]), &expected);
    }

    #[test]
    fn a_stage_without_length_jumps_and_a_stage_without_rate_waits() {
        check(
            &Schedule::ramping(1.0, &[stage(1.0, 2.0), stage(4.0, 0.0), stage(4.0, 1.0)]),
            &[0.0, 1.0, 2.0, 2.25, 2.5, 2.75],
        );
        check(
            &Schedule::ramping(0.0, &[stage(0.0, 5.0), stage(1.0, 0.0), stage(1.0, 2.0)]),
            &[5.0, 6.0],
        );
        check(&Schedule::ramping(0.0, &[stage(0.0, 5.0)]), &[]);
    }

    proptest! {
        #[test]
        fn every_schedule_starts_as_many_iterations_as_its_area_and_never_goes_back_in_time(
            start_rate in 0.0..200.0_f64,
            stages in proptest::collection::vec((0.0..200.0_f64, 0.0..4.0_f64), 1..5),
        ) {
            let stages: Vec<Stage> = stages.into_iter().map(|(target, seconds)| stage(target, seconds)).collect();
            let schedule = Schedule::ramping(start_rate, &stages);
            let starts = starts(&schedule);
            let mut rate = start_rate;
            let mut area = 0.0;
            for stage in &stages {
                area += f64::midpoint(rate, stage.target) * stage.duration.as_secs_f64();
                rate = stage.target;
            }
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let count = starts.len() as f64;
            prop_assert!((count - area).abs() <= 1.0, "{} starts over an area of {area}", starts.len());
            prop_assert!(starts.is_sorted());
            let duration: Duration = stages.iter().map(|stage| stage.duration).sum();
            prop_assert!(starts.iter().all(|start| *start <= duration.as_secs_f64() + 1e-9));
        }
    }
}
