//! Poison among good messages: it alone ends among the dead letters, and comes home when the world is put right.

use std::collections::BTreeSet;

use queue::{
    DeadLetter, DeadLetters,
    dead_letters::{Cause, Pace},
};
use serde_json::json;
use testkit::{fixture, wait};
use trunkline::dead_letters::{Choice, Treatment, look, treat};

use crate::setup::{LIMIT, World};

const BATCHES: usize = 100;

/// Other tests look at their letters in the same queue: these must not be hidden from them for long.
const PACE: Pace = Pace { hidden_seconds: 10, wait_seconds: 0 };

/// The organization's dead letters, and no other's.
struct Own {
    letters: DeadLetters,
    choice: Choice,
}

impl Own {
    fn of(world: &World) -> Self {
        let url = |name: &str| world.stack.queue(name).to_owned();
        let letters = DeadLetters::new(world.stack.sqs(), url("call-events-dead-letters"), url("call-events"), PACE);
        Self { letters, choice: Choice { organization: Some(world.fixture.tenant.org()), ..Choice::default() } }
    }

    /// Those that no other test holds at the moment.
    async fn look(&self) -> Vec<DeadLetter> {
        let mut found = Vec::new();
        look(&self.letters, &self.choice, fixture::now(), |letter| found.push(letter), |_| ()).await.unwrap();
        found
    }

    /// How many are chosen.
    async fn treat(&self, treatment: Treatment) -> usize {
        let tally = treat(&self.letters, &self.choice, treatment, fixture::now(), |_| ()).await.unwrap();
        assert_eq!(tally.refused, []);
        tally.chosen.len()
    }
}

/// Waits until a list of calls has this many.
async fn total(world: &World, query: &str, expected: usize) {
    let path = format!("/v1/calls?limit=1&{query}");
    let ask = || async { (world.client.get(&path).await.expect(200)["total"] == expected).then_some(()) };
    wait::until(&format!("{expected} calls of {query}"), LIMIT, ask).await;
}

#[tokio::test]
async fn of_a_hundred_batches_only_the_poison_is_a_dead_letter_and_a_replay_brings_it_home() {
    let world = World::new().await;
    let own = Own::of(&world);
    let held = world.rings(None).await;
    let on_offer = world.offer().await;
    let mut poison = BTreeSet::new();
    for _ in 0..BATCHES {
        let (_, good) = world.events("missed-call.json", &json!(held.e164));
        let (_, bad) = world.events("missed-call.json", &json!(on_offer.e164));
        let mut bodies: Vec<String> = good.iter().map(ToString::to_string).collect();
        bodies.insert(1, bad[0].to_string());
        poison.insert(bad[0].to_string());
        world.stack.send("call-events", &bodies).await;
    }
    total(&world, &format!("phone_number_id={}&status=no_answer", held.id), BATCHES).await;
    let all = || async { Some(own.look().await).filter(|letters| letters.len() >= BATCHES) };
    let letters = wait::until("a dead letter of each batch", LIMIT, all).await;
    assert_eq!(letters.iter().map(|letter| letter.body.clone()).collect::<BTreeSet<_>>(), poison);
    let told = |letter: &DeadLetter| matches!(&letter.cause, Cause::Told(reason) if reason.contains("data.to_number"));
    assert!(letters.iter().all(told));
    total(&world, "direction=inbound", BATCHES).await;

    let order = json!({"inventory_id": on_offer.address().id()});
    let bought = world.client.post("/v1/phone-numbers", order).await.expect(201);
    let counted = || async { (own.treat(Treatment::Count).await == letters.len()).then_some(()) };
    wait::until("a dry run that meets every letter", LIMIT, counted).await;
    let (mut replayed, home) = (0, format!("/v1/calls?limit=1&phone_number_id={}", bought["id"].as_str().unwrap()));
    while replayed < letters.len() {
        // A letter that another test holds at the moment is met the next time.
        let more = wait::until("letters to be replayed", LIMIT, || async { Some(own.treat(Treatment::SendHome).await).filter(|n| *n > 0) });
        replayed += more.await;
    }
    let arrived = || async { (world.client.get(&home).await.expect(200)["total"] == BATCHES).then_some(()) };
    wait::until("the calls to come home", LIMIT, arrived).await;
    total(&world, "direction=inbound", 2 * BATCHES).await;
    assert!(own.look().await.is_empty());
}
