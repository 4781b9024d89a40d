//! Plivo and Vobiz: URLs belong to an application, and a number to one. Each credential has an application of its own.
//!
//! Sources: "Application" and "Number" of Plivo's API reference, "Applications" and "Phone numbers" of Vobiz'.

use anyhow::Context as _;
use domain::{E164, carrier::Carrier};
use serde_json::{Value, json};

use super::{CarrierApi, Change, Plan, Target, change};

/// How many entries of a list are asked for at once, and how many lists are walked at most.
const PAGE: usize = 20;
const PAGES: usize = 500;

/// An application as it shall be, and the number that shall belong to it.
#[derive(Debug)]
pub(super) struct Work {
    number: E164,
    /// The application's id, if there is one.
    application: Option<String>,
    /// Its settings, if they change.
    settings: Option<Value>,
    /// Whether the number has to be moved.
    moves: bool,
}

impl CarrierApi {
    fn path(&self, rest: &str) -> String {
        match self.account.carrier {
            Carrier::Vobiz => format!("/api/v1/Account/{}{rest}", self.account.id),
            Carrier::Twilio | Carrier::Plivo => format!("/v1/Account/{}{rest}", self.account.id),
        }
    }

    pub(super) async fn account_of_applications(&self) -> anyhow::Result<String> {
        // Vobiz has no account to look at; its applications show whether the token is good.
        if self.account.carrier == Carrier::Vobiz {
            return self.get(&self.path("/Application/?limit=1&offset=0")).await.map(|_| self.account.id.clone());
        }
        let account = self.get(&self.path("/")).await?;
        Ok(account["name"].as_str().unwrap_or(&self.account.id).to_owned())
    }

    pub(super) async fn plan_application(&self, number: &E164, target: &Target) -> anyhow::Result<Plan> {
        let name = format!("trunkline-{}", target.credential);
        let current = self.application_of(number).await?;
        let known = self.find("/Application/", "objects", |application| application["app_name"].as_str() == Some(&name)).await?;
        let wanted = [
            ("answer_url", target.voice_url.as_str()),
            ("answer_method", "POST"),
            ("hangup_url", target.status_url.as_str()),
            ("hangup_method", "POST"),
        ];
        let known_setting = |setting: &str| known.as_ref().and_then(|known| known.get(setting));
        let mut changes: Vec<Change> = wanted.iter().filter_map(|(name, after)| change(name, known_setting(name), after)).collect();
        let settings = (!changes.is_empty()).then(|| {
            let mut settings: serde_json::Map<String, Value> =
                wanted.iter().map(|(name, after)| ((*name).to_owned(), json!(after))).collect();
            settings.insert("app_name".to_owned(), json!(name));
            Value::Object(settings)
        });
        let application = known.as_ref().and_then(|known| known["app_id"].as_str()).map(str::to_owned);
        let moves = application.is_none() || application != current;
        if moves {
            let after = application.clone().unwrap_or(name);
            changes.insert(0, Change { setting: "application", before: current.unwrap_or_default(), after });
        }
        let work = Work { number: number.clone(), application, settings, moves };
        Ok(Plan { changes, work: super::Work::Application(work) })
    }

    /// The id of the application that a number belongs to, if it belongs to one.
    async fn application_of(&self, number: &E164) -> anyhow::Result<Option<String>> {
        if self.account.carrier == Carrier::Vobiz {
            let is_its = |known: &Value| known["e164"].as_str() == Some(number.as_str());
            let known = self.find("/numbers", "items", is_its).await?.context("the account has no such number")?;
            return Ok(known["application_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned));
        }
        let known = self.get(&self.path(&format!("/Number/{}/", digits(number)))).await?;
        // `/v1/Account/{auth id}/Application/{app id}/`
        let application = known["application"].as_str().unwrap_or_default();
        Ok(application.trim_end_matches('/').rsplit('/').next().filter(|id| !id.is_empty()).map(str::to_owned))
    }

    /// The first entry of a list that fits.
    async fn find(&self, list: &str, entries: &str, fits: impl Fn(&Value) -> bool) -> anyhow::Result<Option<Value>> {
        for page in 0..PAGES {
            let answer = self.get(&self.path(&format!("{list}?limit={PAGE}&offset={}", page * PAGE))).await?;
            let found = answer[entries].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(entry) = found.iter().find(|entry| fits(entry)) {
                return Ok(Some(entry.clone()));
            }
            if found.len() < PAGE {
                return Ok(None);
            }
        }
        anyhow::bail!("the carrier's list {list} does not end")
    }

    pub(super) async fn apply_application(&self, work: &Work) -> anyhow::Result<()> {
        let application = match (&work.application, &work.settings) {
            (Some(id), Some(settings)) => {
                self.post(&self.path(&format!("/Application/{id}/")), settings).await?;
                id.clone()
            }
            (Some(id), None) => id.clone(),
            (None, settings) => {
                let created = self.post(&self.path("/Application/"), settings.as_ref().unwrap_or(&Value::Null)).await?;
                created["app_id"].as_str().context("the carrier names no new application")?.to_owned()
            }
        };
        if !work.moves {
            return Ok(());
        }
        let moved = match self.account.carrier {
            Carrier::Vobiz => {
                let path = self.path(&format!("/numbers/%2B{}/application", digits(&work.number)));
                self.post(&path, &json!({"application_id": application})).await
            }
            Carrier::Twilio | Carrier::Plivo => {
                self.post(&self.path(&format!("/Number/{}/", digits(&work.number))), &json!({"app_id": application})).await
            }
        };
        moved.map(drop)
    }
}

fn digits(number: &E164) -> &str {
    number.as_str().trim_start_matches('+')
}
