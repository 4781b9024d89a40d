//! The functions with which receivers verify webhooks, as `infra/docs/webhooks.md` shows them: taken out of the page, and each
//! put to work on deliveries that were sent and on forgeries of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::process::Command;

use super::cases::of_delivery;
use crate::layout::Layout;
use crate::node::Node;
use crate::process::must_run_shown;
use crate::progress::Step;
use crate::python::{Environment, Python};

const PAGE: &str = "infra/docs/webhooks.md";

/// Where the programs are that call the functions.
const PROGRAMS: &str = "tests/conformance/snippets";

/// The line of a program in whose place the function comes.
const PLACE: &str = "HERE";

/// The languages of the page, with their programs' names.
const LANGUAGES: [(&str, &str); 4] = [("python", "judge.py"), ("js", "judge.js"), ("go", "judge.go"), ("rust", "judge.rs")];

/// The Go toolchain, as a Python package.
pub(super) async fn go(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "go", "tests/conformance/go-requirements.txt", step).await
}

/// Has the function of each language judge what was recorded, and forgeries.
pub(super) async fn judged(layout: &Layout, python: &Environment, node: &Node, go: &Environment, recorded: &Path) -> Result<()> {
    let folder = layout.tools().join("snippets");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let deliveries: Vec<Value> = serde_json::from_slice(&fs::read(recorded)?).context("the record is no JSON")?;
    let cases = folder.join("cases.json");
    let judged = deliveries.iter().map(of_delivery).collect::<Option<Vec<_>>>().context("a delivery is damaged")?;
    fs::write(&cases, serde_json::to_vec(&judged.concat())?).context("cannot write the cases")?;
    let page = fs::read_to_string(layout.file(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    for (language, program) in LANGUAGES {
        let program = written(layout, &folder, &page, language, program)?;
        let mut command = match language {
            "python" => with(layout.program(&python.python()), &program),
            "js" => node.script(layout, &program.to_string_lossy()),
            "go" => with(in_go(layout, go, &folder), &program),
            _ => in_rust(layout, &folder, &program)?,
        };
        must_run_shown(command.arg(&cases)).await.with_context(|| format!("the function in {language} of {PAGE}"))?;
    }
    Ok(())
}

fn with(mut command: Command, program: &Path) -> Command {
    command.arg(program);
    command
}

fn in_go(layout: &Layout, go: &Environment, folder: &Path) -> Command {
    let mut command = layout.program(&go.program("go"));
    command.arg("run").env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local").env("GOFLAGS", "").env("GOTELEMETRY", "off");
    command.env("GOCACHE", folder.join("go-cache")).env("GOPATH", folder.join("go"));
    command
}

/// A package of its own, with the versions of the workspace's lock file.
fn in_rust(layout: &Layout, folder: &Path, program: &Path) -> Result<Command> {
    let manifest = folder.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"judge\"\nedition = \"2024\"\n\n[[bin]]\nname = \"judge\"\npath = {program:?}\n\n[workspace]\n\n\
         [dependencies]\naws-lc-rs = \"1\"\nbase64 = \"0.22\"\nserde_json = \"1\"\n"
    );
    fs::write(&manifest, text)?;
    fs::copy(layout.file("Cargo.lock"), folder.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    let mut command = layout.cargo();
    // What is locked was fetched to build the workspace.
    command
        .args(["run", "--quiet", "--offline", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(folder.join("target"))
        .arg("--");
    Ok(command)
}

/// Writes a program with the page's function in it.
fn written(layout: &Layout, folder: &Path, page: &str, language: &str, program: &str) -> Result<PathBuf> {
    let source = layout.file(PROGRAMS).join(program);
    let text = fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let function = block(page, language).with_context(|| format!("{PAGE} has no function in {language}"))?;
    let place = text.lines().find(|line| line.ends_with(PLACE)).with_context(|| format!("{program} has no place for it"))?;
    let path = folder.join(program);
    fs::write(&path, text.replacen(place, function, 1)).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The only block of a page in a language.
fn block<'a>(page: &'a str, language: &str) -> Option<&'a str> {
    let mut blocks = page.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let mut blocks = blocks.by_ref().filter(|(info, _)| info.split_whitespace().next() == Some(language));
    let (_, text) = blocks.next()?;
    blocks.next().is_none().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_one_function_in_each_language() {
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE)).unwrap();
        for (language, _) in LANGUAGES {
            assert!(block(&page, language).is_some_and(|text| text.contains("webhook-signature")), "{language}");
        }
        assert_eq!(block(&page, "cobol"), None);
    }
}
