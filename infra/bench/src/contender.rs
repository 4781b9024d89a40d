//! Who is measured: a function of ours, or the same written in another language.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use testkit::lambda::Function;

use crate::world::World;

/// The longest that an invocation may take here, where valgrind may run it.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The folder of the functions' release binaries.
    pub(crate) functions: PathBuf,
    /// The program of Node.js.
    pub(crate) node: PathBuf,
    /// Lambda's client of its runtime API for Node.js.
    pub(crate) node_runtime: PathBuf,
    /// The folder of the bundles for Node.js.
    pub(crate) bundles: PathBuf,
    /// The Python with the peers' packages.
    pub(crate) python: PathBuf,
    /// Where callgrind leaves its profiles.
    pub(crate) profiles: Option<PathBuf>,
}

/// In what a function is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Ours.
    Rust,
    /// JavaScript with the AWS SDK, bundled.
    Node,
    /// Python with boto3.
    Python,
}

impl Language {
    pub(crate) const ALL: [Self; 3] = [Self::Rust, Self::Node, Self::Python];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rust => "ours",
            Self::Node => "Node",
            Self::Python => "Python",
        }
    }
}

/// How the table is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Over plain HTTP.
    Plain,
    /// Over TLS, as on AWS.
    Tls,
}

impl Programs {
    /// A function of this name in this language.
    pub(crate) fn function(&self, world: &World, name: &str, language: Language, transport: Transport) -> Function {
        let mut environment = world.environment(transport);
        // Where Python's code is, and its compiled files: not in the repository. Node warns of its own age with every start.
        let peers = [
            ("PYTHONPATH", peers("python").display().to_string()),
            ("PYTHONPYCACHEPREFIX", world.log().with_file_name("bench-python").display().to_string()),
            ("NODE_NO_WARNINGS", "1".to_owned()),
        ];
        environment.extend(peers.map(|(name, value)| (name.to_owned(), value)));
        let (program, arguments) = self.program(name, language);
        Function::new(name, TIMEOUT, environment).with_program(&program).with_arguments(arguments).logging_to(&world.log())
    }

    /// The same, with the program run by another one, which takes it and its arguments as its last arguments.
    pub(crate) fn under(&self, runner: &Path, options: Vec<OsString>, world: &World, name: &str, language: Language) -> Function {
        let (program, arguments) = self.program(name, language);
        let arguments = [options, vec![program.into()], arguments].concat();
        self.function(world, name, language, Transport::Plain).with_program(runner).with_arguments(arguments)
    }

    fn program(&self, name: &str, language: Language) -> (PathBuf, Vec<OsString>) {
        match language {
            Language::Rust => (self.functions.join(name), Vec::new()),
            Language::Node => {
                let handler = self.bundles.join(format!("{name}.handler"));
                (self.node.clone(), vec![self.node_runtime.clone().into(), handler.into()])
            }
            Language::Python => {
                let handler = format!("{}.handler", name.replace('-', "_"));
                (self.python.clone(), vec!["-m".into(), "awslambdaric".into(), handler.into()])
            }
        }
    }
}

/// The peers' sources in a language.
pub(crate) fn peers(language: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/peers")).join(language)
}
