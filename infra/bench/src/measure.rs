//! Starts and requests, measured in turns: what one contender suffers from a busy machine, the others do too.

use std::{future::pending, time::Instant};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use testkit::lambda::{Function, Outcome, Signal};

use crate::{
    contender::{Language, Programs, Transport},
    operation::{Operation, http},
    spread::Spread,
    usage,
    world::World,
};

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Effort {
    /// The one function that is measured, if not all are.
    pub(crate) function: Option<String>,
    /// How often each contender is started.
    pub(crate) starts: usize,
    /// How often each contender's requests are measured.
    pub(crate) rounds: usize,
    /// Invocations of one round.
    pub(crate) invocations: usize,
    /// Invocations before the first round, so that Node has compiled what is hot.
    pub(crate) warm_up: usize,
    /// Invocations of ours under callgrind.
    pub(crate) counted: usize,
    /// Of the peers, whose programs are slow there; none for not at all.
    pub(crate) counted_peers: usize,
    /// How long events are sent at each rate, in seconds.
    pub(crate) seconds: u64,
}

impl Effort {
    pub(crate) const QUICK: Self =
        Self { function: None, starts: 5, rounds: 3, invocations: 60, warm_up: 200, counted: 50, counted_peers: 0, seconds: 5 };
    pub(crate) const WHOLE: Self =
        Self { function: None, starts: 15, rounds: 9, invocations: 120, warm_up: 1_500, counted: 200, counted_peers: 150, seconds: 20 };

    /// The operations that are measured.
    pub(crate) fn operations(&self) -> impl Iterator<Item = Operation> {
        Operation::ALL.into_iter().filter(|operation| self.measures(operation.function()))
    }

    fn measures(&self, function: &str) -> bool {
        self.function.as_deref().is_none_or(|only| only == function)
    }
}

/// What one way to start a function took, from the start of its process to its first answer.
pub(crate) struct Start {
    pub(crate) function: String,
    pub(crate) language: Language,
    pub(crate) transport: Transport,
    pub(crate) cpu_ms: Spread,
    pub(crate) wall_ms: Spread,
    pub(crate) memory_mb: f64,
}

/// What a warm function's operation takes.
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) language: Language,
    pub(crate) cpu_us: Spread,
    pub(crate) memory_mb: f64,
}

/// The functions, the first question of each, and which have peers.
async fn first_questions(world: &World, programs: &Programs, effort: &Effort) -> Result<Vec<(&'static str, Value, bool)>> {
    let life = Operation::TakeEvents.events(world, 1).await?;
    let ended = life.last().cloned();
    if effort.measures("call-events") {
        let mut events = programs.function(world, "call-events", Language::Rust, Transport::Plain);
        invoke(&mut events, Operation::TakeEvents, life).await?;
        events.stop(Signal::KILL).await?;
    }
    let one = async |operation: Operation| Ok::<_, anyhow::Error>(operation.events(world, 1).await?.into_iter().next().unwrap_or_default());
    let get = |path: &str| http("GET", path, "", world.reader.reveal(), None);
    let all = [
        ("hello", get("/"), false),
        ("phone-numbers", one(Operation::GetNumber).await?, true),
        ("calls", one(Operation::ListCalls).await?, true),
        // What was taken or delivered before, so that every start finds the same.
        ("call-events", ended.unwrap_or_default(), true),
        ("webhook-delivery", one(Operation::Deliver).await?, true),
        ("endpoints", get("/v1/endpoints"), false),
        ("carrier-credentials", get("/v1/telephony/providers"), false),
        ("carrier-callbacks", http("POST", "/carriers/twilio/none/voice", "", "none", Some("")), false),
        ("api-keys", get("/v1/organizations"), false),
        ("webhooks-api", get("/v1/webhooks"), false),
        ("due-deliveries", Value::Null, false),
        ("call-reaper", Value::Null, false),
        ("docs", get("/health"), false),
    ];
    Ok(all.into_iter().filter(|(function, ..)| effort.measures(function)).collect())
}

/// Starts every function again and again, in turns, over plain HTTP and over TLS.
pub(crate) async fn starts(world: &World, programs: &Programs, effort: &Effort) -> Result<Vec<Start>> {
    let questions = first_questions(world, programs, effort).await?;
    let mut kinds = Vec::new();
    for (function, question, has_peers) in &questions {
        for language in Language::ALL.into_iter().filter(|language| *has_peers || *language == Language::Rust) {
            for transport in [Transport::Plain, Transport::Tls] {
                kinds.push((*function, question, language, transport, Vec::new()));
            }
        }
    }
    let bar = bar("starts", effort.starts * kinds.len());
    // The first round fills the page cache and is not counted.
    for round in 0..=effort.starts {
        for (function, question, language, transport, found) in &mut kinds {
            let started = start(programs.function(world, function, *language, *transport), question).await?;
            if round > 0 {
                found.push(started);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    let start = |(function, _, language, transport, found): (&str, _, _, _, Vec<[f64; 3]>)| {
        let spread = |at: usize| Spread::of(found.iter().filter_map(|one| one.get(at).copied()).collect());
        Some(Start {
            function: function.to_owned(),
            language,
            transport,
            cpu_ms: spread(0)?,
            wall_ms: spread(1)?,
            memory_mb: spread(2)?.median,
        })
    };
    Ok(kinds.into_iter().filter_map(start).collect())
}

/// CPU and time by the clock in milliseconds, and memory in megabytes.
async fn start(mut function: Function, question: &Value) -> Result<[f64; 3]> {
    let begun = Instant::now();
    let outcome = function.invoke(question.clone(), pending()).await;
    let wall = begun.elapsed().as_secs_f64() * 1e3;
    let Outcome::Answered(_) = outcome else { bail!("{question}: {outcome:?}") };
    let process = function.process()?;
    let found = [usage::cpu(process)?.as_secs_f64() * 1e3, wall, usage::peak_memory_kb(process)? as f64 / 1e3];
    function.stop(Signal::KILL).await?;
    Ok(found)
}

/// Has every contender do every operation, in turns.
pub(crate) async fn requests(world: &World, programs: &Programs, effort: &Effort) -> Result<Vec<Request>> {
    let mut all = Vec::new();
    for operation in effort.operations() {
        let mut running = Vec::new();
        let bar = bar(operation.name(), effort.rounds * Language::ALL.len());
        for language in Language::ALL {
            let mut function = programs.function(world, operation.function(), language, Transport::Plain);
            invoke(&mut function, operation, operation.events(world, effort.warm_up / operation.per_invocation()).await?).await?;
            running.push((language, function, Vec::new()));
        }
        for _ in 0..effort.rounds {
            for (_, function, found) in &mut running {
                found.push(round(world, function, operation, effort.invocations).await?);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        for (language, mut function, found) in running {
            let memory_mb = usage::peak_memory_kb(function.process()?)? as f64 / 1e3;
            function.stop(Signal::KILL).await?;
            all.extend(Spread::of(found).map(|cpu_us| Request { operation, language, cpu_us, memory_mb }));
        }
    }
    Ok(all)
}

/// Microseconds of CPU for one request or message.
async fn round(world: &World, function: &mut Function, operation: Operation, invocations: usize) -> Result<f64> {
    // Of batches, which are ten messages each, half as many will do.
    let events = operation.events(world, if operation.per_invocation() > 1 { invocations / 2 } else { invocations }).await?;
    let requests = events.len() * operation.per_invocation();
    let before = usage::cpu(function.process()?)?;
    invoke(function, operation, events).await?;
    let spent = usage::cpu(function.process()?)?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / requests as f64)
}

/// Invokes a function with these events, one after the other; each must succeed.
pub(crate) async fn invoke(function: &mut Function, operation: Operation, events: Vec<Value>) -> Result<()> {
    for event in events {
        let Outcome::Answered(answer) = function.invoke(event, pending()).await else { bail!("{}: no answer", operation.name()) };
        operation.succeeded(&answer)?;
    }
    Ok(())
}

/// A bar of so many steps.
pub(crate) fn bar(what: &'static str, steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:30} {wide_bar} {pos} of {len}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps as u64).with_style(style).with_message(what)
}
