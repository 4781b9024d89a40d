//! What the operator's command does with dead letters, on real queues.

use std::collections::BTreeSet;

use aws_sdk_sqs::{
    Client,
    types::{Message, MessageSystemAttributeName, QueueAttributeName},
};
use domain::{CallId, DeliveryId, OrgId, Timestamp};
use queue::{
    DeadLetter, DeadLetterError, DeadLetters, OutMessage, Sender, WorkQueue,
    dead_letters::{Cause, Pace},
};
use runtime::random;
use serde_json::json;
use testkit::{Stack, fixture};
use trunkline::dead_letters::{Choice, Tally, Treatment, look, treat};

/// The local queue is one process: if it says that there is no message, there is none.
const PACE: Pace = Pace { hidden_seconds: 60, wait_seconds: 0 };

struct Bench {
    sqs: Client,
    home: String,
    dead: String,
    letters: DeadLetters,
}

async fn create(sqs: &Client, name: &str) -> String {
    sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

impl Bench {
    /// Queues of a stack of the test's own.
    async fn start() -> Self {
        let sqs = Stack::load().unwrap().sqs();
        let stack = format!("letters-{}", DeliveryId::new(fixture::now(), random::bytes()));
        let home = create(&sqs, &format!("{stack}-call-events")).await;
        let dead = create(&sqs, &format!("{stack}-call-events-dead-letters")).await;
        let letters = DeadLetters::find(sqs.clone(), &stack, WorkQueue::CallEvents, PACE).await.unwrap();
        Self { sqs, home, dead, letters }
    }

    async fn bury(&self, body: &str, reason: &str) {
        Sender::new(self.sqs.clone(), self.dead.clone()).send_dead(body, reason).await.unwrap();
    }

    async fn look(&self, choice: &Choice, now: Timestamp) -> Vec<DeadLetter> {
        let mut letters = Vec::new();
        look(&self.letters, choice, now, |letter| letters.push(letter), |_| ()).await.unwrap();
        letters
    }

    async fn all(&self) -> Vec<DeadLetter> {
        self.look(&Choice::default(), fixture::now()).await
    }

    async fn treat(&self, choice: &Choice, treatment: Treatment) -> Tally {
        treat(&self.letters, choice, treatment, fixture::now(), |_| ()).await.unwrap()
    }

    /// Takes what lies in a queue.
    async fn drain(&self, url: &str) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let request = self.sqs.receive_message().queue_url(url).max_number_of_messages(10);
            let answer = request.message_system_attribute_names(MessageSystemAttributeName::All).send().await.unwrap();
            match answer.messages.unwrap_or_default() {
                messages if messages.is_empty() => return all,
                messages => all.extend(messages),
            }
        }
    }
}

fn organization() -> OrgId {
    OrgId::new(fixture::now(), random::bytes())
}

fn body_of(organization: OrgId, n: usize) -> String {
    json!({"organization_id": organization, "call_id": CallId::new(fixture::now(), random::bytes()), "n": n}).to_string()
}

fn of(organization: OrgId) -> Choice {
    Choice { organization: Some(organization), ..Choice::default() }
}

fn bodies<'a>(letters: impl IntoIterator<Item = &'a DeadLetter>) -> BTreeSet<&'a str> {
    letters.into_iter().map(|letter| letter.body.as_str()).collect()
}

#[tokio::test]
async fn a_look_shows_every_letter_once_with_its_reason_and_age_and_leaves_all_of_them() {
    let (bench, organization) = (Bench::start().await, organization());
    let sent: Vec<String> = (0..35).map(|n| body_of(organization, n)).collect();
    let before = fixture::now();
    for body in &sent {
        bench.bury(body, "no such number").await;
    }
    for _ in 0..2 {
        let letters = bench.all().await;
        assert_eq!((letters.len(), bodies(&letters)), (35, sent.iter().map(String::as_str).collect()), "nothing is left hidden");
        assert!(letters.iter().all(|letter| letter.cause == Cause::Told("no such number".to_owned())));
        assert!(letters.iter().all(|letter| letter.sent_at.is_some_and(|at| (before..=fixture::now()).contains(&at))));
        assert!(letters.iter().all(|letter| letter.organization_id() == Some(organization) && letter.call_id().is_some()));
    }
    let held = bench.letters.held().await.unwrap();
    assert_eq!((held.waiting, held.hidden), (35, 0));
}

#[tokio::test]
async fn a_replay_sends_the_chosen_home_in_their_organizations_group_and_leaves_the_others() {
    let (bench, [one, other]) = (Bench::start().await, [organization(), organization()]);
    let sent: Vec<String> = (0..24).map(|n| body_of(if n % 2 == 0 { one } else { other }, n)).collect();
    for body in &sent {
        bench.bury(body, "no such number").await;
    }
    assert_eq!(bench.treat(&of(one), Treatment::Count).await.chosen.len(), 12);
    assert_eq!((bench.drain(&bench.home).await.len(), bench.all().await.len()), (0, 24), "counting changes nothing");
    let tally = bench.treat(&of(one), Treatment::SendHome).await;
    assert_eq!((tally.chosen.len(), tally.refused.len()), (12, 0));
    let home = bench.drain(&bench.home).await;
    let expected: BTreeSet<&str> = sent.iter().step_by(2).map(String::as_str).collect();
    assert_eq!((home.len(), home.iter().filter_map(Message::body).collect()), (12, expected));
    let group = |message: &Message| message.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId].clone();
    assert!(home.iter().all(|message| group(message) == one.to_string()));
    let left = bench.all().await;
    assert_eq!((left.len(), bodies(&left)), (12, sent.iter().skip(1).step_by(2).map(String::as_str).collect()));
    assert_eq!(bench.treat(&of(one), Treatment::SendHome).await, Tally::default(), "nothing is sent twice");
}

#[tokio::test]
async fn only_what_was_chosen_is_dropped() {
    let bench = Bench::start().await;
    for (body, reason) in [("a", "No such number"), ("b", "no such NUMBER"), ("c", "body: must be JSON"), ("d", "too large")] {
        bench.bury(body, reason).await;
    }
    let by_reason = Choice { reason: Some("such Number".to_owned()), ..Choice::default() };
    assert_eq!(bench.treat(&by_reason, Treatment::Drop).await.chosen.len(), 2);
    let left = bench.all().await;
    assert_eq!(bodies(&left), BTreeSet::from(["c", "d"]));
    let c = left.iter().find(|letter| letter.body == "c").unwrap().message_id.clone();
    let by_id = Choice { ids: vec![c.clone(), "nobody".to_owned()], ..Choice::default() };
    assert_eq!(bench.look(&by_id, fixture::now()).await.len(), 1);
    assert_eq!(bench.treat(&by_id, Treatment::Drop).await.chosen, BTreeSet::from([c]));
    assert_eq!(bodies(&bench.all().await), BTreeSet::from(["d"]));
    assert_eq!(bench.treat(&Choice::default(), Treatment::Drop).await.chosen.len(), 1);
    assert_eq!((bench.all().await.len(), bench.drain(&bench.home).await.len()), (0, 0));
}

#[tokio::test]
async fn what_fails_again_comes_back_as_a_new_letter_and_is_not_sent_round_and_round() {
    let bench = Bench::start().await;
    bench.bury("poison", "bad").await;
    let started = fixture::now();
    // The function is quick: before the walk has ended the letter lies there once more.
    let mut rounds = 0;
    let each = async |walk: &mut queue::dead_letters::Walk<'_>, letters: Vec<DeadLetter>| {
        rounds += 1;
        assert_eq!(walk.send_home(&letters).await?, []);
        while fixture::now() <= started {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        bench.bury("poison", "still bad").await;
        Ok(())
    };
    bench.letters.walk(started, each).await.unwrap();
    assert_eq!((rounds, bench.drain(&bench.home).await.len()), (1, 1));
    let letters = bench.all().await;
    assert_eq!(letters.iter().map(|letter| letter.cause.to_string()).collect::<Vec<_>>(), ["still bad"]);
}

#[tokio::test]
async fn a_letter_that_the_queue_moved_itself_says_so_and_goes_home_in_its_own_group() {
    let bench = Bench::start().await;
    let names = [QueueAttributeName::QueueArn];
    let request = bench.sqs.get_queue_attributes().queue_url(&bench.dead).set_attribute_names(Some(names.into()));
    let arn = request.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1}).to_string();
    let request = bench.sqs.set_queue_attributes().queue_url(&bench.home).attributes(QueueAttributeName::RedrivePolicy, policy);
    request.send().await.unwrap();
    let message = OutMessage { body: "crashes".to_owned(), delay_seconds: 0, group: Some("group-1".to_owned()) };
    Sender::new(bench.sqs.clone(), bench.home.clone()).send_all(&[message]).await.unwrap();
    for expected in [1, 0] {
        let received = bench.sqs.receive_message().queue_url(&bench.home).visibility_timeout(0).send().await.unwrap();
        assert_eq!(received.messages().len(), expected);
    }
    let letters = bench.all().await;
    assert_eq!((letters.len(), &letters[0].cause), (1, &Cause::ReceivedTooOften));
    let too_often = Choice { reason: Some("too often".to_owned()), ..Choice::default() };
    assert_eq!(bench.treat(&too_often, Treatment::SendHome).await.chosen.len(), 1);
    let home = bench.drain(&bench.home).await;
    let group = &home[0].attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId];
    assert_eq!((home.len(), home[0].body(), group.as_str()), (1, Some("crashes"), "group-1"));
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_named() {
    let sqs = Stack::load().unwrap().sqs();
    let found = DeadLetters::find(sqs, "nobody", WorkQueue::WebhookDeliveries, PACE).await;
    assert!(matches!(found, Err(DeadLetterError::NotFound { name, .. }) if name == "nobody-webhook-deliveries-dead-letters"));
}
