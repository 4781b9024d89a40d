//! Other programs: each in a process group of its own, so that it ends with everything it started.
//! A program never outlives the value that stands for it.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::progress::Step;
use crate::text::Lines;

/// A program that is asked to end gets this long before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// A killed group is gone at once, unless its dead wait for a parent that does not collect them.
const AFTER_KILL: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);
/// Output that arrives after the program's end comes from something it left behind: not waited for.
const LATE_OUTPUT: Duration = Duration::from_secs(1);
/// How many lines of output an error shows.
const TAIL: usize = 30;

/// A running program and its process group; dropping it ends both.
pub(crate) struct Group {
    child: Child,
    id: Pid,
    gone: bool,
}

impl Group {
    /// Starts a program. It reads nothing unless the command says otherwise.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.process_group(0).spawn().with_context(|| format!("cannot run {}", shown(command)))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw).context("a new process has no id")?;
        Ok(Self { child, id, gone: false })
    }

    /// The process id, which is that of the group as well.
    pub(crate) fn id(&self) -> i32 {
        self.id.as_raw_pid()
    }

    /// The program's own streams.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the program itself. What it left in its group is left alone: a compiler cache's
    /// server, for one, is meant to stay.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.context("cannot wait")?;
        self.gone = true;
        Ok(status)
    }

    /// Ends the whole group: first asked, then killed. Blocks for the grace period at most.
    pub(crate) fn stop(&mut self) {
        self.gone = true;
        let _ = kill_process_group(self.id, Signal::TERM);
        if !self.empty_within(GRACE) {
            let _ = kill_process_group(self.id, Signal::KILL);
            self.empty_within(AFTER_KILL);
        }
    }

    fn empty_within(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        loop {
            // A child that was not waited for still counts as a member.
            let _ = self.child.try_wait();
            if test_kill_process_group(self.id).is_err() {
                return true;
            }
            if start.elapsed() > limit {
                return false;
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.gone {
            self.stop();
        }
    }
}

/// Runs a program whose output belongs on the screen as it is.
pub(crate) async fn run_shown(command: &mut Command) -> Result<ExitStatus> {
    command.stdin(Stdio::null());
    Group::spawn(command)?.wait().await
}

/// Like [`run_shown`]; anything but success is an error that names the command.
pub(crate) async fn must_run_shown(command: &mut Command) -> Result<()> {
    let status = run_shown(command).await?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a program behind a step that shows its last line, and returns what it wrote on its standard
/// output. If it fails, its last lines are in the error, unless they were on the screen already.
pub(crate) async fn run_behind(command: &mut Command, step: &Step) -> Result<String> {
    run_fed(command, "", step).await
}

/// Like [`run_behind`] for a program that reads a little: less than a pipe holds.
pub(crate) async fn run_fed(command: &mut Command, input: &str, step: &Step) -> Result<String> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::spawn(command)?;
    if let Some(mut stdin) = group.child().stdin.take() {
        // One that ends without reading says by itself what is wrong.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let stdout = group.child().stdout.take();
    let stderr = group.child().stderr.take();
    let mut output = String::new();
    let mut tail = VecDeque::new();
    let reading = async {
        tokio::join!(
            each_line(stdout, |line| {
                output.push_str(line);
                output.push('\n');
            }),
            each_line(stderr, |line| {
                step.line(line);
                keep(&mut tail, line);
            })
        );
    };
    let status = wait_reading(&mut group, reading).await?;
    if status.success() {
        return Ok(output);
    }
    if step.echoes() {
        tail.clear();
    }
    for line in output.lines() {
        keep(&mut tail, line);
    }
    let tail: String = tail.iter().map(|line| format!("\n    {line}")).collect();
    bail!("{} ended with {status}{tail}", shown(command))
}

/// Gives up on work that hangs; what it started ends with it.
pub(crate) async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| bail!("{what} took more than {} s", limit.as_secs()))
}

async fn wait_reading(group: &mut Group, reading: impl Future<Output = ()>) -> Result<ExitStatus> {
    tokio::pin!(reading);
    let mut read = false;
    let status = loop {
        tokio::select! {
            () = &mut reading, if !read => read = true,
            status = group.wait() => break status?,
        }
    };
    if !read {
        let _ = timeout(LATE_OUTPUT, reading).await;
    }
    Ok(status)
}

async fn each_line(reader: Option<impl AsyncRead + Unpin>, mut show: impl FnMut(&str)) {
    let Some(mut reader) = reader else { return };
    let mut lines = Lines::default();
    let mut buffer = vec![0; 8192];
    while let Ok(length) = reader.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        lines.push(buffer.get(..length).unwrap_or_default(), &mut show);
    }
    lines.finish(&mut show);
}

fn keep(tail: &mut VecDeque<String>, line: &str) {
    if tail.len() == TAIL {
        tail.pop_front();
    }
    tail.push_back(line.to_owned());
}

/// A command as one would type it, without its environment.
pub(crate) fn shown(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains([' ', '\'', '"', '$', '*', '&', ';', '|', '<', '>']) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    word.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command.args(["test", "a name", "it's"]);
        assert_eq!(shown(&command), r"cargo test 'a name' 'it'\''s'");
    }

    #[tokio::test]
    async fn a_dropped_group_ends_with_everything_it_started() -> Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & wait"]).stdin(Stdio::null());
        let group = Group::spawn(&mut command)?;
        let id = group.id;
        assert!(test_kill_process_group(id).is_ok());
        drop(group);
        assert!(test_kill_process_group(id).is_err());
        Ok(())
    }

    #[tokio::test]
    async fn a_program_reads_what_it_is_fed_and_then_the_end() -> Result<()> {
        assert_eq!(run_fed(&mut Command::new("cat"), "a secret", &Step::silent()).await?, "a secret\n");
        assert_eq!(run_behind(&mut Command::new("cat"), &Step::silent()).await?, "");
        Ok(())
    }

    #[tokio::test]
    async fn a_program_that_fails_shows_its_last_lines() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo early; echo late >&2; exit 3"]);
        let error = run_behind(&mut command, &Step::silent()).await.unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("late") && text.contains("early"), "{text}");
        assert!(text.contains("exit status: 3"), "{text}");
    }
}
