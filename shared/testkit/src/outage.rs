//! Requests to the table that fail where a test says so, before they are sent.

use std::{collections::HashMap, fmt, sync::Arc};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeSerializationInterceptorContextRef},
    error::BoxError,
    operation::{get_item::GetItemInput, update_item::UpdateItemInput},
    types::AttributeValue,
};

/// What is asked, as far as tests tell requests apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    /// One item is read: its partition key and sort key.
    Get(&'a str, &'a str),
    /// One item is updated: its partition key and sort key.
    Update(&'a str, &'a str),
    /// Anything else.
    Other,
}

/// Fails the requests of a client of which this is true.
#[derive(Clone)]
pub(crate) struct Outage(Arc<dyn Fn(Asked<'_>) -> bool + Send + Sync>);

impl Outage {
    pub(crate) fn new(fails: impl Fn(Asked<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(fails))
    }
}

impl fmt::Debug for Outage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Outage")
    }
}

impl Intercept for Outage {
    fn name(&self) -> &'static str {
        "Outage"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (get, update) = (context.input().downcast_ref::<GetItemInput>(), context.input().downcast_ref::<UpdateItemInput>());
        let asked = match (get.and_then(GetItemInput::key), update.and_then(UpdateItemInput::key)) {
            (Some(key), _) => Asked::Get(part(key, "pk"), part(key, "sk")),
            (_, Some(key)) => Asked::Update(part(key, "pk"), part(key, "sk")),
            (None, None) => Asked::Other,
        };
        if (self.0)(asked) { Err("the table is away".into()) } else { Ok(()) }
    }
}

fn part<'a>(key: &'a HashMap<String, AttributeValue>, name: &str) -> &'a str {
    key.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}
