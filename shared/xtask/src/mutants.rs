//! Faults are put into the code that keeps strangers out, one at a time, and the tests must notice each.
//!
//! Which files, which tests, and which faults nobody can notice, with their reasons: `infra/docs/mutants.md` and
//! `.cargo/mutants.toml`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::cloud::LocalCloud;
use crate::layout::Layout;
use crate::process::run_shown;
use crate::progress::{Echo, Progress};
use crate::python::Python;
use crate::tools;

/// Some files, and the tests that must notice what is wrong in them.
struct Target {
    name: &'static str,
    files: &'static [&'static str],
    /// The packages whose tests are run, none for the unit tests of the file's own; and which of their tests.
    packages: &'static [&'static str],
    tests: &'static [&'static str],
}

const TARGETS: [Target; 3] = [
    Target {
        name: "rules",
        files: &[
            "shared/domain/src/api_key.rs",
            "shared/domain/src/allowed_ip.rs",
            "shared/domain/src/scope.rs",
            "shared/domain/src/member.rs",
            "shared/webhooks/src/guard.rs",
            "shared/webhooks/src/guard/policy.rs",
            "shared/webhooks/src/guard/resolver.rs",
        ],
        packages: &[],
        tests: &["api_key::", "allowed_ip::", "scope::", "member::", "guard::", "guard_tests::"],
    },
    Target {
        name: "gate",
        files: &[
            "shared/api/src/auth.rs",
            "shared/api/src/auth/chosen.rs",
            "shared/api/src/auth/credentials.rs",
            "shared/api/src/jwt/issuers.rs",
            "shared/api/src/jwt/jwks.rs",
            "shared/api/src/jwt/keys.rs",
            "shared/api/src/jwt/mod.rs",
            "shared/api/src/jwt/token.rs",
            "shared/api/src/routes.rs",
        ],
        packages: &["api", "tests"],
        tests: &[
            "api_keys::",
            "audit_trail::",
            "auth::",
            "cors::",
            "hostile_",
            "isolation_matrix::",
            "jwks::",
            "jwt::",
            "jwt_attacks::",
            "key_gate::",
            "rate_",
            "refusal_costs::",
            "routes::",
            "users::",
            "users_access::",
        ],
    },
    // Whose data is meant where no gate says it, and what a client brings back of what it was given.
    Target {
        name: "whose",
        files: &[
            "functions/api-keys/src/change.rs",
            "functions/api-keys/src/create.rs",
            "functions/api-keys/src/read.rs",
            "functions/call-events/src/route.rs",
            "functions/calls/src/simulate.rs",
            "functions/carrier-callbacks/src/admit.rs",
            "functions/carrier-callbacks/src/call.rs",
            "functions/carrier-callbacks/src/door.rs",
            "functions/carrier-callbacks/src/status.rs",
            "functions/carrier-callbacks/src/whose.rs",
            "functions/endpoints/src/read.rs",
            "functions/phone-numbers/src/number.rs",
            "functions/phone-numbers/src/purchase.rs",
            "functions/webhooks/src/read.rs",
            "shared/api/src/cursor.rs",
            "shared/api/src/idempotency.rs",
            "shared/store/src/members.rs",
            "shared/store/src/numbers.rs",
        ],
        packages: &["api", "call-events", "calls", "carrier-callbacks", "phone-numbers", "store", "tests"],
        tests: &[
            "api_keys::",
            "audit_trail::",
            "call_batches::",
            "call_events::",
            "call_patterns::",
            "carrier_",
            "costs::",
            "counted_limits::",
            "cursor",
            "encryption_outages::",
            "endpoint_deletions::",
            "idempotency::",
            "isolation_matrix::",
            "key_gate::",
            "least_privilege::",
            "lifecycle::",
            "members::",
            "one_organization::",
            "operators_",
            "organizations::",
            "purchases::",
            "races::",
            "releases::",
            "route",
            "simulat",
            "users",
        ],
    },
];

/// Runs all of it; fails if a fault was not noticed.
pub(crate) async fn test(layout: &Layout) -> Result<ExitCode> {
    let progress = Progress::new();
    let python = Python::find().await?;
    let step = progress.step("install what makes faults", Echo::Nothing);
    let program = tools::mutants(layout, &step).await?;
    let environment = tools::cloud(layout, &python, &step).await?;
    progress.done(step);
    tools::build(layout, &progress).await?;
    let (folder, mut cloud) = LocalCloud::judged(layout, &environment, &progress).await?;
    let stack = folder.stack_file();
    let all = async {
        let mut survivors = Vec::new();
        for target in &TARGETS {
            let step = progress.heading(target.name);
            survivors.extend(run(layout, &program, target, &stack).await?);
            progress.done(step);
        }
        Ok(survivors)
    };
    let survivors: Vec<String> = tokio::select! {
        survivors = all => survivors,
        failure = cloud.failure() => Err(failure),
    }?;
    if survivors.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("no test noticed these faults:\n{}", survivors.join("\n"));
}

/// Tries every fault of some files, with this stack beside the tests; answers those that no test noticed.
async fn run(layout: &Layout, program: &Path, target: &Target, stack: &Path) -> Result<Vec<String>> {
    let output = layout.tools().join("mutants").join(target.name);
    std::fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    let mut command = layout.program(program);
    command.env("TRUNKLINE_STACK", stack).args(["mutants", "--no-shuffle", "--colors", "never", "--output"]).arg(&output);
    command.args(target.files.iter().flat_map(|file| ["--file", *file]));
    command.args(target.packages.iter().flat_map(|package| ["--test-package", *package]));
    let contract: &[&str] = if target.packages.is_empty() { &[] } else { &["--test", "contract"] };
    // A test runs that has any of these in its name.
    command.args(["--", "--lib"]).args(contract).arg("--").args(target.tests);
    let status = run_shown(&mut command).await?;
    let found = output.join("mutants.out");
    match status.code() {
        // Every fault was noticed, some were not, or some made the tests hang, which is noticing too.
        Some(0 | 2 | 3) => lines(&found.join("missed.txt")),
        _ => bail!("the faults could not be tried: see {}", found.display()),
    }
}

fn lines(file: &PathBuf) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::TARGETS;

    /// Code that looks like a check of whose something is and is none, and why.
    const ARGUED: [(&str, &str); 2] = [
        ("functions/call-reaper/src/lib.rs", "asks whether the organization that it works for is being erased"),
        ("functions/call-reaper/src/retention.rs", "asks whether what that organization wants was changed meanwhile"),
    ];

    /// What asks for a scope, or for the operator.
    const ASKS: [&str; 5] = [".require(", ".require_each(", ".require_operator(", ".may(", "is_platform("];

    /// What names an organization, a mode, a role or a scope, where a line compares.
    const NAMES: [&str; 10] =
        ["organization_id", "org()", "OrgId::", ".tenant", "tenant()", "mode()", ".mode", "Mode::", "Role::", "Scope::"];

    /// The lines that decide by organization, mode, role or scope; tests, which come last, and comments left out.
    fn checks(source: &str) -> Vec<&str> {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let compares = |line: &str| ["==", "!=", "matches!"].iter().any(|word| line.contains(word));
        let has = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
        let decides = |line: &&str| has(line, &ASKS) || (compares(line) && has(line, &NAMES));
        code.lines().map(str::trim).filter(|line| !line.starts_with("//")).filter(decides).collect()
    }

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let below = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
        below.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
    }

    #[test]
    fn every_file_behind_a_route_or_a_queue_that_checks_whose_something_is_gets_faults() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let (mut missing, mut argued) = (Vec::new(), 0);
        for path in ["functions", "shared/api/src"].iter().flat_map(|folder| sources(&root.join(folder))) {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let source = std::fs::read_to_string(&path).unwrap();
            let found = checks(&source);
            if found.is_empty() || TARGETS.iter().any(|target| target.files.contains(&name.as_str())) {
                continue;
            }
            if ARGUED.iter().any(|(file, _)| *file == name) {
                argued += 1;
            } else {
                missing.push(format!("{name}: {found:#?}"));
            }
        }
        assert!(missing.is_empty(), "these are no targets:\n{}", missing.join("\n"));
        assert_eq!(argued, ARGUED.len(), "every file that is argued for is there, looks like a check, and is no target");
    }

    #[test]
    fn a_check_is_seen_in_code_and_not_in_tests_or_comments() {
        let seen = |source| checks(source).len();
        assert_eq!(seen("claim.filter(|claim| claim.organization_id == tenant.org())\ncaller.require(Scope::CallsRead)?;"), 2);
        assert_eq!(seen("if caller.tenant.mode() != Mode::Test {\nlet own = matches!(mode, Mode::Live);\nif is_platform(holder) {"), 3);
        assert_eq!(seen("let mode = Mode::Live;\n// key.mode == Mode::Test\nlet same = name == other;\nput(tenant.org())"), 0);
        assert_eq!(seen("#[cfg(test)]\nmod tests { assert!(a.org() == b.org()) }"), 0);
    }
}
