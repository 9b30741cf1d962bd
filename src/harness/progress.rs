//! How a run goes on, for whoever waits for it: a live line on a terminal, a plain line now and then elsewhere, or nothing.
//! Knows nothing of what is counted, and prints nothing itself off a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plan::FaultPlan;
use super::recorder::Live;
use super::summary::Outcomes;

/// How often the caller should report.
pub const EVERY: Duration = Duration::from_millis(200);
/// How often that becomes a plain line.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Where progress goes.
pub enum Audience {
    /// A terminal: one line, rewritten.
    Terminal,
    /// Something that keeps lines: each is handed to this.
    Lines(Box<dyn Fn(&str) + Send + Sync>),
    /// Nobody.
    Nobody,
}

/// The progress of one run.
pub struct Progress {
    audience: Audience,
    bar: ProgressBar,
    total: Duration,
    last: Option<Reading>,
    last_line: Option<Duration>,
}

/// What can be read at one moment of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Since the load began.
    pub elapsed: Duration,
    /// Requests by outcome.
    pub requests: Outcomes,
    /// Iterations dropped for want of a free VU.
    pub dropped: u64,
}

impl Reading {
    /// What the counters say now.
    pub fn of(live: &Live, elapsed: Duration) -> Self {
        Self { elapsed, requests: live.total(), dropped: live.dropped_iterations() }
    }
}

impl Progress {
    /// Progress of a run whose load takes `total`.
    pub fn new(audience: Audience, total: Duration) -> Self {
        let target = match audience {
            Audience::Terminal => ProgressDrawTarget::stderr(),
            Audience::Lines(_) | Audience::Nobody => ProgressDrawTarget::hidden(),
        };
        let millis = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(millis), target);
        let style = ProgressStyle::with_template("{bar:20} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Self { audience, bar, total, last: None, last_line: None }
    }

    /// Says which phase begins, such as `starting 2 servers`.
    pub fn phase(&self, name: &str) {
        match &self.audience {
            Audience::Terminal => self.bar.set_message(name.to_owned()),
            Audience::Lines(say) => say(name),
            Audience::Nobody => {}
        }
    }

    /// Reports a reading of the load; to be called every [`EVERY`].
    pub fn report(&mut self, reading: Reading, faults: &[FaultPlan]) {
        let line = line(self.last, reading, self.total, faults);
        self.last = Some(reading);
        match &self.audience {
            Audience::Terminal => {
                self.bar
                    .set_position(u64::try_from(reading.elapsed.as_millis()).unwrap_or(u64::MAX));
                self.bar.set_message(line);
            }
            Audience::Lines(say) => {
                if self.last_line.is_none_or(|last| reading.elapsed >= last + LINE_EVERY) {
                    self.last_line = Some(reading.elapsed);
                    say(&line);
                }
            }
            Audience::Nobody => {}
        }
    }

    /// Takes the live line away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// One reading in words; the rate is that since the last one.
fn line(last: Option<Reading>, now: Reading, total: Duration, faults: &[FaultPlan]) -> String {
    let (since, before) =
        last.map_or((Duration::ZERO, 0), |last| (last.elapsed, last.requests.total()));
    let window_ms = now.elapsed.saturating_sub(since).as_millis().max(1);
    let rate = u128::from(now.requests.total().saturating_sub(before)) * 1000 / window_ms;
    let Outcomes { ok, fail: _, refused, not_connected, info } = now.requests;
    let not_connected =
        if not_connected > 0 { format!("  not connected {not_connected}") } else { String::new() };
    let dropped =
        if now.dropped > 0 { format!("  DROPPED {}", now.dropped) } else { String::new() };
    let is_on = |fault: &&FaultPlan| (fault.at..fault.at + fault.duration).contains(&now.elapsed);
    let on: String =
        faults.iter().filter(is_on).flat_map(|fault| ["  [", &fault.name, "]"]).collect();
    format!(
        "{:.1}/{:.1} s  {rate} requests/s  ok {ok}  refused {refused}{not_connected}  unknown {info}{dropped}{on}",
        now.elapsed.as_secs_f64(),
        total.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::harness::plan::sample;

    fn reading(seconds: u64, ok: u64, dropped: u64) -> Reading {
        let requests = Outcomes { ok, fail: 5, refused: 5, not_connected: 0, info: 1 };
        Reading { elapsed: Duration::from_secs(seconds), requests, dropped }
    }

    #[test]
    fn a_line_tells_the_rate_since_the_last_one_and_the_faults_that_are_on() {
        let total = Duration::from_secs(11);
        let faults = sample().faults;
        assert_eq!(
            line(None, reading(2, 94, 0), total, &faults),
            "2.0/11.0 s  50 requests/s  ok 94  refused 5  unknown 1"
        );
        let during = line(Some(reading(4, 94, 0)), reading(6, 294, 3), total, &faults);
        assert_eq!(
            during,
            "6.0/11.0 s  100 requests/s  ok 294  refused 5  unknown 1  DROPPED 3  [redis slow]"
        );
        assert!(!line(None, reading(10, 0, 0), total, &faults).contains("redis slow"));
        let mut gone = reading(2, 94, 0);
        (gone.requests.refused, gone.requests.not_connected) = (2, 3);
        assert_eq!(
            line(None, gone, total, &[]),
            "2.0/11.0 s  50 requests/s  ok 94  refused 2  not connected 3  unknown 1"
        );
    }

    #[test]
    fn a_reading_of_the_counters_has_what_was_dropped() {
        let live = Live::default();
        live.drop_iteration();
        live.drop_iteration();
        let now = Reading::of(&live, Duration::from_secs(1));
        assert!(line(None, now, Duration::from_secs(9), &[]).contains("DROPPED 2"));
    }

    #[test]
    fn off_a_terminal_a_line_is_said_every_two_seconds_and_to_nobody_never() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&said);
        let audience =
            Audience::Lines(Box::new(move |line| keep.lock().unwrap().push(line.to_owned())));
        let mut progress = Progress::new(audience, Duration::from_secs(11));
        progress.phase("starting 2 servers");
        for tenth in 0..45 {
            let elapsed = Duration::from_millis(tenth * 100);
            progress.report(Reading { elapsed, ..reading(0, 1, 0) }, &[]);
        }
        progress.finish();
        assert_eq!(said.lock().unwrap().len(), 1 + 3);
    }
}
