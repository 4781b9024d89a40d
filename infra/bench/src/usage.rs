//! What a process has used so far, as the kernel tells it.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};

/// CPU time of a process in all its threads, user and system, in nanoseconds where the kernel counts them.
pub(crate) fn cpu(process: u32) -> Result<Duration> {
    let mut all = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task")).context("the process is gone")? {
        // A thread may end meanwhile. Its first number is the time on a CPU: Documentation/scheduler/sched-stats.rst.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        all += text.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok()).context("no schedstat")?;
    }
    Ok(Duration::from_nanos(all))
}

/// The most memory that a process had resident, in kilobytes.
pub(crate) fn peak_memory_kb(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the process is gone")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    line.trim().trim_end_matches(" kB").parse().context("VmHWM is no number")
}
