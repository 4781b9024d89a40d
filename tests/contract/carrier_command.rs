//! `trunkline carrier` from the credential in the table to the carrier, and the inventory's columns that name a carrier.

use domain::{CredentialId, Mode, OrgId, callback::CallbackToken, carrier::Carrier, inventory::Trunk, wire::CallbackUrls};
use rstest::rstest;
use runtime::random;
use store::Tenant;
use testkit::{LocalTable, costs::vault, fixture};
use trunkline::{
    import::{Import, Tally},
    platform::{self, NewCredential},
    pointing::Opened,
};
use vault::Vault;

use crate::{
    carrier_api::{NUMBER, Shared, TOKEN, account, start},
    carrier_world::BASE,
};

/// A credential of the operator's in a table, and the API of its carrier.
struct Desk {
    local: LocalTable,
    vault: Vault,
    id: CredentialId,
    voice_url: String,
    api_url: String,
    kept: Shared,
}

fn voice_url(carrier: Carrier, callback: &CallbackToken) -> String {
    CallbackUrls::new(BASE, carrier, callback).voice_url.expose().to_owned()
}

async fn credential(local: &LocalTable, vault: &Vault, carrier: Carrier, token: &str) -> (CredentialId, CallbackToken) {
    let (label, account) = ("Ours".to_owned(), account(carrier).to_owned());
    let id = CredentialId::new(fixture::now(), random::bytes());
    let new = NewCredential { id, mode: Mode::Live, carrier, label, account, token: token.into() };
    let (credential, callback) = platform::add(&local.table, vault, new, fixture::now(), random::bytes()).await.unwrap();
    (credential.id, callback)
}

impl Desk {
    async fn of(carrier: Carrier, token: &str) -> Self {
        let (local, vault) = (LocalTable::start().await, vault());
        let (id, callback) = credential(&local, &vault, carrier, token).await;
        let (api_url, kept) = start(carrier).await;
        Self { local, vault, id, voice_url: voice_url(carrier, &callback), api_url, kept }
    }

    async fn find(&self, owner: Tenant) -> Result<Opened, String> {
        let found = Opened::find(&self.local.table, &self.vault, owner, self.id, fixture::now()).await;
        found.map_err(|error| error.to_string())
    }

    async fn verify(&self) -> Result<String, String> {
        let opened = self.find(platform::tenant(Mode::Live)).await.unwrap();
        opened.verify(Some(self.api_url.clone())).await.map_err(|error| format!("{error:?}"))
    }

    async fn point(&self, number: &str, voice_url: &str, wanted: bool) -> Result<String, String> {
        let opened = self.find(platform::tenant(Mode::Live)).await.unwrap();
        let pointed = opened.point(Some(self.api_url.clone()), &number.parse().unwrap(), voice_url, wanted).await;
        pointed.map_err(|error| format!("{error:?}"))
    }

    fn writes(&self) -> usize {
        self.kept.lock().unwrap().writes
    }
}

#[rstest]
#[tokio::test]
async fn a_credentials_token_is_tried_at_its_carrier(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let desk = Desk::of(carrier, TOKEN).await;
    let told = desk.verify().await.unwrap();
    assert!(told.starts_with(&format!("{carrier} knows {} under this token: ", account(carrier))) && !told.contains(TOKEN), "{told}");
    let refused = Desk::of(carrier, "canary-another").await.verify().await.unwrap_err();
    assert!(refused.contains("does not accept") && !refused.contains("canary"), "{refused}");
    for owner in [platform::tenant(Mode::Test), Tenant::new(OrgId::from_uuid(desk.id.as_uuid()), Mode::Live)] {
        assert!(desk.find(owner).await.unwrap_err().contains("there is no credential"), "it is the operator's live one");
    }
}

#[rstest]
#[tokio::test]
async fn what_differs_is_shown_first_and_changed_only_if_that_is_wanted(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
) {
    let desk = Desk::of(carrier, TOKEN).await;
    let shown = desk.point(NUMBER, &desk.voice_url, false).await.unwrap();
    assert!(shown.contains(&format!("\n  + {}\n", desk.voice_url)) && shown.ends_with("run it again with --yes"), "{shown}");
    assert_eq!(desk.writes(), 0);
    let done = desk.point(NUMBER, &desk.voice_url, true).await.unwrap();
    assert_eq!(done.lines().rev().skip(1).count(), shown.lines().rev().skip(1).count(), "what was shown is what is done");
    assert!(done.contains(&desk.voice_url) && done.ends_with("is pointed there now") && desk.writes() > 0, "{done}");
    let writes = desk.writes();
    assert_eq!(desk.point(NUMBER, &desk.voice_url, true).await.unwrap(), format!("{NUMBER} is pointed there already"));
    assert_eq!(desk.writes(), writes);
}

/// Twilio sends calls to a number's trunk or application, whatever its URL is.
#[tokio::test]
async fn a_number_that_hangs_on_a_trunk_or_an_application_is_taken_off_it() {
    let desk = Desk::of(Carrier::Twilio, TOKEN).await;
    let before = [("trunk_sid", "TK1"), ("voice_application_sid", "AP1")].map(|(name, sid)| (name.to_owned(), sid.to_owned()));
    desk.kept.lock().unwrap().number = before.into();
    let done = desk.point(NUMBER, &desk.voice_url, true).await.unwrap();
    assert!(done.contains("trunk_sid\n  - TK1\n  + \n") && done.contains("voice_application_sid\n  - AP1\n  + \n"), "{done}");
    let kept = desk.kept.lock().unwrap().number.clone();
    assert_eq!((kept["trunk_sid"].as_str(), kept["voice_application_sid"].as_str()), ("", ""));
}

#[tokio::test]
async fn a_number_is_pointed_at_the_credentials_own_url_alone() {
    let desk = Desk::of(Carrier::Twilio, TOKEN).await;
    let (_, other) = credential(&desk.local, &desk.vault, Carrier::Twilio, TOKEN).await;
    let table = &desk.local.table;
    platform::rotate_callbacks(table, Mode::Live, desk.id, fixture::now(), random::bytes()).await.unwrap();
    for (url, words) in [
        (voice_url(Carrier::Twilio, &other), "another credential's"),
        (desk.voice_url.clone(), "rotate-callbacks gives new ones"),
        (desk.voice_url.replace("twilio", "plivo"), ""),
    ] {
        let refused = desk.point(NUMBER, &url, true).await.unwrap_err();
        assert!(refused.contains(words) && !refused.contains(&url), "{refused}");
    }
    assert_eq!(desk.writes(), 0);
}

const HEADER: &str = "e164,country,type,region,voice,sms,fax,setup_cost_cents,monthly_cost_cents,carrier,credential\n";

async fn import(local: &LocalTable, rows: &str) -> Result<Tally, String> {
    let import = Import { table: local.table.clone(), modes: vec![Mode::Live], from_line: 1 };
    import.run(format!("{HEADER}{rows}").as_bytes(), |_| {}).await.map_err(|error| error.to_string())
}

fn row(n: u32, carrier: &str, credential: &str) -> String {
    format!("+234803{n:07},NG,mobile,,true,true,false,100,500,{carrier},{credential}\n")
}

#[tokio::test]
async fn the_inventory_names_by_which_credential_of_the_operators_a_numbers_calls_come() {
    let (local, vault) = (LocalTable::start().await, vault());
    let (id, _) = credential(&local, &vault, Carrier::Plivo, TOKEN).await;
    let id = id.to_string();
    let rows = [row(1, "plivo", &id), row(2, "", ""), row(3, "plivo", ""), row(4, "", &id), row(5, "acme", &id), row(6, "plivo", "x")];
    let tally = import(&local, &rows.concat()).await.unwrap();
    let bad: Vec<String> = tally.bad.iter().map(ToString::to_string).collect();
    assert_eq!((tally.offered, bad.len()), (2, 4), "{bad:?}");
    for (at, words) in
        [(0, "line 4: carrier and credential: go together"), (1, "line 5: carrier and credential"), (2, "carrier: "), (3, "credential: ")]
    {
        assert!(bad[at].contains(words), "{}", bad[at]);
    }
    let offered = local.table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap();
    let trunks: Vec<Option<Trunk>> = offered.iter().map(|slot| slot.trunk).collect();
    assert_eq!(trunks, [Some(Trunk { carrier: Carrier::Plivo, credential: id.parse().unwrap() }), None]);

    // The columns of a number that is on offer can be changed, and taken away.
    assert_eq!(import(&local, &row(2, "plivo", &id)).await.unwrap().offered, 1);
    assert_eq!(import(&local, &row(1, "", "")).await.unwrap().offered, 1);
    let offered = local.table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap();
    assert_eq!(offered.iter().map(|slot| slot.trunk.is_some()).collect::<Vec<_>>(), [false, true]);
}

/// Else a number would be sold that never rings.
#[tokio::test]
async fn a_number_is_not_offered_by_a_credential_that_the_operator_has_not() {
    let (local, vault) = (LocalTable::start().await, vault());
    let (id, _) = credential(&local, &vault, Carrier::Plivo, TOKEN).await;
    let unknown = CredentialId::new(fixture::now(), random::bytes()).to_string();
    for (carrier, credential) in [("twilio", id.to_string()), ("plivo", unknown)] {
        let tally = import(&local, &row(1, carrier, &credential)).await.unwrap();
        let bad: Vec<String> = tally.bad.iter().map(ToString::to_string).collect();
        let told = format!("line 2: credential: the operator has no {carrier} credential {credential} in live data");
        assert_eq!((tally.offered, bad), (0, vec![told]));
    }
    assert_eq!(local.table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap(), []);
}
