//! What this process takes of the machine, as Prometheus text under the usual names; knows nothing of proxies.

use std::fmt::Write as _;
use std::fs;

/// The gauges this system can tell: all on Linux, elsewhere only those of the runtime.
/// To the runtime's tasks those of the `workers` are added.
pub fn render(workers: usize) -> String {
    let runtime = tokio::runtime::Handle::try_current().ok().map(|handle| handle.metrics());
    let gauges = [
        ("process_resident_memory_bytes", "Memory in use", status("VmRSS:").map(|kb| kb * 1024)),
        ("process_threads", "Threads of the operating system", status("Threads:")),
        ("process_open_fds", "Open files and sockets", open_files()),
        (
            "ticketctl_runtime_tasks",
            "Tasks alive, one a proxied connection and some more",
            runtime.map(|metrics| (metrics.num_alive_tasks() + workers) as u64),
        ),
    ];
    let mut text = String::new();
    for (name, help, value) in gauges {
        let Some(value) = value else { continue };
        // Writing to a string cannot fail.
        let _written =
            write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n\n");
    }
    text
}

fn status(field: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// How many files and sockets are open.
pub fn open_files() -> Option<u64> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn every_gauge_has_a_plausible_value() {
        let text = render(0);
        for name in ["process_resident_memory_bytes", "process_threads", "process_open_fds"] {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            assert!(line.rsplit(' ').next().unwrap().parse::<u64>().unwrap() > 0, "{line}");
        }
        assert!(text.contains("\nticketctl_runtime_tasks "));
    }
}
