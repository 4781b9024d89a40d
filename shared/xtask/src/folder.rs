//! The folder of one local cloud: its lock, its logs and `stack.json`. Two clouds never share one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;

use crate::cloud::Stack;

/// Someone who only looks holds the lock for a moment.
const LOOKING: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(50);

/// The folder, whoever holds it.
#[derive(Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// The folder, held by this process until it ends.
pub(crate) struct Held {
    folder: Folder,
    /// Closing it frees the lock, also when this process is killed.
    _lock: File,
}

/// The process that holds a folder.
pub(crate) struct Holder {
    /// Its process id.
    pub(crate) pid: i32,
    /// What it started, once that is ready.
    pub(crate) stack: Option<Stack>,
}

impl Folder {
    /// Makes the folder if it is not there.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    /// A file or folder in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What a ready stack is found by.
    pub(crate) fn stack_file(&self) -> PathBuf {
        self.file("stack.json")
    }

    /// Takes the folder, or says who has it.
    pub(crate) async fn take(&self) -> Result<std::result::Result<Held, Holder>> {
        let start = Instant::now();
        loop {
            if let Some(held) = self.try_take()? {
                return Ok(Ok(held));
            }
            if start.elapsed() > LOOKING {
                return Ok(Err(self.read_holder()?));
            }
            sleep(POLL).await;
        }
    }

    /// Who has the folder, if anyone.
    pub(crate) fn holder(&self) -> Result<Option<Holder>> {
        let lock = self.lock_file()?;
        match lock.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => self.read_holder().map(Some),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock"),
        }
    }

    fn try_take(&self) -> Result<Option<Held>> {
        let mut lock = self.lock_file()?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock"),
        }
        lock.set_len(0).context("cannot write the lock")?;
        lock.rewind().context("cannot write the lock")?;
        write!(lock, "{}", std::process::id()).context("cannot write the lock")?;
        // Left by a process that was killed.
        let _ = fs::remove_file(self.stack_file());
        Ok(Some(Held { folder: self.clone(), _lock: lock }))
    }

    fn lock_file(&self) -> Result<File> {
        let path = self.file("lock");
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))
    }

    fn read_holder(&self) -> Result<Holder> {
        let mut text = String::new();
        self.lock_file()?.read_to_string(&mut text).context("cannot read the lock")?;
        let Ok(pid) = text.trim().parse() else {
            bail!("another process is just taking or leaving {}: try again", self.path.display());
        };
        let stack = Stack::read(&self.stack_file()).ok();
        Ok(Holder { pid, stack })
    }
}

impl Held {
    /// The folder that is held.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }
}

/// Makes a folder, or takes out what is in it.
pub(crate) fn emptied(folder: PathBuf) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The last lines of a log, indented, for an error message; empty if there is none.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    let first = all.len().saturating_sub(lines);
    all.iter().skip(first).map(|line| format!("\n    {line}")).collect()
}
