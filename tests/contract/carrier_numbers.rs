//! Numbers of an organization's own carriers: one store with two faces, one owner, counts that are exact in any race.

use domain::{Mode, carrier::Carrier, credential::CarrierCredential, inventory::Slot, number::PhoneNumber};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use store::{Bought, Consistency, CredentialFault, DeletedCredential, Registered, Table, Tenant};
use testkit::{Fixture, LocalTable, Stack, fixture};

use crate::{
    carrier_credentials::{Bench, NUMBERS, PROVIDERS},
    kms,
};

const ROUNDS: u32 = 100;
const HALF: u32 = 16;

async fn bench() -> Bench {
    Bench::start(kms::vault(&[&kms::makes(kms::OLD_KEY), &kms::unwraps()])).await
}

fn order(credential: &str, e164: &str) -> Value {
    json!({"e164": e164, "provider": "twilio", "credentials_id": credential})
}

#[tokio::test]
async fn a_registered_number_is_in_both_views_and_a_bought_one_in_one() {
    let bench = bench().await;
    let credential = bench.credential().await;
    bench.local.table.import_slot(Mode::Live, &fixture::slot(1)).await.unwrap();
    let bought = bench.post("/v1/phone-numbers", json!({"inventory_id": fixture::slot(1).address().id()})).await.json();
    let agent = "agent_01HZ2N7G3K8M0Q5R7T9V2X4Y6Z";
    let mut wanted = order(&format!("prov_{credential}"), "+234 805 000 0001");
    wanted["agent_id"] = json!(agent);
    wanted["outbound_enabled"] = json!(false);
    let registered = bench.post("/api/v1/telephony/numbers", wanted).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    let registered = registered.json();
    assert!(registered.as_object().unwrap().values().all(Value::is_string), "{registered}");
    assert_eq!((&registered["e164"], &registered["agent_id"]), (&json!("+2348050000001"), &json!(agent)));

    let list = bench.get(NUMBERS).await.json();
    assert_eq!((&list["total"], &list["data"]), (&json!(1), &list["numbers"]));
    let row = &list["numbers"][0];
    assert_eq!((&row["id"], &row["credentials_id"], &row["provider"]), (&registered["id"], &json!(credential), &json!("twilio")));
    assert_eq!((&row["inbound_enabled"], &row["outbound_enabled"]), (&json!(true), &json!(false)));
    assert_eq!(bench.get(&format!("{NUMBERS}?agent_id={agent}")).await.json()["total"], 1);
    assert_eq!(bench.get(&format!("{NUMBERS}?agent_id=another")).await.json()["total"], 0);
    assert_eq!(bench.get(&format!("{NUMBERS}?agent_id=")).await.json()["total"], 1);

    let both = bench.get("/v1/phone-numbers?envelope=true").await.json();
    assert_eq!(both["total"], 2);
    let shown = bench.get(&format!("/v1/phone-numbers/pn_{}", registered["id"].as_str().unwrap())).await.json();
    assert_eq!((&shown["source"], &shown["provider"], &shown["country"]), (&json!("byo"), &json!("twilio"), &json!("NG")));
    assert_eq!((&shown["credentials_id"], &shown["agent_id"]), (&json!(credential), &json!(agent)));
    assert_eq!((&shown["sip_credentials"], &shown["allow_outbound"]), (&json!(null), &json!(false)));
    let other_face = format!("{NUMBERS}/{}", bought["id"].as_str().unwrap());
    assert_eq!(bench.patch(&other_face, json!({"agent_id": "a"})).await.said(), (404, "Phone number not found"));
    assert_eq!(bench.delete(&other_face).await.said(), (404, "Phone number not found"));
}

#[tokio::test]
async fn a_number_is_pinned_unpinned_and_deleted() {
    let bench = bench().await;
    let credential = bench.credential().await;
    let number = bench.post(NUMBERS, order(&credential, "+2348050000001")).await.json();
    assert_eq!(number["agent_id"], "");
    let path = format!("{NUMBERS}/num_{}", number["id"].as_str().unwrap());
    let agent = async || bench.get(NUMBERS).await.json()["numbers"][0]["agent_id"].clone();
    for (sent, kept) in [(json!("a-1"), json!("a-1")), (json!(""), json!(null)), (json!("a-2"), json!("a-2")), (json!(null), json!(null))] {
        assert_eq!(bench.patch(&path, json!({"agentId": sent})).await.said(), (204, ""));
        assert_eq!(agent().await, kept);
    }
    for wrong in
        [json!({}), json!({"agent": "a"}), json!({"agent_id": 7}), json!({"agent_id": "x".repeat(129)}), json!({"agent_id": "a\nb"})]
    {
        let refused = bench.patch(&path, wrong.clone()).await;
        assert!(refused.text.starts_with("Invalid body or duplicate number: agent_id: "), "{wrong}: {}", refused.text);
    }
    assert_eq!(bench.delete(&format!("{PROVIDERS}/{credential}")).await.said(), (409, "Credential in use by phone numbers"));
    assert_eq!(bench.get(PROVIDERS).await.json()["providers"][0]["numbers_count"], 1);
    assert_eq!(bench.delete(&path).await.said(), (204, ""));
    assert_eq!(bench.delete(&path).await.said(), (404, "Phone number not found"));
    assert_eq!(bench.delete(&format!("{NUMBERS}/x")).await.said(), (404, "Phone number not found"));
    assert_eq!(bench.delete(&format!("{PROVIDERS}/{credential}")).await.said(), (204, ""));
}

#[tokio::test]
async fn both_lists_are_walked_by_link() {
    let bench = Bench::start(Stack::load().unwrap().vault().await).await;
    let credential = bench.credential().await;
    for _ in 0..2 {
        bench.credential().await;
    }
    for n in 1..=3 {
        assert_eq!(bench.post(NUMBERS, order(&credential, &format!("+234805000000{n}"))).await.status, 201);
    }
    for (path, name) in [(PROVIDERS, "providers"), (NUMBERS, "numbers")] {
        let whole = bench.get(path).await.json();
        assert_eq!(whole["total"], 3);
        let first = bench.get(&format!("{path}?limit=2")).await;
        let link = first.headers["link"].to_str().unwrap();
        let (next, _) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
        let second = bench.get(next).await;
        assert_eq!(second.headers.get("link"), None, "{path}");
        let (first, second) = (first.json(), second.json());
        assert_eq!((&first["total"], &second["total"]), (&json!(3), &json!(3)));
        let walked: Vec<&Value> = [&first, &second].into_iter().flat_map(|page| page[name].as_array().unwrap()).collect();
        assert_eq!(walked, whole[name].as_array().unwrap().iter().collect::<Vec<_>>());
        let middle = bench.get(&format!("{path}?limit=1&offset=1")).await.json();
        assert_eq!(middle[name], json!([whole[name][1]]));
    }
}

#[tokio::test]
async fn what_stands_against_a_registration_is_told_at_once_and_nothing_is_written() {
    let bench = bench().await;
    let credential = bench.credential().await;
    bench.post(NUMBERS, order(&credential, "+2348050000001")).await.json();
    let before = bench.stored().await.len();
    let unknown = "0198c0de-0000-7000-8000-000000000001";
    let mut plivo = order(&credential, "+2348050000002");
    plivo["provider"] = json!("plivo");
    let cases = [
        (json!({}), "e164: is required; provider: is required; credentials_id: is required"),
        (order(&credential, "08050000002"), "e164: must be an E.164 phone number such as +14155550100"),
        (order("agent_01HZ2N7G3K8M0Q5R7T9V2X4Y6Z", "+2348050000002"), "credentials_id: must be a UUID"),
        (order(unknown, "+2348050000002"), "credentials_id: is not the id of one of your credentials"),
        (plivo, "provider: is not the carrier of the credential"),
        (order(&credential, "+2348050000001"), "e164: is registered already"),
    ];
    for (body, told) in cases {
        let refused = bench.post(NUMBERS, body.clone()).await;
        assert_eq!(refused.said(), (400, format!("Invalid body or duplicate number: {told}").as_str()), "{body}");
    }
    assert_eq!(bench.stored().await.len(), before);
    let stranger = Fixture::create(&bench.local.table, Mode::Live).await.tenant;
    let theirs = fixture::credential(Carrier::Twilio, 1);
    bench.local.table.create_credential(stranger, &theirs).await.unwrap();
    let refused = bench.post(NUMBERS, order(&theirs.id.to_string(), "+2348050000003")).await;
    assert!(refused.text.contains("credentials_id"), "another organization's credential is none: {}", refused.text);
}

#[tokio::test]
async fn a_registration_that_is_tried_again_after_a_crash_answers_with_the_number() {
    let bench = bench().await;
    let (table, tenant) = (&bench.local.table, bench.fixture.tenant);
    let credential = fixture::credential(Carrier::Vobiz, 1);
    table.create_credential(tenant, &credential).await.unwrap();
    let number = fixture::carrier_number(&credential, 1);
    assert_eq!(table.register_number(tenant, &number, None).await.unwrap(), Registered::Done);
    assert_eq!(table.register_number(tenant, &number, None).await.unwrap(), Registered::Before(Box::new(number.clone())));
    assert_eq!(count(table, tenant, &credential).await, Some(1));
}

#[tokio::test]
async fn a_release_from_the_other_face_frees_the_credential_and_the_number() {
    let bench = bench().await;
    let credential = bench.credential().await;
    let number = bench.post(NUMBERS, order(&credential, "+2348050000001")).await.json();
    let voice = format!("/v1/phone-numbers/{}", number["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(bench.delete(&format!("{voice}?action=release")).await.json()["status"], "inactive");
    }
    assert_eq!(bench.get(NUMBERS).await.json()["total"], 0);
    assert_eq!(bench.delete(&format!("{NUMBERS}/{}", number["id"].as_str().unwrap())).await.status, 404);
    assert_eq!(bench.post(NUMBERS, order(&credential, "+2348050000001")).await.status, 201, "it is free again");
    assert_eq!(bench.get(PROVIDERS).await.json()["providers"][0]["numbers_count"], 1);
    assert_eq!(bench.delete(&voice).await.status, 200, "the record that was kept goes without touching the count");
    assert_eq!(bench.get(PROVIDERS).await.json()["providers"][0]["numbers_count"], 1);
}

async fn start() -> (LocalTable, Tenant) {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    (local, tenant)
}

async fn count(table: &Table, tenant: Tenant, credential: &CarrierCredential) -> Option<u32> {
    let key = store::access_patterns::credential(tenant.org(), tenant.mode(), credential.id);
    table.get(key, Consistency::Strong).await.unwrap().map(|credential| credential.numbers_count)
}

async fn hanging(table: &Table, tenant: Tenant, credential: &CarrierCredential) -> u32 {
    let numbers = table.numbers(tenant).await.unwrap();
    u32::try_from(numbers.iter().filter(|number| number.is_carriers() && number.credentials_id == Some(credential.id)).count()).unwrap()
}

#[tokio::test]
async fn a_number_that_was_bought_is_not_registered_and_the_reverse() {
    let (local, tenant) = start().await;
    let table = &local.table;
    let other = Fixture::create(table, Mode::Live).await.tenant;
    let credential = fixture::credential(Carrier::Twilio, 1);
    for tenant in [tenant, other] {
        table.create_credential(tenant, &credential).await.unwrap();
    }
    let number = fixture::carrier_number(&credential, 1);
    let slot = Slot { e164: number.e164.clone(), ..fixture::slot(1) };
    table.import_slot(Mode::Live, &slot).await.unwrap();
    let buy = async |buyer| {
        let (number, claim) = fixture::purchase(buyer, &slot, None);
        table.buy_number(buyer, &slot, &number, &claim, None).await.unwrap()
    };
    assert_eq!(table.register_number(tenant, &number, None).await.unwrap(), Registered::Done);
    assert_eq!((buy(tenant).await, buy(other).await), (Bought::OwnAlready, Bought::NotAvailable));
    let taken = Registered::Refused { taken: true, credential: None };
    let again = PhoneNumber { id: fixture::carrier_number(&credential, 1).id, ..number.clone() };
    assert_eq!(table.register_number(other, &again, None).await.unwrap(), taken);
    assert!(table.remove_carrier_number(tenant, number.id, fixture::now(), None).await.unwrap());
    assert_eq!(buy(other).await, Bought::Done);
    assert_eq!(table.register_number(tenant, &again, None).await.unwrap(), taken);
    assert_eq!((count(table, tenant, &credential).await, count(table, other, &credential).await), (Some(0), Some(0)));
    let in_test = Tenant::new(tenant.org(), Mode::Test);
    table.create_credential(in_test, &credential).await.unwrap();
    assert_eq!(table.register_number(in_test, &again, None).await.unwrap(), Registered::Done, "modes are apart");
}

#[tokio::test]
async fn registering_against_deleting_leaves_no_orphan_and_no_wrong_refusal() {
    let (local, tenant) = start().await;
    let table = &local.table;
    let mut deletions = 0;
    for round in 0..ROUNDS {
        let credential = fixture::credential(Carrier::Plivo, round);
        table.create_credential(tenant, &credential).await.unwrap();
        let numbers: Vec<PhoneNumber> = (0..HALF).map(|n| fixture::carrier_number(&credential, round * HALF + n)).collect();
        let registering = join_all(numbers.iter().map(|number| table.register_number(tenant, number, None)));
        let deleting = join_all((0..HALF).map(|_| table.delete_credential(tenant, credential.id)));
        // Whoever is asked first is often first.
        let (registered, deleted) = if round % 2 == 0 {
            join(registering, deleting).await
        } else {
            let (deleted, registered) = join(deleting, registering).await;
            (registered, deleted)
        };
        let registered: Vec<Registered> = registered.into_iter().map(Result::unwrap).collect();
        let deleted: Vec<DeletedCredential> = deleted.into_iter().map(Result::unwrap).collect();
        let gone = deleted.iter().filter(|deleted| **deleted == DeletedCredential::Done).count();
        if gone == 0 {
            assert!(registered.iter().all(|registered| *registered == Registered::Done), "round {round}");
            assert!(deleted.iter().all(|deleted| *deleted == DeletedCredential::InUse), "round {round}");
            assert_eq!(count(table, tenant, &credential).await, Some(HALF), "round {round}");
        } else {
            deletions += 1;
            let unknown = Registered::Refused { taken: false, credential: Some(CredentialFault::Unknown) };
            assert!(registered.iter().all(|registered| *registered == unknown), "round {round}");
            assert_eq!((gone, deleted.iter().filter(|deleted| **deleted == DeletedCredential::InUse).count()), (1, 0), "round {round}");
            assert_eq!(count(table, tenant, &credential).await, None, "round {round}");
            for number in &numbers {
                assert_eq!(table.claim(Mode::Live, &number.e164, Consistency::Strong).await.unwrap(), None, "nothing was claimed");
            }
        }
        assert_eq!(hanging(table, tenant, &credential).await, count(table, tenant, &credential).await.unwrap_or(0), "round {round}");
    }
    assert!(deletions > 0 && deletions < ROUNDS, "both sides win: {deletions} deletions in {ROUNDS} rounds");
}

#[tokio::test]
async fn registering_giving_back_and_deleting_at_once_keep_the_count_exact() {
    let (local, tenant) = start().await;
    let table = &local.table;
    for round in 0..ROUNDS {
        let credential = fixture::credential(Carrier::Vobiz, round);
        table.create_credential(tenant, &credential).await.unwrap();
        let held = fixture::carrier_number(&credential, round * HALF);
        assert_eq!(table.register_number(tenant, &held, None).await.unwrap(), Registered::Done);
        let more: Vec<PhoneNumber> = (1..HALF).map(|n| fixture::carrier_number(&credential, round * HALF + n)).collect();
        let registering = join_all(more.iter().map(|number| table.register_number(tenant, number, None)));
        let removing = join_all((0..8).map(|_| table.remove_carrier_number(tenant, held.id, fixture::now(), None)));
        let deleting = join_all((0..9).map(|_| table.delete_credential(tenant, credential.id)));
        let ((registered, removed), deleted) = join(join(registering, removing), deleting).await;
        assert_eq!(removed.into_iter().filter(|removed| *removed.as_ref().unwrap()).count(), 1, "round {round}: given back once");
        assert!(registered.iter().all(Result::is_ok) && deleted.iter().all(Result::is_ok), "round {round}");
        let counted = count(table, tenant, &credential).await;
        assert_eq!(hanging(table, tenant, &credential).await, counted.unwrap_or(0), "round {round}");
        let gone = deleted.iter().filter(|deleted| matches!(deleted, Ok(DeletedCredential::Done))).count();
        assert_eq!(counted.is_none(), gone == 1, "round {round}");
    }
}

#[tokio::test]
async fn of_thirty_two_registrations_of_one_number_one_succeeds() {
    let (local, tenant) = start().await;
    let table = &local.table;
    let other = Fixture::create(table, Mode::Live).await.tenant;
    for round in 0..ROUNDS {
        let credential = fixture::credential(Carrier::Twilio, round);
        for tenant in [tenant, other] {
            table.create_credential(tenant, &credential).await.unwrap();
        }
        let numbers: Vec<PhoneNumber> = (0..2 * HALF).map(|_| fixture::carrier_number(&credential, round)).collect();
        let registering = numbers.iter().enumerate().map(|(at, number)| table.register_number([tenant, other][at % 2], number, None));
        let registered = join_all(registering).await;
        let done = registered.iter().filter(|registered| matches!(registered, Ok(Registered::Done))).count();
        let taken = Registered::Refused { taken: true, credential: None };
        assert_eq!((done, registered.iter().filter(|registered| registered.as_ref().unwrap() == &taken).count()), (1, 31), "round {round}");
        let counts = [count(table, tenant, &credential).await, count(table, other, &credential).await];
        assert_eq!(counts.into_iter().flatten().sum::<u32>(), 1, "round {round}");
    }
}
