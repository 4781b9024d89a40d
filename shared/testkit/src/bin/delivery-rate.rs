//! How many webhooks one CPU second delivers: each signed, sent to a receiver on this machine and recorded. `--count N` says
//! how many, `--record FILE` keeps what arrived, with the secrets that must verify it.
//!
//! Table, receiver and function share this process, and so the CPU time. Figures mean something with `--release` only.
#![expect(clippy::print_stdout, reason = "a command speaks on standard output")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use domain::{
    CallId, Mode,
    secret::{Sealed, SecretKind},
    webhook::delivery_id,
};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::{Clock, random};
use rustix::time::{ClockId, clock_gettime};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use store::{TellOfEndpoint, Tenant};
use testkit::{
    Fixture, LocalTable, Receiver,
    costs::{batch, vault},
    fixture,
    receiver::Arrival,
};
use vault::Vault;
use webhook_delivery::WebhookDelivery;
use webhooks::{
    Loopback, Signatures, SigningSecret,
    sign::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_WEBHOOK_SIGNATURE},
};

const USAGE: &str = "delivery-rate [--count N] [--record FILE]";

/// How many messages one invocation gets, as the template says.
const BATCH: usize = 10;

/// About what a completed call with metadata weighs, in bytes.
const BODY_BYTES: usize = 1_300;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (mut count, mut file) = (1_000, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().context(USAGE)?;
        match name.as_str() {
            "--count" => count = value.parse().context(USAGE)?,
            "--record" => file = Some(value),
            _ => anyhow::bail!(USAGE),
        }
    }
    let bench = Bench::start().await?;
    let arrivals = bench.deliver(count).await?;
    if let Some(file) = file {
        let deliveries: Vec<Value> = arrivals.iter().map(|arrival| bench.recorded(arrival)).collect::<anyhow::Result<_>>()?;
        std::fs::write(&file, json!(deliveries).to_string()).with_context(|| format!("cannot write {file}"))?;
    }
    sign(count, &bench.secrets[0]);
    Ok(())
}

/// A table, a receiver at two endpoints of which the second is in a rotation, and the function that serves them.
struct Bench {
    local: LocalTable,
    vault: Vault,
    tenant: Tenant,
    receiver: Receiver,
    /// The first endpoint's, then the second's new and old one.
    secrets: [SigningSecret; 3],
    endpoints: [domain::EndpointId; 2],
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let local = LocalTable::start().await;
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let secrets = [(); 3].map(|()| SigningSecret::generate(&random::bytes()));
        let endpoints = [fixture::endpoint().id, fixture::endpoint().id];
        let bench = Self { local, vault: vault(), tenant, receiver: Receiver::start().await, secrets, endpoints };
        bench.create(0, &bench.secrets[0], None).await?;
        bench.create(1, &bench.secrets[1], Some(&bench.secrets[2])).await?;
        Ok(bench)
    }

    async fn create(&self, at: usize, current: &SigningSecret, previous: Option<&SigningSecret>) -> anyhow::Result<()> {
        let mut endpoint = fixture::endpoint();
        endpoint.id = self.endpoints[at];
        endpoint.given_url = Some(self.receiver.url.clone());
        endpoint.secret = Some(self.sealed(endpoint.id, current).await?);
        if let Some(previous) = previous {
            endpoint.previous_secret = Some(self.sealed(endpoint.id, previous).await?);
            endpoint.previous_until = Some(fixture::now().plus_millis(3_600_000));
        }
        self.local.table.create_endpoint(self.tenant, &endpoint, None, TellOfEndpoint::default()).await?;
        Ok(())
    }

    async fn sealed(&self, id: domain::EndpointId, secret: &SigningSecret) -> anyhow::Result<Sealed> {
        let place = self.tenant.place(SecretKind::WebhookSecret, id.as_uuid());
        Ok(self.vault.seal(&place, secret.reveal(), fixture::now()).await?)
    }

    /// The message of a delivery, to each endpoint in turn.
    fn message(&self, n: usize) -> String {
        let (call, event) = (CallId::new(fixture::now(), random::bytes()), format!("evt_{n}"));
        let data = json!({"call_id": call, "caller": "Zoë ☎", "filling": "x".repeat(BODY_BYTES)});
        json!({
            "organization_id": self.tenant.org(), "mode": "live", "delivery_id": delivery_id(&event, call.as_uuid()),
            "endpoint_id": self.endpoints[n % 2], "call_id": call, "event_id": event, "event": "call.completed", "attempt": 1,
            "body": json!({"id": event, "event": "call.completed", "data": data}).to_string(),
        })
        .to_string()
    }

    /// Delivers so many, says what it took, and gives what arrived.
    async fn deliver(&self, count: usize) -> anyhow::Result<Vec<Arrival>> {
        let (table, nowhere) = (self.local.table.clone(), fixture::nowhere());
        let function = WebhookDelivery::new(table, self.vault.clone(), nowhere.clone(), nowhere, Clock::System, Loopback::Allowed)?;
        let messages: Vec<String> = (0..count).map(|n| self.message(n)).collect();
        let style = ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} deliveries, {eta} left")?;
        let bar = ProgressBar::new(count as u64).with_style(style);
        let spent = Spent::start();
        for messages in messages.chunks(BATCH) {
            let answer = function.handle(batch(messages)).await;
            ensure!(answer.batch_item_failures.is_empty(), "a delivery failed");
            bar.inc(messages.len() as u64);
        }
        bar.finish_and_clear();
        spent.report("signed, sent and recorded", count);
        let arrivals = self.receiver.arrivals();
        ensure!(arrivals.len() == count, "{} of {count} arrived", arrivals.len());
        Ok(arrivals)
    }

    /// A delivery as receivers' libraries take it.
    fn recorded(&self, arrival: &Arrival) -> anyhow::Result<Value> {
        let names = [WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE, X_WEBHOOK_SIGNATURE];
        let headers: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), arrival.header(name).into())).collect();
        let rotating = arrival.header(WEBHOOK_SIGNATURE).contains(' ');
        let secrets = if rotating { &self.secrets[1..] } else { &self.secrets[..1] };
        let secrets: Vec<&str> = secrets.iter().map(|secret| secret.reveal().expose_secret()).collect();
        Ok(json!({"body": std::str::from_utf8(&arrival.body)?, "headers": headers, "secrets": secrets}))
    }
}

/// Signs so many bodies and nothing else, for comparison.
fn sign(count: usize, secret: &SigningSecret) {
    let (body, spent) = ("x".repeat(BODY_BYTES), Spent::start());
    for n in 0..count {
        std::hint::black_box(Signatures::new(&format!("msg_{n}"), fixture::now(), body.as_bytes(), secret, None));
    }
    spent.report("signed alone", count);
}

/// CPU time of the whole process, and time by the clock.
struct Spent {
    cpu: Duration,
    clock: Instant,
}

impl Spent {
    fn start() -> Self {
        Self { cpu: cpu_time(), clock: Instant::now() }
    }

    fn report(&self, what: &str, count: usize) {
        let (cpu, clock) = ((cpu_time() - self.cpu).as_secs_f64(), self.clock.elapsed().as_secs_f64());
        let optimised = if cfg!(debug_assertions) { ", without optimisation" } else { "" };
        println!("{what}: {count} in {cpu:.3} CPU seconds ({clock:.3} by the clock), {:.0} per CPU second{optimised}", count as f64 / cpu);
    }
}

fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}
