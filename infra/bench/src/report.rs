//! What was found, as tables in Markdown: printed, and written into `infra/docs/performance.md` between two marks.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use testkit::budget::Row;

use crate::{
    contender::{Language, Programs, Transport},
    delay::Delay,
    goals,
    instructions::Instructions,
    measure::{Request, Start},
    operation::Operation,
    sizes::Size,
};

const BEGIN: &str = "<!-- measured: from here -->\n";
const END: &str = "<!-- measured: to here -->\n";

/// All of it.
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) starts: Vec<Start>,
    pub(crate) requests: Vec<Request>,
    pub(crate) instructions: Option<Vec<Instructions>>,
    pub(crate) sizes: Vec<Size>,
    pub(crate) units: Vec<(Row, f64)>,
    pub(crate) delays: Option<Vec<Delay>>,
}

/// On what it was measured.
pub(crate) struct Machine(Vec<(&'static str, String)>);

impl Machine {
    /// This machine, its programs and the commit.
    pub(crate) fn this(programs: &Programs) -> Result<Self> {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models = cpus.lines().filter_map(|line| Some(line.strip_prefix("model name")?.trim_start_matches([' ', '\t', ':'])));
        let models: Vec<&str> = models.collect();
        let versions = ["boto3", "awslambdaric"].map(|name| format!("import importlib.metadata as m; print(m.version('{name}'))"));
        let [boto3, client] = versions.map(|code| said(Command::new(&programs.python).args(["-c", &code])));
        Ok(Self(vec![
            ("date", runtime::Clock::System.now().to_string()),
            ("processor", format!("{} × {}", models.len(), models.first().unwrap_or(&"unknown"))),
            ("kernel", said(Command::new("uname").arg("-sr"))?),
            ("load before", load.split(' ').next().unwrap_or_default().to_owned()),
            ("commit", said(Command::new("git").args(["describe", "--always", "--dirty"]))?),
            ("Rust", said(Command::new("rustc").arg("--version"))?),
            ("Node.js", said(Command::new(&programs.node).arg("--version"))?),
            ("Python", format!("{}, boto3 {}, awslambdaric {}", said(Command::new(&programs.python).arg("--version"))?, boto3?, client?)),
        ]))
    }
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Report {
    /// Nothing yet, of this machine.
    pub(crate) const fn of(machine: Machine) -> Self {
        Self { machine, starts: Vec::new(), requests: Vec::new(), instructions: None, sizes: Vec::new(), units: Vec::new(), delays: None }
    }

    /// Writes the tables into the document.
    pub(crate) fn write(&self) -> Result<()> {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md"));
        let document = fs::read_to_string(&path).context("cannot read performance.md")?;
        let document = with_tables(&document, &self.text()).context("performance.md has no place for tables")?;
        fs::write(&path, document).context("cannot write performance.md")
    }

    /// All tables.
    fn text(&self) -> String {
        let machine = self.machine.0.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(" · ");
        let parts = [machine, self.goals(), self.started(), self.asked(), self.counted(), self.sized(), self.costs(), self.delayed()];
        parts.join("\n\n")
    }

    /// The goals, and whether they are met.
    pub(crate) fn goals(&self) -> String {
        let mut text = String::from("### Goals\n\n| goal | worst | |\n|---|---|---|\n");
        for goal in goals::of(self) {
            let _ = writeln!(text, "| {} | {} | {} |", goal.what, goal.found, if goal.is_met { "met" } else { "**missed**" });
        }
        text
    }

    /// How every function started.
    pub(crate) fn started(&self) -> String {
        let mut text = String::from(
            "### Start: from the start of the process to its first answer\n\n\
             | function | in | CPU ms, TLS | CPU ms, plain | by the clock ms, TLS | resident MB | CPU beside ours |\n|---|---|---|---|---|---|---|\n",
        );
        for tls in self.starts.iter().filter(|start| start.transport == Transport::Tls) {
            let Some(plain) = self.start(&tls.function, tls.language, Transport::Plain) else { continue };
            let ours = self.start(&tls.function, Language::Rust, Transport::Tls).map_or(0.0, |ours| ours.cpu_ms.median);
            let (name, language, ratio) = (&tls.function, tls.language.name(), tls.cpu_ms.median / ours);
            let (cpu, wall, plain) = (tls.cpu_ms.text(1), tls.wall_ms.text(0), plain.cpu_ms.text(1));
            let _ = writeln!(text, "| {name} | {language} | {cpu} | {plain} | {wall} | {:.1} | {ratio:.1} |", tls.memory_mb);
        }
        text
    }

    /// What requests took.
    pub(crate) fn asked(&self) -> String {
        let mut text = String::from(
            "### One request or message: CPU, user and system\n\n\
             | operation | ours µs | Node µs | Python µs | Node : ours | Python : ours | resident MB: ours, Node, Python |\n|---|---|---|---|---|---|---|\n",
        );
        for operation in Operation::ALL {
            let found = Language::ALL.map(|language| self.request(operation, language));
            let [Some(ours), Some(node), Some(python)] = found else { continue };
            let [node_ratio, python_ratio] = [node, python].map(|peer| peer.cpu_us.median / ours.cpu_us.median);
            let [ours_us, node_us, python_us] = [ours, node, python].map(|one| one.cpu_us.text(0));
            let memory = [ours, node, python].map(|one| format!("{:.1}", one.memory_mb)).join(", ");
            let name = operation.name();
            let _ = writeln!(text, "| {name} | {ours_us} | {node_us} | {python_us} | {node_ratio:.1} | {python_ratio:.1} | {memory} |");
        }
        text
    }

    /// Instructions.
    pub(crate) fn counted(&self) -> String {
        let head = "### Instructions, as callgrind counts them\n\n";
        let Some(all) = &self.instructions else { return format!("{head}Not counted: valgrind is not on this machine.\n") };
        let mut text = format!("{head}| operation | in | start, millions | a request or message, thousands |\n|---|---|---|---|\n");
        for one in all {
            let (name, language) = (one.operation.name(), one.language.name());
            let _ = writeln!(text, "| {name} | {language} | {:.2} | {:.0} |", one.start_thousands / 1e3, one.request_thousands);
        }
        text
    }

    /// Sizes.
    pub(crate) fn sized(&self) -> String {
        let mut text = String::from("### Size\n\n| function | binary KB | zip KB |\n|---|---|---|\n");
        for size in &self.sizes {
            let _ = writeln!(text, "| {} | {} | {} |", size.function, size.binary / 1_000, size.zip / 1_000);
        }
        text
    }

    /// Units and dollars.
    pub(crate) fn costs(&self) -> String {
        let mut text = String::from(
            "### At the table\n\n| operation | round trips | read units | write units | requests | USD per million, all included |\n|---|---|---|---|---|---|\n",
        );
        for (row, dollars) in &self.units {
            let (cost, name) = (row.cost, &row.operation);
            let (trips, reads, writes, requests) = (cost.round_trips, cost.read_units, cost.write_units, cost.requests);
            let _ = writeln!(text, "| {name} | {trips} | {reads} | {writes} | {requests} | {dollars:.2} |");
        }
        text
    }

    /// Delays.
    pub(crate) fn delayed(&self) -> String {
        let head = "### From an event's sending to its webhook's arrival, on the local cloud\n\n";
        let Some(delays) = &self.delays else { return format!("{head}Not measured: no stack ran.\n") };
        let mut text = format!(
            "{head}| events a second | sent | sent in s | arrived | ms, median (quartiles) | slowest ms |\n|---|---|---|---|---|---|\n"
        );
        for Delay { rate, sent, arrived, sending_seconds, ms, slowest_ms } in delays {
            let ms = ms.map_or_else(|| "–".to_owned(), |ms| ms.text(0));
            let _ = writeln!(text, "| {rate} | {sent} | {sending_seconds:.1} | {arrived} | {ms} | {slowest_ms:.0} |");
        }
        text
    }

    /// How a function started.
    pub(crate) fn start(&self, function: &str, language: Language, transport: Transport) -> Option<&Start> {
        self.starts.iter().find(|start| start.function == function && start.language == language && start.transport == transport)
    }

    /// How an operation was done.
    pub(crate) fn request(&self, operation: Operation, language: Language) -> Option<&Request> {
        self.requests.iter().find(|request| request.operation == operation && request.language == language)
    }
}

/// The document with other tables; `None` if it has no place for them.
fn with_tables(document: &str, tables: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_replace_those_before_and_nothing_else() {
        let document = format!("before\n{BEGIN}old\n{END}after\n");
        assert_eq!(with_tables(&document, "new").unwrap(), format!("before\n{BEGIN}\nnew\n{END}after\n"));
        assert_eq!(with_tables("no marks", "new"), None);
    }
}
