//! Commands that cannot be run here: what can be said of them all the same.

use std::{fs, process::Command};

use serde_json::Value;
use testkit::lambda::binaries;

use super::{blocks::words, shown::root};

/// Looks whether what a command names is there.
///
/// # Errors
/// What is not.
pub(super) fn check(command: &str) -> Result<(), String> {
    let words = words(command);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["cargo", "xtask", rest @ ..] => known("xtask", rest),
        ["cargo", "run", "-p", "trunkline", "--", rest @ ..] | ["trunkline", rest @ ..] => known("trunkline", rest),
        ["cargo", "run" | "build", rest @ ..] => rest.windows(2).try_for_each(|pair| match pair {
            ["--bin", name] => there(&format!("shared/testkit/src/bin/{name}.rs")),
            ["-p", "testkit"] => Ok(()),
            ["-p", name] => there(&format!("functions/{name}")),
            _ => Ok(()),
        }),
        ["pip", "install", rest @ ..] => after(rest, "-r").map_or(Ok(()), there),
        ["sam", rest @ ..] => sam(rest),
        ["env", "-i", ..] => Ok(()),
        ["python", script, rest @ ..] => {
            let parameters = rest.windows(2).filter(|pair| pair[0] == "--parameter").filter_map(|pair| pair[1].split_once('='));
            there(script)?;
            parameters.map(|(name, _)| name).try_for_each(|name| in_template("Parameters", name))
        }
        ["sh", script] => there(script),
        ["aws" | "git" | "rustup" | "python3" | "export" | "curl" | "for" | "output()", ..] => outputs(command),
        [first, ..] if first.contains('=') => outputs(command),
        _ => Err(format!("nothing is known of such a command: {command}")),
    }
}

/// A command of a program of ours: it knows these subcommands and options. Values that it needs may be missing.
fn known(program: &str, arguments: &[&str]) -> Result<(), String> {
    let arguments = if let ["--table", _, rest @ ..] = arguments { rest } else { arguments };
    let subcommand = arguments.iter().take_while(|word| !word.starts_with('-'));
    let output = Command::new(binaries().join(program)).args(subcommand).arg("--help").output().unwrap();
    let (help, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // What `costs` is told goes on to another program.
    let option = arguments.iter().filter(|word| word.starts_with("--") && arguments[0] != "costs").find(|word| !help.contains(**word));
    match option {
        _ if !output.status.success() => Err(told.into_owned()),
        Some(option) => Err(format!("{program} has no {option}")),
        None => Ok(()),
    }
}

/// A command of the SAM CLI: environments are those of `samconfig.toml`, parameters those of the template.
fn sam(arguments: &[&str]) -> Result<(), String> {
    if let Some(environment) = after(arguments, "--config-env") {
        let configuration = fs::read_to_string(root().join("samconfig.toml")).unwrap();
        if !configuration.contains(&format!("[{environment}.deploy.parameters]")) {
            return Err(format!("samconfig.toml has no environment {environment}"));
        }
    }
    let overrides =
        arguments.iter().skip_while(|word| **word != "--parameter-overrides").skip(1).take_while(|word| !word.starts_with("--"));
    let names = overrides.flat_map(|word| word.split_whitespace()).filter_map(|word| word.split_once('='));
    names.map(|(name, _)| name).try_for_each(|name| in_template("Parameters", name))
}

/// Outputs that a query of the stack names are those of the template.
fn outputs(command: &str) -> Result<(), String> {
    let queried = command.split("OutputKey==").skip(1).filter_map(|rest| rest.split(['\'', '`', '"']).nth(1));
    let asked = command.split("$(output ").skip(1).filter_map(|rest| rest.split(')').next());
    let names: Vec<&str> = queried.filter(|name| !name.starts_with('$')).chain(asked).collect();
    names.into_iter().try_for_each(|name| in_template("Outputs", name))
}

fn in_template(section: &str, name: &str) -> Result<(), String> {
    let text = fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let template: Value = serde_yaml_ng::from_str::<serde_yaml_ng::Value>(&text).map(plain).unwrap();
    if template[section][name].is_null() { Err(format!("{name} is none of the template's {section}")) } else { Ok(()) }
}

/// The names in a template, whose tags do not matter here.
fn plain(yaml: serde_yaml_ng::Value) -> Value {
    match yaml {
        serde_yaml_ng::Value::Mapping(entries) => {
            entries.into_iter().filter_map(|(name, value)| Some((name.as_str()?.to_owned(), plain(value)))).collect()
        }
        serde_yaml_ng::Value::Null => Value::Null,
        _ => Value::Bool(true),
    }
}

fn there(path: &str) -> Result<(), String> {
    if root().join(path).exists() { Ok(()) } else { Err(format!("{path} is not there")) }
}

fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().skip_while(|word| **word != name).nth(1).copied()
}
