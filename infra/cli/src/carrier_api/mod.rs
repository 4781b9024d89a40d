//! What the operator's command does at a carrier: whether a token is good, and where a number's calls are sent.
//!
//! Every change is planned first and shown; nothing is written but what was shown.

mod applications;
mod twilio;

use std::time::Duration;

use anyhow::Context as _;
use domain::{CredentialId, E164, callback::CallbackToken, carrier::Carrier};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// How long a carrier may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of a carrier's refusal is repeated, in characters.
const TOLD_CHARS: usize = 300;

/// An account with a carrier.
#[derive(Debug, Clone)]
pub struct Account {
    /// The carrier.
    pub carrier: Carrier,
    /// The account's id there.
    pub id: String,
    /// The account's token.
    pub token: SecretString,
}

/// A carrier's API, as one account sees it.
#[derive(Debug)]
pub struct CarrierApi {
    http: reqwest::Client,
    base_url: String,
    account: Account,
}

/// Where a number's calls shall be sent: the callback URLs of a credential.
#[derive(Debug, Clone)]
pub struct Target {
    /// For questions where a call goes.
    pub voice_url: String,
    /// For what becomes of it.
    pub status_url: String,
    /// Whose they are.
    pub credential: CredentialId,
    /// The hash of the URL's token, by which the door knows it.
    pub token_hash: String,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name at the carrier.
    pub setting: &'static str,
    /// What it is.
    pub before: String,
    /// What it shall be.
    pub after: String,
}

/// What is to be done so that a number's calls are sent to a target.
#[derive(Debug)]
pub struct Plan {
    /// What will be different; nothing if all is as it shall be.
    pub changes: Vec<Change>,
    work: Work,
}

/// How a plan is carried out.
#[derive(Debug)]
enum Work {
    Twilio(twilio::Work),
    Application(applications::Work),
}

impl Target {
    /// Reads a voice URL, to which the status URL follows.
    ///
    /// # Errors
    /// If it is no voice URL of this carrier.
    pub fn of_voice_url(carrier: Carrier, voice_url: &str) -> anyhow::Result<Self> {
        let bare = voice_url.strip_suffix("/voice").context("the URL must end with /voice, as it was shown with the credential")?;
        let (door, token) = bare.rsplit_once('/').context("the URL carries no token")?;
        anyhow::ensure!(door.ends_with(&format!("/carriers/{carrier}")), "the URL is not one for {carrier}");
        let token: CallbackToken = token.parse().context("the URL carries no token")?;
        let (status_url, token_hash) = (format!("{bare}/status"), token.hash());
        Ok(Self { voice_url: voice_url.to_owned(), status_url, credential: token.credential, token_hash })
    }
}

impl CarrierApi {
    /// The carrier's API; `base_url` is for tests and mirrors, `None` for the carrier's own.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(account: Account, base_url: Option<String>) -> anyhow::Result<Self> {
        let own = match account.carrier {
            Carrier::Twilio => "https://api.twilio.com",
            Carrier::Plivo => "https://api.plivo.com",
            Carrier::Vobiz => "https://api.vobiz.ai",
        };
        let base_url = base_url.unwrap_or_else(|| own.to_owned()).trim_end_matches('/').to_owned();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build()?;
        Ok(Self { http, base_url, account })
    }

    /// Asks the carrier whether it knows the account under this token, and answers what it calls it.
    ///
    /// # Errors
    /// If it does not, or cannot be reached.
    pub async fn verify(&self) -> anyhow::Result<String> {
        match self.account.carrier {
            Carrier::Twilio => self.twilio_account().await,
            Carrier::Plivo | Carrier::Vobiz => self.account_of_applications().await,
        }
    }

    /// Looks where a number's calls are sent, and plans what has to change.
    ///
    /// # Errors
    /// If the account has no such number, or the carrier refuses or cannot be reached.
    pub async fn plan(&self, number: &E164, target: &Target) -> anyhow::Result<Plan> {
        match self.account.carrier {
            Carrier::Twilio => self.plan_twilio(number, target).await,
            Carrier::Plivo | Carrier::Vobiz => self.plan_application(number, target).await,
        }
    }

    /// Carries a plan out.
    ///
    /// # Errors
    /// If the carrier refuses or cannot be reached: planning anew tells how far it came.
    pub async fn apply(&self, plan: &Plan) -> anyhow::Result<()> {
        match &plan.work {
            Work::Twilio(work) => self.apply_twilio(work).await,
            Work::Application(work) => self.apply_application(work).await,
        }
    }

    /// A request with the account's credentials.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (account, token) = (&self.account.id, self.account.token.expose_secret());
        let request = self.http.request(method, format!("{}{path}", self.base_url));
        match self.account.carrier {
            Carrier::Twilio | Carrier::Plivo => request.basic_auth(account, Some(token)),
            Carrier::Vobiz => request.header("X-Auth-ID", account).header("X-Auth-Token", token),
        }
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        answered(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        answered(self.request(Method::POST, path).header("content-type", "application/json").body(body.to_string())).await
    }

    async fn post_form(&self, path: &str, form: &[(&str, String)]) -> anyhow::Result<Value> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        answered(self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }
}

/// A carrier's answer, if it is a good one.
async fn answered(request: RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await.context("the carrier cannot be reached")?;
    let status = response.status();
    let text = response.text().await.context("the carrier's answer breaks off")?;
    if status.is_success() {
        return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
    }
    match status.as_u16() {
        401 | 403 => anyhow::bail!("the carrier does not accept the account's token ({status})"),
        _ => anyhow::bail!("the carrier answers {status}: {}", text.chars().take(TOLD_CHARS).collect::<String>()),
    }
}

/// The change of a setting, if it differs.
fn change(setting: &'static str, before: Option<&Value>, after: &str) -> Option<Change> {
    let before = before.and_then(Value::as_str).unwrap_or_default();
    (before != after).then(|| Change { setting, before: before.to_owned(), after: after.to_owned() })
}
