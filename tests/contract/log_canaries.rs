//! No log line shows what it must not, at any level that the template allows: keys, tokens, secrets, whole phone numbers,
//! transcripts, or whatever else a client or a source of events sent.

use std::{
    io,
    sync::{Arc, Mutex},
};

use http::Method;
use runtime::{Clock, telemetry};
use testkit::{Asked, costs, fixture};
use webhooks::guard::Loopback;

use crate::{
    every_route::{Parts, anonymous, functions, told},
    route_samples::SAMPLES,
    template::template,
    whole_life::{Life, texts},
};

/// Keeps what is logged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// All of them.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines in which a text stands, as it is or as a URL carries it.
    fn with(&self, text: &str) -> Vec<String> {
        let all = self.text();
        let encoded = text.replace('+', "%2B");
        all.lines().filter(|line| line.contains(text) || line.contains(&encoded)).map(str::to_owned).take(3).collect()
    }
}

/// The beginnings of all that the life made up to be secret, of keys, users' tokens, signing secrets and every number that had a part in
/// it; and what was said in its calls.
const NEVER: [&str; 9] = ["canary", "kros_live_", "kros_test_", "eyJ", "whsec_", "+234803", "+234805", "+1415", "appointment"];

#[tokio::test]
async fn no_log_line_of_a_whole_life_shows_what_it_must_not() {
    let lines = Lines::default();
    let to = lines.clone();
    let logging = tracing::subscriber::set_default(telemetry::subscriber(&most_talkative(), move || to.clone()));
    let life = Life::begin().await;
    life.whole().await;
    out_of_order(&life).await;
    let seen = [("x-request-id", "planted-request")];
    life.cloud.processes().ask_with(life.live.key.reveal(), Method::GET, "/v1/calls", "", &seen).await;
    drop(logging);
    assert_eq!(lines.with("planted-request").len(), 1, "a request's line is found");
    assert!(lines.with("\"level\":\"DEBUG\"").len() + lines.with("\"level\":\"INFO\"").len() > 3);
    let shown = life.cloud.secrets_shown();
    assert!(shown.len() >= 10, "{shown:?}");
    for never in NEVER.into_iter().chain(shown.iter().map(String::as_str)) {
        assert_eq!(lines.with(never), [""; 0], "{never}");
    }
}

/// Every route and the functions behind the queues while neither table nor queue can be reached.
async fn out_of_order(life: &Life) {
    // No request reaches the table but the look-up of a key, so that every handler tells of a fault.
    let table = life.cloud.local.failing(|asked| !matches!(asked, Asked::Get(pk, _) if pk.starts_with("KEY#")));
    let parts = || Parts {
        table: table.clone(),
        vault: costs::vault(),
        queue: fixture::nowhere(),
        clock: Clock::System,
        guard: Loopback::Allowed.into(),
    };
    let (functions, mut failed) = (functions(|_| parts()), 0);
    for sample in SAMPLES {
        let request = anonymous(&sample.method(), &sample.path(&life.live)).header("x-api-key", life.live.key.reveal());
        let told = told(&functions, request.body(sample.body_of(&life.live).into()).unwrap()).await;
        failed += usize::from(told.status == 503 || told.status == 500);
    }
    assert!(failed > SAMPLES.len() / 2, "{failed}");
    let (_, events) = life.events("answered-call.json");
    let Parts { table, queue, clock, .. } = parts();
    let function = call_events::CallEvents::new(table, queue.clone(), queue, clock);
    let answer = function.handle(costs::batch(&texts(&events))).await;
    assert_eq!(answer.batch_item_failures.len(), events.len());
}

/// The level that logs most, of those that a deployment may choose.
fn most_talkative() -> String {
    let template = template();
    let allowed = template["Parameters"]["LogLevel"]["AllowedValues"].as_sequence().unwrap();
    allowed.last().unwrap().as_str().unwrap().to_owned()
}
