//! Cursors on a real table and a real KMS: a walk shows everything once, and a cursor opens its own list only.

use axum::Router;
use domain::Mode;
use http::Method;
use runtime::Clock;
use serde_json::{Value, json};
use store::{Consistency, SecretSetting, SettingName, Tenant, access_patterns};
use testkit::{
    Fixture, LocalTable, Stack,
    client::{Answer, ask},
    fixture,
};
use vault::Vault;

const NUMBERS: u32 = 12;

struct Bench {
    local: LocalTable,
    fixture: Fixture,
    vault: Vault,
    numbers: Router,
    endpoints: Router,
}

impl Bench {
    /// An organization with twelve numbers and one more on offer.
    async fn start() -> Self {
        let (local, vault) = (LocalTable::start().await, Stack::load().unwrap().vault().await);
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        for n in 0..NUMBERS {
            fixture::bought(&local.table, fixture.tenant, &fixture::slot(n), None).await;
        }
        for n in NUMBERS..NUMBERS + 12 {
            local.table.import_slot(Mode::Live, &fixture::slot(n)).await.unwrap();
        }
        let numbers = numbers(&local, &vault);
        let state = endpoints::State::new(
            local.table.clone(),
            vault.clone(),
            fixture::nowhere(),
            Clock::System,
            fixture::public_names(),
            "sip.example.com",
        );
        Self { local, fixture, vault, numbers, endpoints: endpoints::app(state) }
    }

    async fn get(&self, path: &str) -> Answer {
        ask(&self.numbers, self.fixture.key.reveal(), Method::GET, path, None).await
    }

    /// The cursor of the second page.
    async fn cursor(&self) -> String {
        let first = self.get("/v1/phone-numbers?limit=5&envelope=true").await.expect(200);
        first["next_cursor"].as_str().unwrap().to_owned()
    }
}

fn numbers(local: &LocalTable, vault: &Vault) -> Router {
    phone_numbers::app(phone_numbers::State::new(local.table.clone(), vault.clone(), fixture::nowhere(), Clock::System, "sip.example.com"))
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// The address in a `Link` header.
fn link(answer: &Answer) -> Option<String> {
    let text = answer.headers.get("link")?.to_str().unwrap();
    let (address, rest) = text.strip_prefix('<').unwrap().split_once('>').unwrap();
    assert_eq!(rest, "; rel=\"next\"");
    Some(address.to_owned())
}

#[tokio::test]
async fn x1_a_sealed_secret_of_the_deployment() {
    let bench = Bench::start().await;
    let key = || access_patterns::setting(SettingName::CursorKey);
    let table = &bench.local.table;
    assert_eq!(table.get(key(), Consistency::Strong).await.unwrap(), None);
    bench.cursor().await;
    let first = table.get(key(), Consistency::Strong).await.unwrap().unwrap();
    let other = SecretSetting { secret: domain::secret::Sealed::from_encoded("other".to_owned()) };
    assert_eq!(table.settle(SettingName::CursorKey, other).await.unwrap(), first, "who comes first decides");
}

#[tokio::test]
async fn a_walk_by_link_shows_every_number_once_while_others_are_bought_and_released() {
    let bench = Bench::start().await;
    let before = ids(&bench.get("/v1/phone-numbers?limit=100").await.expect(200));
    assert_eq!(before.len(), NUMBERS as usize);
    let (mut path, mut seen, mut bought) = ("/v1/phone-numbers?limit=5".to_owned(), Vec::new(), 100);
    loop {
        let page = bench.get(&path).await;
        assert_eq!(page.headers["x-total-count"], (NUMBERS + (bought - 100)).to_string().as_str());
        let next = link(&page);
        seen.extend(ids(&page.expect(200)));
        fixture::bought(&bench.local.table, bench.fixture.tenant, &fixture::slot(bought), None).await;
        bought += 1;
        match next {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(seen, before, "newest first, none twice, none left out, none that came later");
}

#[tokio::test]
async fn a_cursor_opens_its_own_list_only() {
    let bench = Bench::start().await;
    let cursor = bench.cursor().await;
    let second = bench.get(&format!("/v1/phone-numbers?limit=5&envelope=true&cursor={cursor}")).await.expect(200);
    assert_eq!((&second["offset"], &second["total"]), (&json!(5), &json!(12)));
    let other = Fixture::create(&bench.local.table, Mode::Live).await;
    let test = fixture::key(
        &bench.local.table,
        Tenant::new(bench.fixture.tenant.org(), Mode::Test),
        domain::scope::Scope::ALL.iter().copied().collect(),
    )
    .await;
    let mine = bench.fixture.key.reveal();
    let mut changed = cursor.clone().into_bytes();
    changed[3] = if changed[3] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    let refused = [
        (&bench.numbers, other.key.reveal(), format!("/v1/phone-numbers?cursor={cursor}")),
        (&bench.numbers, test.reveal(), format!("/v1/phone-numbers?cursor={cursor}")),
        (&bench.endpoints, mine, format!("/v1/endpoints?cursor={cursor}")),
        (&bench.numbers, mine, format!("/v1/phone-numbers?action=available&country=NG&cursor={cursor}")),
        (&bench.numbers, mine, format!("/v1/phone-numbers?status=active&cursor={cursor}")),
        (&bench.numbers, mine, format!("/v1/phone-numbers?cursor={changed}")),
        (&bench.numbers, mine, format!("/v1/phone-numbers?cursor={}", &cursor[..cursor.len() - 2])),
        (&bench.numbers, mine, "/v1/phone-numbers?cursor=".to_owned()),
        (&bench.numbers, mine, format!("/v1/phone-numbers?cursor={}", "A".repeat(600))),
        (&bench.numbers, mine, format!("/v1/phone-numbers?offset=5&cursor={cursor}")),
        (&bench.numbers, mine, format!("/v1/phone-numbers?page=2&cursor={cursor}")),
        (&bench.numbers, mine, "/v1/phone-numbers?page=2&offset=5".to_owned()),
    ];
    for (app, key, path) in refused {
        let answer = ask(app, key, Method::GET, &path, None).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "VALIDATION_ERROR"), "{path}");
    }
}

#[tokio::test]
async fn no_changed_byte_of_a_cursor_is_taken() {
    let bench = Bench::start().await;
    let cursor = bench.cursor().await;
    for at in 0..cursor.len() {
        for byte in [b'A', b'b', b'9', b'_'] {
            let mut other = cursor.clone().into_bytes();
            other[at] = byte;
            let other = String::from_utf8(other).unwrap();
            if other == cursor {
                continue;
            }
            let answer = bench.get(&format!("/v1/phone-numbers?cursor={other}")).await;
            assert_eq!(answer.status.as_u16(), 400, "{other} for {cursor}");
        }
    }
}

#[tokio::test]
async fn another_process_goes_on_where_the_first_stopped_and_the_filters_spelling_does_not_matter() {
    let bench = Bench::start().await;
    let first = bench.get("/v1/phone-numbers?limit=5&includeReleased=true&type=mobile&envelope=true").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let elsewhere = numbers(&bench.local, &bench.vault);
    let path = format!("/v1/phone-numbers?type=mobile&include_released=true&limit=7&cursor={cursor}");
    let second = ask(&elsewhere, bench.fixture.key.reveal(), Method::GET, &path, None).await;
    assert_eq!(link(&second), None, "it is the last page");
    let whole = ids(&bench.get("/v1/phone-numbers?limit=100").await.expect(200));
    assert_eq!(ids(&second.expect(200)), whole[5..]);
}

#[tokio::test]
async fn what_can_be_bought_is_walked_by_number() {
    let bench = Bench::start().await;
    let path = "/v1/phone-numbers/available?country=NG&limit=8";
    let first = bench.get(path).await;
    let next = link(&first).unwrap();
    let mut seen = ids(&first.expect(200));
    seen.extend(ids(&bench.get(&next).await.expect(200)));
    assert_eq!(seen, ids(&bench.get("/v1/phone-numbers/available?country=NG&limit=100").await.expect(200)));
    assert_eq!(seen.len(), 12);
}

#[tokio::test]
async fn without_kms_a_list_answers_and_goes_on_by_offset() {
    let bench = Bench::start().await;
    let kms = Stack::load().unwrap().kms();
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    kms.disable_key().key_id(&key).send().await.unwrap();
    let cursor = bench.cursor().await;
    let app = numbers(&bench.local, &Vault::new(kms, key));
    // The vault names the key of each sealed value, so only a new key is missed: take the sealed one away.
    let stored = [("pk", "SETTING"), ("sk", "SETTING#cursor-key")]
        .map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned())));
    bench.local.client.delete_item().table_name("trunkline").set_key(Some(stored.into())).send().await.unwrap();
    let get = async |path: String| ask(&app, bench.fixture.key.reveal(), Method::GET, &path, None).await;
    let page = get("/v1/phone-numbers?limit=5".to_owned()).await;
    assert_eq!(link(&page).as_deref(), Some("/v1/phone-numbers?limit=5&offset=5"));
    assert_eq!(ids(&page.expect(200)).len(), 5);
    let refused = get(format!("/v1/phone-numbers?cursor={cursor}")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "ENCRYPTION_UNAVAILABLE"));
}
