//! How many call events one CPU second of the function's own process takes in: ten different calls a batch, and one by
//! one. `--count N` says how many events. The table runs in this process and is not counted; nobody receives webhooks.
//!
//! Figures mean something with `--release` only, for this command and for the function: `cargo build --release -p
//! call-events && cargo run --release -p testkit --bin event-rate`.
#![expect(clippy::print_stdout, reason = "a command speaks on standard output")]

use std::{
    future::pending,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use domain::{Day, Mode, call::CallRecord};
use indicatif::ProgressBar;
use queue::call_event::CallEventMessage;
use serde_json::{Value, json};
use store::Tenant;
use testkit::{
    Fixture, LocalTable, fixture,
    lambda::{Function, Outcome},
    load::Plan,
    local_table,
};

const USAGE: &str = "event-rate [--count N]";

/// The events of each call: as many as the costs are told for.
const EVENTS: usize = 6;

/// How many messages one invocation gets, as the template says.
const BATCH: usize = 10;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => 60_000,
        (Some("--count"), Some(count)) => count.parse().context(USAGE)?,
        _ => anyhow::bail!(USAGE),
    };
    for (name, together) in [("ten different calls a batch", BATCH), ("one event a batch", 1)] {
        let mut bench = Bench::start().await?;
        let batches = bench.batches(count / EVENTS, together)?;
        let (cpu, wall, events) = bench.play(&batches).await?;
        let a_second = events as f64 / cpu.as_secs_f64();
        println!(
            "{name}: {events} events, {a_second:.0} per CPU second, {:.1} s in all, {:.1} s of them CPU",
            wall.as_secs_f64(),
            cpu.as_secs_f64()
        );
    }
    Ok(())
}

/// A table with an organization whose number rings nothing, and the function.
struct Bench {
    local: LocalTable,
    tenant: Tenant,
    to: String,
    function: Function,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let local = LocalTable::start().await;
        let (tenant, slot) = (Fixture::create(&local.table, Mode::Live).await.tenant, fixture::slot(1));
        fixture::bought(&local.table, tenant, &slot, None).await;
        let nowhere = "http://127.0.0.1:9/nowhere";
        let environment = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", nowhere),
            ("AWS_ENDPOINT_URL_DYNAMODB", &local.endpoint_url),
            ("TABLE_NAME", local_table::NAME),
            ("WEBHOOK_QUEUE_URL", nowhere),
            ("DEAD_LETTER_QUEUE_URL", nowhere),
            ("LOG_LEVEL", "warn"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let function = Function::new("call-events", Duration::from_secs(30), environment);
        Ok(Self { local, tenant, to: slot.e164.to_string(), function })
    }

    /// The events of answered calls, in their order, so many calls side by side.
    fn batches(&self, calls: usize, together: usize) -> anyhow::Result<Vec<Value>> {
        let plan = Plan::of_a_year(calls * 3, Day::of(fixture::now()), 7);
        let records: Vec<CallRecord> = plan.calls().filter(|call| call.events.len() >= EVENTS).take(calls).collect();
        ensure!(records.len() == calls, "the plan has too few answered calls");
        let mut batches = Vec::new();
        for some in records.chunks(together) {
            for at in 0..EVENTS {
                let bodies: Vec<String> = some.iter().map(|call| self.message(call, at)).collect::<anyhow::Result<_>>()?;
                batches.push(sqs(&bodies));
            }
        }
        Ok(batches)
    }

    fn message(&self, call: &CallRecord, at: usize) -> anyhow::Result<String> {
        let mut events = call.in_order();
        // The notes of the agent are what there may be more or less of.
        events.retain(|event| event.kind.as_str() != "agent.note");
        let mut event = events.get(at).copied().context("a call has six events")?.clone();
        event.parties.to_number = Some(self.to.clone());
        event.parties.direction = Some(domain::call::Direction::Inbound);
        let (organization_id, mode) = (self.tenant.org(), self.tenant.mode());
        Ok(CallEventMessage { organization_id, mode, call_id: call.id, alias: None, event }.to_json()?)
    }

    async fn play(&mut self, batches: &[Value]) -> anyhow::Result<(Duration, Duration, usize)> {
        // The process is there and its connection is open.
        self.invoke(&sqs(&[])).await?;
        let (begun, before) = (Instant::now(), self.function.cpu()?);
        let bar = ProgressBar::new(batches.len() as u64);
        for batch in batches {
            self.invoke(batch).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        let cpu = self.function.cpu()?.saturating_sub(before);
        let events: usize = batches.iter().filter_map(|batch| Some(batch["Records"].as_array()?.len())).sum();
        let total = self.local.table.call_list(self.tenant, &domain::stats::CallFilter::default(), store::Start::Offset(0), 1).await?.total;
        ensure!(total as usize * EVENTS == events, "{total} calls were counted");
        Ok((cpu, begun.elapsed(), events))
    }

    async fn invoke(&mut self, batch: &Value) -> anyhow::Result<()> {
        let outcome = self.function.invoke(batch.clone(), pending()).await;
        let Outcome::Answered(answer) = &outcome else { anyhow::bail!("{outcome:?}") };
        ensure!(answer["batchItemFailures"] == json!([]), "{answer}");
        Ok(())
    }
}

fn sqs(bodies: &[String]) -> Value {
    let record = |(at, body): (usize, &String)| json!({"messageId": format!("message-{at}"), "body": body});
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<Value>>()})
}
