//! What the exit codes of `ticketctl chaos` mean, for the help of each of its commands.

pub const EXIT_CODES: &str = "\
Exit codes:
  0   pass: every invariant held, under every fault
  1   an invariant broke
  2   bad arguments or scenario
  3   void or unknown: the run proves nothing
  4   could not run: a component is missing or failed to start
  99  only thresholds were crossed
Of several runs the worst code is the result; from bad to worse: 0, 99, 3, 1, 4.";
