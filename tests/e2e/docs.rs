//! What the deployed stack tells of itself, and what it answers where nothing is.

use reqwest::{Method, header::LOCATION, redirect::Policy};
use serde_json::Value;

use crate::setup::World;

async fn asked(world: &World, method: Method, path: &str) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    client.request(method, format!("{}{path}", world.stack.base_url)).send().await.unwrap()
}

#[tokio::test]
async fn the_document_the_page_and_the_files_of_the_page_are_served_without_a_key() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&asked(&world, Method::GET, "/openapi.json").await.text().await.unwrap()).unwrap();
    let kept: Value = serde_json::from_str(include_str!("../../infra/openapi.json")).unwrap();
    assert!(document == kept);
    let page = asked(&world, Method::GET, "/docs").await.text().await.unwrap();
    let scripts: Vec<&str> = page.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(scripts.len(), 2);
    for script in scripts {
        let answer = asked(&world, Method::GET, script).await;
        assert_eq!(answer.status().as_u16(), 200, "{script}");
        assert!(answer.text().await.unwrap().contains("SwaggerUIBundle"), "{script}");
    }
}

#[tokio::test]
async fn what_is_nowhere_is_404_in_the_words_of_the_api_and_a_list_with_a_slash_at_its_end_is_led_to_the_one_without() {
    let world = World::new().await;
    for path in ["/", "/v1/nothing", "/v3/calls"] {
        let answer = asked(&world, Method::POST, path).await;
        let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["code"].as_str()), (404, Some("NOT_FOUND")), "{path}");
    }
    let answer = asked(&world, Method::GET, "/v1/calls/?limit=2").await;
    assert_eq!((answer.status().as_u16(), answer.headers()[LOCATION].to_str().unwrap()), (308, "/v1/calls?limit=2"));
}

#[tokio::test]
async fn what_is_decoded_in_an_id_neither_ends_the_path_nor_goes_away() {
    let world = World::new().await;
    for id in ["%20", "%04", "%3F", "%23", "%2E%2E", "%5C"] {
        let answer = world.client.get(&format!("/v1/endpoints/{id}")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "NOT_FOUND"), "{id}: {}", answer.body);
    }
}
