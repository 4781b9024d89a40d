//! What the user sees while work goes on: spinners and bars on a terminal, plain lines elsewhere.
//! Results that scripts read go to standard output and never through here.

use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::text;

const TICK: Duration = Duration::from_millis(120);

/// The steps of one command.
pub(crate) struct Progress {
    bars: Option<MultiProgress>,
    finished: Mutex<Vec<(String, Duration)>>,
}

/// Whether a plain log shows each line that a step's program prints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// For a build that takes minutes: silence would look like a hang.
    Lines,
    /// For an installer that talks a lot; its last lines are in the error if it fails.
    Nothing,
}

/// One step; dropping it unfinished leaves nothing on a terminal.
pub(crate) struct Step {
    label: String,
    bar: Option<ProgressBar>,
    echo: Echo,
    start: Instant,
}

impl Progress {
    /// Spinners if standard error is a terminal.
    pub(crate) fn new() -> Self {
        Self { bars: stderr().is_terminal().then(MultiProgress::new), finished: Mutex::default() }
    }

    /// Whether cargo's own progress bar can be followed.
    pub(crate) fn is_terminal(&self) -> bool {
        self.bars.is_some()
    }

    /// Starts a step.
    pub(crate) fn step(&self, label: &str, echo: Echo) -> Step {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_prefix(label.to_owned());
            bar.set_style(style("{spinner:.cyan} {prefix}  {elapsed:.dim}  {wide_msg:.dim}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        if bar.is_none() {
            eprintln!("· {label} …");
        }
        Step { label: label.to_owned(), bar, echo, start: Instant::now() }
    }

    /// Starts a step whose program writes to the screen itself.
    pub(crate) fn heading(&self, label: &str) -> Step {
        self.note(&format!("\n── {label}"));
        let mut step = Step::silent();
        label.clone_into(&mut step.label);
        step
    }

    /// Ends a step that went well, with its time.
    pub(crate) fn done(&self, step: Step) {
        self.end(step, "✓");
    }

    /// Ends a step that did not, with its time.
    pub(crate) fn failed(&self, step: Step) {
        self.end(step, "✗");
    }

    fn end(&self, step: Step, mark: &str) {
        let elapsed = step.start.elapsed();
        let label = format!("{mark} {}", step.label);
        // Its spinner goes before its last line comes.
        drop(step);
        self.note(&format!("{label} ({})", text::duration(elapsed)));
        if let Ok(mut finished) = self.finished.lock() {
            finished.push((label, elapsed));
        }
    }

    /// One line that stays, above the spinners.
    pub(crate) fn note(&self, line: &str) {
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(line);
            }
            None => eprintln!("{line}"),
        }
    }

    /// The steps so far, in the order in which they ended.
    pub(crate) fn finished(&self) -> Vec<(String, Duration)> {
        self.finished.lock().map(|finished| finished.clone()).unwrap_or_default()
    }
}

impl Step {
    /// A step that shows nothing.
    pub(crate) fn silent() -> Self {
        Self { label: String::new(), bar: None, echo: Echo::Nothing, start: Instant::now() }
    }

    /// Whether every line stays on the screen.
    pub(crate) fn echoes(&self) -> bool {
        self.bar.is_none() && self.echo == Echo::Lines
    }

    /// Shows one line of the program behind this step.
    pub(crate) fn line(&self, line: &str) {
        let Some(bar) = &self.bar else {
            if self.echoes() {
                eprintln!("  {line}");
            }
            return;
        };
        match text::cargo_units(line) {
            Some((done, all)) => {
                bar.set_style(style("{spinner:.cyan} {prefix}  {elapsed:.dim}  [{bar:30.cyan}] {pos}/{len}  {wide_msg:.dim}"));
                bar.set_length(all);
                bar.set_position(done);
            }
            None => bar.set_message(line.trim().to_owned()),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()).progress_chars("━╸ ")
}

/// Steps and times under each other, with their sum.
pub(crate) fn table(steps: &[(String, Duration)], whole: Duration) -> String {
    let width = steps.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    let mut table = String::new();
    for (label, elapsed) in steps {
        table.push_str(&format!("  {label:width$}  {:>12}\n", text::duration(*elapsed)));
    }
    table.push_str(&format!("  {:width$}  {:>12}", "in all", text::duration(whole)));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up() {
        let steps = [("format".to_owned(), Duration::from_millis(900)), ("tests".to_owned(), Duration::from_secs(61))];
        assert_eq!(table(&steps, Duration::from_secs(62)), "  format        900 ms\n  tests     1 min 01 s\n  in all    1 min 02 s");
    }
}
