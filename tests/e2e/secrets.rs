//! Secrets stand nowhere but in the answers that are meant to show them.

use domain::scope::Scope;
use testkit::{Client, Receiver, fixture};

use crate::setup::{LIMIT, World};

#[tokio::test]
async fn no_secret_is_stored_in_clear_or_shown_to_readers() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    let (_, events) = world.events("missed-call.json", &line.number["e164"]);
    world.stack.send("call-events", &[events[0].to_string()]).await;
    receiver.wait_for(1, LIMIT).await;
    let number = format!("/v1/phone-numbers/{}", line.number["id"].as_str().unwrap());
    let endpoint = format!("/v1/endpoints/{}", line.endpoint["id"].as_str().unwrap());
    let signing = line.endpoint["secret"].as_str().unwrap().to_owned();
    let password = world.client.get(&number).await.expect(200)["sip_credentials"]["password"].as_str().unwrap().to_owned();
    assert_eq!(world.client.get(&endpoint).await.expect(200)["secret"], signing.as_str());

    let reader = fixture::key(&world.stack.table(), world.fixture.tenant, [Scope::NumbersRead, Scope::EndpointsRead].into()).await;
    let reader = Client::new(&world.stack.base_url, reader.reveal());
    assert!(reader.get(&number).await.expect(200)["sip_credentials"]["password"].is_null());
    assert_eq!(reader.get(&endpoint).await.expect(200)["secret"], "whsec_********");

    let stored = world.stack.dump_table().await;
    assert!(stored.contains(&line.endpoint["id"].as_str().unwrap().to_owned()), "the dump shows what is stored");
    let logs = world.stack.logs().await;
    assert!(logs.contains(&world.fixture.tenant.org().to_string()), "the functions' logs are among them");
    for secret in [signing.as_str(), &signing["whsec_".len()..], &password, world.fixture.key.reveal()] {
        assert!(!stored.contains(secret), "a secret is stored in clear");
        assert!(!logs.contains(secret), "a secret was logged");
    }
}
