//! Every block of README, ARCHITECTURE and the documentation is run, or held to what it speaks of.
//!
//! What a fence says behind its language:
//!
//! | fence | what is done |
//! |---|---|
//! | `sh` | run, as it is written; `status=404`: its requests are answered so, and otherwise with 2xx |
//! | `json` behind `sh` | what the commands printed last has these fields with these values; `…` stands for anything |
//! | `json schema=NAME` | valid by this schema of `infra/openapi.json`, or by `call-event`, that of the queue's messages |
//! | `text output` behind `sh` | the commands printed these lines |
//! | `text` | a picture or a pattern: no command |
//! | `python` | run by itself |
//! | any with `quotes=FILE` | the file has these lines |
//!
//! The blocks of one page share one shell. A command that cannot be run stands in [`ELSEWHERE`].

mod blocks;
mod links;
mod parsed;
mod shell;
mod shown;

use std::{
    fs,
    path::{Path, PathBuf},
};

use rstest::rstest;

use self::{
    blocks::Block,
    shell::{Desk, Done},
    shown::root,
};

/// Commands that are not run: the page (or none: any), how they begin, and why.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("", "cargo xtask", "these tests run inside of `cargo xtask test`; it would build, and start or end clouds"),
    ("README.md", "cargo run --release", "an optimised build takes longer than all tests"),
    ("README.md", "cargo build --release", "an optimised build takes longer than all tests"),
    ("", "pip install", "the suite installs the same file by its own way"),
    ("README.md", "sam", "needs an AWS account"),
    ("README.md", "cargo run -p trunkline -- --table TABLE_NAME", "its table is one in an AWS account"),
    ("docs/deploy.md", "", "works on a stack in an AWS account"),
    ("docs/runbook.md", "aws", "the AWS CLI is none of the suite's tools"),
    ("docs/sam-local.md", "sam", "needs a container engine and an optimised build"),
    ("docs/sam-local.md", "curl", "what answers is `sam local start-api`, which needs a container engine"),
    ("docs/sam-local.md", "sh infra/local/sam-image.sh", "needs a container engine"),
    ("docs/local.md", "python infra/local/deploy.py", "this is how the suite's own stack was deployed"),
    ("docs/local.md", "env -i PATH", "this is how the suite's own emulator was started"),
    ("docs/carriers.md", "trunkline carrier", "asks a carrier; tests/contract/carrier_command.rs asks in its place one of the tests' own"),
    ("docs/dead-letters.md", "trunkline dlq show", "shows one that lies there; tests/e2e/dead_letters.rs does it with one"),
    ("docs/dead-letters.md", "trunkline dlq replay --reason", "would send home what other tests look for"),
    ("docs/dead-letters.md", "trunkline dlq replay --id", "would send home what other tests look for"),
    ("docs/dead-letters.md", "trunkline dlq replay  ", "would send home what other tests look for"),
    ("docs/dead-letters.md", "trunkline dlq drop --id", "would drop what other tests look for"),
    ("docs/dead-letters.md", "trunkline dlq drop --all", "would drop what other tests look for"),
    ("docs/operator.md", "trunkline org delete --org $ORG --stack", "asks the person before the terminal, and then waits two minutes"),
    ("docs/operator.md", "trunkline org delete --org $ORG --yes", "waits two minutes; tests/contract/erasure.rs does it without"),
    ("docs/operator.md", "trunkline vault rewrap", "works on the secrets of all tests; tests/contract/sealed_values.rs does it on its own"),
];

/// One of them that is run all the same.
const RUN: &str = "cargo xtask demo";

/// The page whose blocks in these languages `cargo xtask conformance` takes out and runs.
const IN_CONFORMANCE: (&str, [&str; 4]) = ("docs/webhooks.md", ["python", "js", "go", "rust"]);

/// Programs that a picture does not speak of.
const PROGRAMS: [&str; 9] = ["curl", "cargo", "trunkline", "sam", "aws", "pip", "python", "python3", "export"];

/// Every page, in order.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    pages.extend(fs::read_dir(root().join("infra/docs")).unwrap().map(|entry| entry.unwrap().path()));
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

/// A page's name here: `README.md`, `docs/limits.md`.
fn name(page: &Path) -> String {
    let file = page.file_name().unwrap().to_str().unwrap();
    if page.parent().unwrap().ends_with("docs") { format!("docs/{file}") } else { file.to_owned() }
}

/// How a command that is not run begins, if it is one of them.
fn elsewhere(page: &str, command: &str) -> Option<usize> {
    let begins = |(on, beginning, _): &(&str, &str, &str)| (on.is_empty() || *on == page) && command.trim_start().starts_with(beginning);
    if command.trim_start().starts_with(RUN) { None } else { ELSEWHERE.iter().position(begins) }
}

/// What is done with a block.
#[derive(Debug, PartialEq, Eq)]
enum Class {
    Run,
    Answer,
    Output,
    Schema(String),
    Quotation(String),
    Python,
    Conformance,
    Picture,
}

fn class(page: &str, block: &Block, before: Option<&Class>) -> Result<Class, String> {
    let follows = matches!(before, Some(Class::Run));
    let word = |name| block.word(name).map(str::to_owned);
    match block.language.as_str() {
        _ if word("quotes").is_some() => Ok(word("quotes").map(Class::Quotation).unwrap()),
        language if IN_CONFORMANCE.0 == page && IN_CONFORMANCE.1.contains(&language) => Ok(Class::Conformance),
        "sh" => Ok(Class::Run),
        "json" if word("schema").is_some() => Ok(word("schema").map(Class::Schema).unwrap()),
        "json" if follows => Ok(Class::Answer),
        "text" if follows && block.words == ["output"] => Ok(Class::Output),
        "text" if block.words.is_empty() => picture(block),
        "python" => Ok(Class::Python),
        other => Err(format!("nothing is said of how to check a block of {other}")),
    }
}

fn picture(block: &Block) -> Result<Class, String> {
    let command = block.text.lines().find(|line| line.split_whitespace().next().is_some_and(|word| PROGRAMS.contains(&word)));
    command.map_or(Ok(Class::Picture), |line| Err(format!("{line:?} is a command and stands in a picture")))
}

/// The blocks of a page with their classes.
fn classed(page: &Path) -> Result<Vec<(Block, Class)>, String> {
    let mut classed: Vec<(Block, Class)> = Vec::new();
    for block in blocks::of_page(page)? {
        let class =
            class(&name(page), &block, classed.last().map(|(_, class)| class)).map_err(|fault| format!("line {}: {fault}", block.line))?;
        classed.push((block, class));
    }
    Ok(classed)
}

#[test]
fn every_block_of_every_page_is_checked_in_some_way_and_what_is_not_run_is_named_with_a_reason() {
    let (mut faults, mut met) = (Vec::new(), vec![false; ELSEWHERE.len()]);
    for page in pages() {
        match classed(&page) {
            Err(fault) => faults.push(format!("{}: {fault}", name(&page))),
            Ok(blocks) => {
                let run = blocks.iter().filter(|(_, class)| *class == Class::Run);
                run.flat_map(|(block, _)| blocks::commands(&block.text))
                    .filter_map(|command| elsewhere(&name(&page), command))
                    .for_each(|at| met[at] = true);
            }
        }
    }
    let unmet = ELSEWHERE.iter().zip(met).filter(|(_, met)| !met);
    faults.extend(unmet.map(|((page, command, _), _)| format!("no page ({page}) has a command that begins with {command:?}")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn commands_of_ours_within_sentences_are_there() {
    let (mut faults, mut met) = (Vec::new(), 0);
    for page in pages() {
        let ours = |span: &String| ["trunkline ", "cargo xtask ", "cargo run "].iter().any(|program| span.starts_with(program));
        for span in blocks::spans(&page).into_iter().filter(ours) {
            met += 1;
            faults.extend(parsed::check(&span).err().map(|fault| format!("{}: {span}: {fault}", name(&page))));
        }
    }
    assert!(met > 20 && faults.is_empty(), "{met}: {}", faults.join("\n"));
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let broken: Vec<_> =
        pages().into_iter().map(|page| (name(&page), links::broken(&page))).filter(|(_, links)| !links.is_empty()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[rstest]
#[tokio::test]
async fn the_commands_of_a_page_do_what_it_says(
    #[files("../README.md")]
    #[files("../ARCHITECTURE.md")]
    #[files("../infra/docs/*.md")]
    page: PathBuf,
) {
    let blocks = classed(&page).unwrap();
    let desk = Desk::new(&name(&page).replace('/', "-"));
    let mut faults: Vec<String> = blocks.iter().filter_map(|(block, class)| Some((block, still(class, block)?))).map(told).collect();
    let mut runs = Vec::new();
    for (block, _) in blocks.iter().filter(|(_, class)| *class == Class::Run) {
        let (kept, left): (Vec<&str>, Vec<&str>) =
            blocks::commands(&block.text).into_iter().partition(|command| elsewhere(&name(&page), command).is_none());
        faults.extend(left.into_iter().filter_map(|command| parsed::check(command).err()).map(|fault| told((block, fault))));
        runs.push((block.word("status").unwrap_or("2??").to_owned(), kept.concat()));
    }
    for (block, _) in blocks.iter().filter(|(_, class)| *class == Class::Python) {
        faults.extend(desk.python(&block.text).await.err().map(|fault| told((block, fault))));
    }
    if !runs.is_empty() {
        let done = desk.run(&runs).await;
        faults.extend(compared(&blocks, &done));
    }
    assert!(faults.is_empty(), "{}:\n{}", name(&page), faults.join("\n\n"));
}

fn told((block, fault): (&Block, String)) -> String {
    format!("line {}: {fault}", block.line)
}

/// What is wrong with a block that nothing is run for.
fn still(class: &Class, block: &Block) -> Option<String> {
    match class {
        Class::Schema(name) => shown::schema(name, &block.text).err(),
        Class::Quotation(file) => shown::quotation(file, &block.text).err(),
        _ => None,
    }
}

/// What a page shows, beside what its commands printed.
fn compared(blocks: &[(Block, Class)], done: &Done) -> Vec<String> {
    let (mut faults, mut printed, mut last, mut all) = (Vec::new(), done.printed.iter(), None, true);
    for (block, class) in blocks {
        let fault = match (class, last) {
            (Class::Run, _) => match printed.next() {
                Some(text) => {
                    last = Some((block, text));
                    None
                }
                None => {
                    all = false;
                    break;
                }
            },
            (Class::Answer, Some((_, printed))) => shown::answer(&block.text, printed).err(),
            (Class::Output, Some((_, printed))) => shown::output(&block.text, printed).err(),
            _ => None,
        };
        faults.extend(fault.map(|fault| told((block, fault))));
    }
    let failure = done.failure.clone().or_else(|| (!all).then(|| "the shell ended here".to_owned()));
    faults.extend(failure.map(|failure| last.map_or(failure.clone(), |(block, _)| told((block, failure)))));
    faults
}
