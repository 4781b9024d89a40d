//! Twilio: a number has its URLs itself. Source: "`IncomingPhoneNumber` resource" of Twilio's API reference.

use anyhow::Context as _;
use domain::E164;
use serde_json::Value;

use super::{CarrierApi, Change, Plan, Target, change};

/// The settings of one number.
#[derive(Debug)]
pub(super) struct Work {
    path: String,
    form: Vec<(&'static str, String)>,
}

/// A number's settings: their names in answers and in requests. A trunk or an application would go before the URL.
const SETTINGS: [(&str, &str); 6] = [
    ("voice_url", "VoiceUrl"),
    ("voice_method", "VoiceMethod"),
    ("status_callback", "StatusCallback"),
    ("status_callback_method", "StatusCallbackMethod"),
    ("voice_application_sid", "VoiceApplicationSid"),
    ("trunk_sid", "TrunkSid"),
];

impl CarrierApi {
    fn twilio_path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.account.id)
    }

    pub(super) async fn twilio_account(&self) -> anyhow::Result<String> {
        let account = self.get(&self.twilio_path(".json")).await?;
        let text = |name: &str| account[name].as_str().unwrap_or_default().to_owned();
        anyhow::ensure!(text("status") == "active", "the account is not active: {}", text("status"));
        Ok(text("friendly_name"))
    }

    pub(super) async fn plan_twilio(&self, number: &E164, target: &Target) -> anyhow::Result<Plan> {
        let digits = number.as_str().trim_start_matches('+');
        let found = self.get(&self.twilio_path(&format!("/IncomingPhoneNumbers.json?PhoneNumber=%2B{digits}"))).await?;
        let is_its = |known: &&Value| known["phone_number"].as_str() == Some(number.as_str());
        let numbers = found["incoming_phone_numbers"].as_array();
        let known = numbers.and_then(|numbers| numbers.iter().find(is_its)).context("the account has no such number")?;
        let wanted = [target.voice_url.as_str(), "POST", target.status_url.as_str(), "POST", "", ""];
        let changes: Vec<Change> =
            SETTINGS.iter().zip(wanted).filter_map(|((name, _), wanted)| change(name, known.get(name), wanted)).collect();
        let changed = |name: &str| changes.iter().find(|change| change.setting == name);
        let form = SETTINGS.iter().filter_map(|(name, field)| Some((*field, changed(name)?.after.clone()))).collect();
        let sid = known["sid"].as_str().context("the carrier's answer names no number")?;
        let work = Work { path: self.twilio_path(&format!("/IncomingPhoneNumbers/{sid}.json")), form };
        Ok(Plan { changes, work: super::Work::Twilio(work) })
    }

    pub(super) async fn apply_twilio(&self, work: &Work) -> anyhow::Result<()> {
        if work.form.is_empty() { Ok(()) } else { self.post_form(&work.path, &work.form).await.map(drop) }
    }
}
