//! A page's commands, run as they are written: in order, in one shell, in a folder that looks like a clone of the repository
//! on whose stack they work.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use testkit::lambda::binaries;
use tokio::{process::Command, time::timeout};

/// The longest that a page's commands may take together.
const LIMIT: Duration = Duration::from_secs(180);

/// What the shell knows before the first command: that a failure ends it, that `curl` fails if the answer's status is another
/// than the block expects (2xx unless it says so), and that `cargo run -p trunkline` needs no build.
const BEGINNING: &str = r#"
set -Eeuo pipefail
trap 'echo "this failed: $BASH_COMMAND" >&2' ERR
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
curl() {
    local told status
    told=$(mktemp)
    command curl --no-progress-meter --max-time 60 -w '%{stderr}\n%{http_code}\n' "$@" 2>"$told" || { cat "$told" >&2; return 1; }
    status=$(tail -n 1 "$told")
    case $status in $EXPECTED) ;; *) echo "answered with $status: curl $*" >&2; return 1 ;; esac
}
cargo() {
    case "$1 $2 ${3-} ${4-}" in
        "run -p trunkline --") trunkline "${@:5}" ;;
        "xtask demo  ") TRUNKLINE_STACK=target/local/stack.json demo ;;
        *) echo "cargo $* is not run here" >&2; return 1 ;;
    esac
}
"#;

/// The folder in which a page is tried.
#[derive(Debug)]
pub(super) struct Desk {
    folder: PathBuf,
}

/// What became of a page's blocks.
#[derive(Debug)]
pub(super) struct Done {
    /// What each block printed, as far as the shell came.
    pub(super) printed: Vec<String>,
    /// Why it came no further.
    pub(super) failure: Option<String>,
}

impl Desk {
    /// Makes it, new.
    pub(super) fn new(page: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{page}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("clone/target")).unwrap();
        fs::create_dir_all(folder.join("bin")).unwrap();
        let desk = Self { folder };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for entry in fs::read_dir(root).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "target") {
            symlink(entry.path(), desk.folder.join("clone").join(entry.file_name())).unwrap();
        }
        symlink(stack().parent().unwrap(), desk.folder.join("clone/target/local")).unwrap();
        for program in ["trunkline", "demo"] {
            symlink(binaries().join(program), desk.folder.join("bin").join(program)).unwrap();
        }
        // The machine may have neither: these are of the environment that the suite made.
        let python = variable("TRUNKLINE_TEST_PYTHON");
        desk.program("python3", &format!("#!/bin/sh\nexec '{python}' \"$@\"\n"));
        desk.program("jq", &format!("#!/bin/sh\nexec '{python}' '{}/e2e/pages/jq_filter.py' \"$@\"\n", env!("CARGO_MANIFEST_DIR")));
        desk
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.folder.join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs blocks, each with the status that its requests must be answered with.
    pub(super) async fn run(&self, blocks: &[(String, String)]) -> Done {
        let mut script = BEGINNING.to_owned();
        for (n, (expected, text)) in blocks.iter().enumerate() {
            script += &format!("exec >'{}'; EXPECTED='{expected}'\n{text}\n", self.printed(n).display());
        }
        fs::write(self.folder.join("script"), script).unwrap();
        let told = fs::File::create(self.folder.join("told")).unwrap();
        let mut shell = self.command("bash").arg("../script").stderr(told).process_group(0).spawn().unwrap();
        let group = shell.id().unwrap();
        let ended = timeout(LIMIT, shell.wait()).await;
        // What the page left running ends with it.
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{group}")]).stderr(Stdio::null()).status().await;
        let printed: Vec<String> = (0..blocks.len()).map_while(|n| fs::read_to_string(self.printed(n)).ok()).collect();
        let told = || format!("{}{}", printed.last().map_or("", String::as_str), fs::read_to_string(self.folder.join("told")).unwrap());
        let failure = match ended {
            Err(_) => Some(format!("it takes longer than {LIMIT:?}\n{}", told())),
            Ok(status) if !status.as_ref().unwrap().success() => Some(told()),
            Ok(_) => None,
        };
        Done { printed, failure }
    }

    /// Runs a Python script by itself.
    pub(super) async fn python(&self, text: &str) -> Result<(), String> {
        let output = self.command("python3").args(["-c", text]).stderr(Stdio::piped()).output().await.unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    fn command(&self, program: &str) -> Command {
        let path = format!("{}:{}", self.folder.join("bin").display(), variable("PATH"));
        let mut command = Command::new(program);
        command.current_dir(self.folder.join("clone")).env_clear().env("PATH", &path).env("LANG", "C.UTF-8");
        command.env("HOME", &self.folder).env("TMPDIR", &self.folder).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command
    }

    fn printed(&self, block: usize) -> PathBuf {
        self.folder.join(format!("printed-{block}"))
    }
}

/// Where the running stack says what it is.
fn stack() -> PathBuf {
    fs::canonicalize(variable("TRUNKLINE_STACK")).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where things are")]
fn variable(name: &str) -> String {
    let value = std::env::var(name).unwrap_or_default();
    assert!(!value.is_empty(), "{name} is not set: run cargo xtask test");
    value
}
