//! The product's main job, shown on the running stack: a number is bought, rings a webhook endpoint, is called, and
//! the calls' lives arrive as signed webhooks. Exit 1 if anything is not as it must be.
#![expect(clippy::print_stdout, reason = "a command speaks on standard output")]

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use anyhow::{Context as _, ensure};
use domain::CallId;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Client, Receiver, Stack, call, receiver::Arrival};
use tokio::time::{Instant, sleep};

/// The longest that the webhooks of two calls may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Where the seeded inventory has numbers.
const COUNTRIES: [&str; 5] = ["NG", "GH", "KE", "US", "GB"];

/// A call that is to be played, and what must come of it.
struct Play {
    id: CallId,
    events: Vec<Value>,
    status: &'static str,
    duration: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // What the testkit cannot go on without, such as an API that answers, it says by a panic.
    std::panic::set_hook(Box::new(|panic| {
        println!("\n✗ {panic}");
        std::process::exit(1);
    }));
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\n✗ {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let stack = Stack::load()?;
    let client = Client::new(&stack.base_url, &stack.live_key);
    let receiver = Receiver::start().await;
    println!("A webhook receiver listens on {}", receiver.url);
    let endpoint = ok(client.post("/v1/endpoints", json!({"name": "Demo", "type": "webhook", "url": receiver.url})).await, 201)?;
    println!("An endpoint for it: {}", text(&endpoint["id"]));
    let number = number(&client, &endpoint["id"]).await?;
    println!("A number that rings it: {} ({} {})\n", text(&number["e164"]), text(&number["country"]), text(&number["type"]));

    let plays = [play(&stack, "answered-call.json", &number, "completed", 93)?, play(&stack, "missed-call.json", &number, "no_answer", 0)?];
    let twice: Vec<String> = plays.iter().flat_map(|play| &play.events).flat_map(|event| [event.to_string(), event.to_string()]).collect();
    println!("An answered and a missed call: {} events, each sent twice, shuffled. The webhooks, as they arrive:", twice.len() / 2);
    let expected = twice.len() / 2;
    let started = Instant::now();
    stack.send("call-events", &call::shuffled(twice)).await;
    follow(&receiver, &endpoint["secret"], expected, started).await?;
    for play in &plays {
        read_back(&client, play, &number, &endpoint).await?;
    }
    give_back(&client, &number).await?;
    println!("\n✓ {expected} events, {expected} webhooks, every signature verified, both calls exact.");
    Ok(())
}

/// A number that rings the endpoint: bought if one is on offer, else one that is owned already.
async fn number(client: &Client, endpoint: &Value) -> anyhow::Result<Value> {
    for country in COUNTRIES {
        let offers = ok(client.get(&format!("/v1/phone-numbers?action=available&country={country}&limit=1")).await, 200)?;
        if let Some(offer) = offers.get(0) {
            let order = json!({"inventory_id": offer["inventory_id"], "totalCostCents": offer["total_cost_cents"], "endpointId": endpoint});
            return ok(client.post("/v1/phone-numbers", order).await, 201);
        }
    }
    let owned = ok(client.get("/v1/phone-numbers?limit=1").await, 200)?;
    let id = owned.get(0).map(|number| text(&number["id"]).to_owned()).context("no number is on offer and none is owned")?;
    println!("Every number is bought; one that is owned rings it from now on");
    ok(client.patch(&format!("/v1/phone-numbers/{id}"), json!({"endpointId": endpoint})).await, 200)
}

/// Releases the number if it was bought here, so that the next one who shows or tries something finds it on offer.
async fn give_back(client: &Client, number: &Value) -> anyhow::Result<()> {
    if number["total_cost_cents"].is_null() {
        return Ok(());
    }
    ok(client.delete(&format!("/v1/phone-numbers/{}?action=release", text(&number["id"]))).await, 200)?;
    println!("\nThe number went back to the inventory; its record and its calls stay.");
    Ok(())
}

fn play(stack: &Stack, file: &str, number: &Value, status: &'static str, duration: u64) -> anyhow::Result<Play> {
    let path = call::events_folder().join("call-events").join(file);
    let now = Clock::System.now();
    let (id, events) = call::messages(&path, &stack.organization_id, "live", text(&number["e164"]), now, 300)?;
    Ok(Play { id, events, status, duration })
}

/// Prints each webhook as it arrives and verifies it, until all have come.
async fn follow(receiver: &Receiver, secret: &Value, expected: usize, started: Instant) -> anyhow::Result<()> {
    let mut ids = BTreeSet::new();
    let mut shown = 0;
    while ids.len() < expected {
        for arrival in receiver.arrivals().into_iter().skip(shown) {
            shown += 1;
            arrival.verify(text(secret), Clock::System.now()).map_err(|error| anyhow::anyhow!("a signature does not verify: {error}"))?;
            let again = if ids.insert(arrival.header("webhook-id").to_owned()) { "" } else { " (again)" };
            println!("{}{again}", line(&arrival, started));
        }
        ensure!(started.elapsed() < LIMIT, "only {} of {expected} webhooks came within {LIMIT:?}", ids.len());
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// One line of the timeline.
fn line(arrival: &Arrival, started: Instant) -> String {
    let body = arrival.json();
    let data = &body["data"];
    let call = text(&data["call_id"]);
    format!(
        "  +{:>5} ms  call …{}  {:<17} at {}  status then {:<11}  signature ok",
        started.elapsed().as_millis(),
        call.get(call.len().saturating_sub(6)..).unwrap_or_default(),
        text(&body["event"]),
        text(&body["timestamp"]),
        text(&data["status"]),
    )
}

/// Reads a call and compares it with what was played.
async fn read_back(client: &Client, play: &Play, number: &Value, endpoint: &Value) -> anyhow::Result<()> {
    let call = ok(client.get(&format!("/v1/calls/{}", play.id)).await, 200)?;
    let time = |event: &str| play.events.iter().find(|told| told["type"] == event).map_or(Value::Null, |told| told["timestamp"].clone());
    let end = if play.status == "completed" { time("call.completed") } else { time("call.failed") };
    let facts = [
        ("status", json!(play.status)),
        ("duration", json!(play.duration)),
        ("answered_at", time("call.answered")),
        ("completed_at", end),
        ("phone_number_id", number["id"].clone()),
        ("endpoint_id", endpoint["id"].clone()),
    ];
    println!("\nGET /v1/calls/{}", play.id);
    for (field, expected) in facts {
        ensure!(call[field] == expected, "call {}: {field} is {} and not {expected}", play.id, call[field]);
        println!("  {field:<16} {}", call[field]);
    }
    let told = call["events"].as_array().map_or(0, Vec::len);
    ensure!(told == play.events.len(), "call {}: {told} events and not {}", play.id, play.events.len());
    println!("  {:<16} {told}", "events");
    Ok(())
}

/// The answer's body, if it is what was expected.
fn ok(answer: testkit::client::Answer, status: u16) -> anyhow::Result<Value> {
    ensure!(answer.status.as_u16() == status, "the API answered {}: {}", answer.status, answer.body);
    Ok(answer.body)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
