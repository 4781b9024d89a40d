//! How large a function is: its binary, and the archive that Lambda gets of it.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::contender::Programs;

/// Prints how long an archive with one file alone is, packed as tightly as DEFLATE does.
const ZIP: &str = "import io, sys, zipfile
packed = io.BytesIO()
with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    archive.write(sys.argv[1], sys.argv[2])
print(len(packed.getvalue()))";

/// One function's sizes in bytes.
pub(crate) struct Size {
    pub(crate) function: String,
    pub(crate) binary: u64,
    pub(crate) zip: u64,
}

/// Every function that is deployed, and the floor.
pub(crate) const FUNCTIONS: [&str; 13] = [
    "hello",
    "phone-numbers",
    "calls",
    "call-events",
    "webhook-delivery",
    "endpoints",
    "carrier-credentials",
    "carrier-callbacks",
    "api-keys",
    "webhooks-api",
    "due-deliveries",
    "call-reaper",
    "docs",
];

/// The sizes of all functions, and of the peers' bundles for Node.
pub(crate) fn of(programs: &Programs) -> Result<Vec<Size>> {
    let ours = FUNCTIONS.map(|function| (function.to_owned(), programs.functions.join(function), "bootstrap"));
    let bundle = |function: &str| (format!("{function}, Node bundle"), programs.bundles.join(format!("{function}.cjs")), "index.cjs");
    let all = ours.into_iter().chain(["phone-numbers", "calls", "call-events", "webhook-delivery"].map(bundle));
    all.map(|(function, path, name)| {
        let binary = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        Ok(Size { function, binary, zip: zipped(programs, &path, name)? })
    })
    .collect()
}

/// The length of an archive with this file alone. Python has the packer.
fn zipped(programs: &Programs, file: &Path, name: &str) -> Result<u64> {
    let output = Command::new(&programs.python).args(["-c", ZIP]).arg(file).arg(name).output().context("cannot run Python")?;
    String::from_utf8_lossy(&output.stdout).trim().parse().with_context(|| format!("cannot pack {}", file.display()))
}
