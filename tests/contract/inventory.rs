//! The inventory as the operator fills and lists it: each number is on offer in one place, once.

use std::fmt::Write as _;

use domain::{Country, E164, Mode, carrier::Carrier, inventory::NumberType};
use store::{Bought, Consistency, Imported, Offer, StockStatus, Table, access_patterns as patterns};
use testkit::{
    Fixture, LocalTable,
    faults::{Faults, Wire},
    fixture,
};
use trunkline::import::{Import, Tally};

const HEADER: &str = "e164,country,type,region,voice,sms,fax,setup_cost_cents,monthly_cost_cents\n";

fn live(table: &Table) -> Import {
    Import { table: table.clone(), modes: vec![Mode::Live], from_line: 1 }
}

async fn import(import: &Import, rows: &str) -> Tally {
    import.run(format!("{HEADER}{rows}").as_bytes(), |_| {}).await.unwrap()
}

fn row(n: u32) -> String {
    format!("+234803{n:07},NG,mobile,,true,true,false,100,500\n")
}

fn counts(tally: &Tally) -> (u64, u64, u64, usize) {
    (tally.offered, tally.unchanged, tally.owned, tally.bad.len())
}

#[tokio::test]
async fn good_rows_are_imported_and_bad_ones_named_with_line_and_reason() {
    let local = LocalTable::start().await;
    let rows = format!(
        "{}+14155550100,NG,local,,true,false,false,1,1\n{}nonsense,NG,local,,true,false,false,1,1\n{}\
         +2348030000009,NG,pager,,true,false,false,1,1\n+2348030000010,NG,mobile,,true,false,false,1\n\
         +2348030000011,NG,mobile,,perhaps,false,false,1,1\n +2348030000012 , xx , mobile , , true , false , false , 1 , -1 \n{}",
        row(1),
        row(2),
        row(1),
        row(3)
    );
    let tally = import(&live(&local.table), &rows).await;
    assert_eq!(counts(&tally), (3, 0, 0, 7));
    let bad: Vec<String> = tally.bad.iter().map(ToString::to_string).collect();
    assert_eq!(bad[0], "line 3: +14155550100 is not a number of NG");
    assert_eq!(bad[2], "line 6: +2348030000001 stands on line 2 already");
    for (at, line, words) in [
        (1, 5, "e164: must be an E.164"),
        (3, 7, "type: must be local, mobile or toll_free"),
        (4, 8, "has 8 columns and not 9"),
        (5, 9, "voice: must be true or false"),
        (6, 10, "country: must be an ISO 3166-1 alpha-2 country code such as US; monthly_cost_cents: must be a whole number of cents"),
    ] {
        assert!(bad[at].starts_with(&format!("line {line}: ")) && bad[at].contains(words), "{}", bad[at]);
    }
    assert_eq!(local.table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap().len(), 3);
    assert_eq!(local.table.available(Mode::Test, "NG".parse().unwrap(), None).await.unwrap(), []);
}

#[tokio::test]
async fn importing_again_costs_a_look_and_changed_prices_count_unless_the_number_is_sold() {
    let local = LocalTable::start().await;
    let table = &local.table;
    let rows: String = (1..=30).map(row).collect();
    let both = Import { modes: Mode::ALL.to_vec(), ..live(table) };
    assert_eq!(counts(&import(&both, &rows).await), (60, 0, 0, 0));
    let before = table.usage();
    assert_eq!(counts(&import(&both, &rows).await), (0, 60, 0, 0));
    let cost = table.usage() - before;
    assert_eq!((cost.requests, cost.write_units), (120, 0.0));

    let buyer = Fixture::create(table, Mode::Live).await.tenant;
    let slot = table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap().remove(0);
    let (number, claim) = fixture::purchase(buyer, &slot, None);
    assert_eq!(table.buy_number(buyer, &slot, &number, &claim, None).await.unwrap(), Bought::Done);
    let dearer = rows.replace(",500", ",900");
    assert_eq!(counts(&import(&live(table), &dearer).await), (29, 0, 1, 0));
    table.release_number(buyer, number.id, store::Release::Remove, fixture::now(), None).await.unwrap();
    assert_eq!(table.slot(Mode::Live, &slot.address()).await.unwrap(), Some(slot), "at the price that it was bought at");
}

#[tokio::test]
async fn a_row_whose_credential_is_not_the_operators_is_named_with_its_line_and_the_others_are_imported() {
    let local = LocalTable::start().await;
    let (table, twilio) = (&local.table, fixture::credential(Carrier::Twilio, 1));
    table.create_credential(trunkline::platform::tenant(Mode::Live), &twilio).await.unwrap();
    let organization = Fixture::create(table, Mode::Live).await.tenant;
    let foreign = fixture::credential(Carrier::Twilio, 2);
    table.create_credential(organization, &foreign).await.unwrap();
    let row = |n: u32, carrier: &str, credential: &str| format!("{},{carrier},{credential}\n", row(n).trim());
    let (own, other) = (twilio.id.to_string(), foreign.id.to_string());
    let rows = [
        row(1, "twilio", &own),
        row(2, "plivo", &own),
        row(3, "", ""),
        row(4, "twilio", &other),
        row(5, "twilio", "none"),
        row(6, "twilio", &other),
        row(7, "twilio", &own),
    ];
    let file = format!("{},carrier,credential\n{}", HEADER.trim(), rows.concat());
    let tally = live(table).run(file.as_bytes(), |_| {}).await.unwrap();
    assert_eq!(counts(&tally), (3, 0, 0, 4));
    let bad: Vec<String> = tally.bad.iter().map(ToString::to_string).collect();
    assert_eq!(bad[0], format!("line 3: credential: the operator has no plivo credential {own} in live data"));
    assert_eq!(bad[1], format!("line 5: credential: the operator has no twilio credential {other} in live data"));
    assert!(bad[2].starts_with("line 6: credential: "), "{}", bad[2]);
    assert!(bad[3].starts_with("line 7: "), "in the order of the file: {}", bad[3]);
    let both = Import { modes: Mode::ALL.to_vec(), ..live(table) };
    let tally = both.run(file.as_bytes(), |_| {}).await.unwrap();
    assert_eq!(counts(&tally), (1, 1, 0, 6), "in test data the operator has none");
}

#[tokio::test]
async fn an_import_goes_on_from_a_line_and_knows_what_stands_before_it() {
    let local = LocalTable::start().await;
    let rows = format!("{}bad\n{}{}{}", row(1), row(2), row(1), row(3));
    let tally = import(&Import { from_line: 4, ..live(&local.table) }, &rows).await;
    assert_eq!(counts(&tally), (2, 0, 0, 1));
    assert_eq!(tally.bad[0].to_string(), "line 5: +2348030000001 stands on line 2 already");
}

#[tokio::test]
async fn a_throttled_table_is_waited_for() {
    let local = LocalTable::start().await;
    let table = local.over(&Wire::new(11), Faults { throttled: 30, conflicts: 10, ..Faults::default() }).await;
    let mut rows = String::new();
    (1..=60).for_each(|n| write!(rows, "{}", row(n)).unwrap());
    assert_eq!(counts(&import(&live(&table), &rows).await).0, 60);
    assert_eq!(local.table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap().len(), 60);
}

#[tokio::test]
async fn a_file_without_its_columns_is_refused_whole() {
    let local = LocalTable::start().await;
    let told = live(&local.table).run(b"e164,country\n+2348030000001,NG\n".as_slice(), |_| {}).await.unwrap_err();
    assert!(told.to_string().ends_with("lacks the columns type, voice, sms, fax, setup_cost_cents, monthly_cost_cents"), "{told}");
}

#[tokio::test]
async fn a_number_that_no_country_is_known_of_is_on_offer_in_one_country_whoever_imports_it_where() {
    let local = LocalTable::start().await;
    let table = &local.table;
    let mut slot = fixture::slot(1);
    slot.e164 = "+999123456789".parse().unwrap();
    assert_eq!(slot.e164.country(), None);
    let at = |country: &str, number_type| store_slot(&slot, country.parse().unwrap(), number_type);
    let places = [at("NG", NumberType::Local), at("GH", NumberType::Mobile), at("KE", NumberType::TollFree), at("KE", NumberType::Local)];
    for place in &places {
        assert_eq!(table.import_slot(Mode::Live, place).await.unwrap(), Imported::Offered);
        assert_eq!(everywhere(table, &slot.e164).await, std::slice::from_ref(place));
    }
    let importing = futures_util::future::join_all((0..12).map(|n| table.import_slot(Mode::Live, &places[n % 4]))).await;
    assert!(importing.iter().any(Result::is_ok));
    assert_eq!(everywhere(table, &slot.e164).await.len(), 1, "rivals leave it in one place");
}

fn store_slot(slot: &domain::inventory::Slot, country: Country, number_type: NumberType) -> domain::inventory::Slot {
    domain::inventory::Slot { country, number_type, ..slot.clone() }
}

/// The slots of a number in all countries and types that the test names.
async fn everywhere(table: &Table, e164: &E164) -> Vec<domain::inventory::Slot> {
    let mut found = Vec::new();
    for country in ["NG", "GH", "KE"] {
        found.extend(table.available(Mode::Live, country.parse().unwrap(), None).await.unwrap());
    }
    found.retain(|slot| slot.e164 == *e164);
    found
}

#[tokio::test]
async fn i3_where_a_number_is_on_offer_or_was_before_it_was_bought() {
    let local = LocalTable::start().await;
    let (table, slot) = (&local.table, fixture::slot(1));
    table.import_slot(Mode::Live, &slot).await.unwrap();
    let get = |mode| table.get(patterns::offer(mode, &slot.e164), Consistency::Strong);
    assert_eq!((get(Mode::Live).await.unwrap(), get(Mode::Test).await.unwrap()), (Some(Offer::of(&slot)), None));
    let buyer = Fixture::create(table, Mode::Live).await.tenant;
    let (number, claim) = fixture::purchase(buyer, &slot, None);
    table.buy_number(buyer, &slot, &number, &claim, None).await.unwrap();
    assert_eq!(get(Mode::Live).await.unwrap(), Some(Offer::of(&slot)), "it comes back there");
}

#[tokio::test]
async fn i4_the_numbers_of_a_country_and_type_that_were_ever_on_offer_by_number() {
    let local = LocalTable::start().await;
    let (table, country) = (&local.table, "NG".parse().unwrap());
    for n in 0..7 {
        table.import_slot(Mode::Live, &fixture::slot(n)).await.unwrap();
    }
    let listed = table.list_index(patterns::offers(Mode::Live, country, NumberType::Mobile)).await.unwrap();
    assert_eq!(
        listed.iter().map(|offer| offer.e164.clone()).collect::<Vec<_>>(),
        (0..7).map(|n| fixture::slot(n).e164).collect::<Vec<_>>()
    );

    let buyer = Fixture::create(table, Mode::Live).await.tenant;
    let (number, claim) = fixture::purchase(buyer, &fixture::slot(2), None);
    table.buy_number(buyer, &fixture::slot(2), &number, &claim, None).await.unwrap();
    let credential = fixture::credential(domain::carrier::Carrier::Twilio, 1);
    table.create_credential(buyer, &credential).await.unwrap();
    let own = domain::number::PhoneNumber { e164: fixture::slot(4).e164, ..fixture::carrier_number(&credential, 1) };
    assert_eq!(table.register_number(buyer, &own, None).await.unwrap(), store::Registered::Done);
    let (mut statuses, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = table.stock(Mode::Live, (country, NumberType::Mobile), after.as_ref(), 3).await.unwrap();
        statuses.extend(page.iter().map(|stock| (stock.status().unwrap(), stock.claim.as_ref().map(|claim| claim.organization_id))));
        after = next;
        if after.is_none() {
            break;
        }
    }
    let mut expected = vec![(StockStatus::Available, None); 7];
    (expected[2], expected[4]) = ((StockStatus::Owned, Some(buyer.org())), (StockStatus::Held, Some(buyer.org())));
    assert_eq!(statuses, expected);
}
