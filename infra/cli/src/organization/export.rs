//! `trunkline org export`.

use std::{
    fs::{File, rename},
    io::{BufWriter, stdout},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use domain::{Mode, OrgId, audit::Action};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::Clock;
use store::{Table, Tenant};

use crate::export::{Counts, Export};

/// Whose data, and where they go.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The organization.
    #[arg(long, visible_alias = "organization")]
    org: OrgId,
    /// The file, which comes to its name when it is whole; `-` for standard output.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) async fn run(table: &Table, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { org, out } = arguments;
    let table = crate::audit::on(table, Tenant::new(org, Mode::Live), Action::OrganizationExported, org.as_uuid())?;
    let export = Export { table, org, now: Clock::System.now() };
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{spinner} {human_pos} lines")?);
    let mut progress = |lines| bar.inc(lines);
    let counts = if out == Path::new("-") {
        export.run(&mut BufWriter::new(stdout().lock()), &mut progress).await?
    } else {
        to_file(&export, &out, &mut progress).await?
    };
    bar.finish_and_clear();
    let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    eprintln!("{}", counts.join(", "));
    Ok(())
}

/// Writes beside the file first: what has its name is whole.
async fn to_file(export: &Export, out: &Path, progress: &mut dyn FnMut(u64)) -> anyhow::Result<Counts> {
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let file = File::create(&part).with_context(|| format!("{} cannot be written", part.display()))?;
    let counts = export.run(&mut BufWriter::new(file), progress).await?;
    rename(&part, out).with_context(|| format!("{} cannot be written", out.display()))?;
    Ok(counts)
}
