//! Every attribute of the table in which a sealed secret lies, and the replacement of one such value.
//!
//! A secret that is stored anywhere else would be left behind when the key that seals is replaced: a test looks for
//! such. Nothing here opens a value.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure},
};
use domain::{
    credential::CarrierCredential,
    endpoint::Endpoint,
    idempotency::RequestKey,
    number::Claim,
    secret::{Sealed, SecretKind, SecretPlace},
    subscription::Subscription,
};

use crate::{
    error::StoreError,
    idempotency::KeptRequest,
    issuers::{IssuerId, IssuerSecret},
    item::{Attributes, Item, KIND, last_of_key},
    keys::{Index as _, Primary, part_of},
    resealing::TableKey,
    settings::{SecretSetting, SettingName},
    table::Table,
};

/// An attribute in which a sealed secret lies.
#[derive(Debug, PartialEq, Eq)]
pub struct SealedAttribute {
    /// The kind of item.
    pub item: &'static str,
    /// The attribute's name; a dot leads into a map.
    pub attribute: &'static str,
    /// What the secret is for.
    pub secret: SecretKind,
    owner: Owner,
}

/// Where the id of the resource stands that the secret belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    /// At the end of the item's key.
    Key,
    /// In this attribute.
    In(&'static str),
    /// The item is a request: its key is the id.
    Request,
    /// The deployment: the item is a setting, its name stands at the end of its key.
    Setting,
    /// An issuer of users' tokens, whose id stands at the end of the item's key.
    Issuer,
}

/// Every attribute in which a sealed secret lies.
pub const SEALED_ATTRIBUTES: &[SealedAttribute] = &[
    lies(Endpoint::KIND, "secret", SecretKind::WebhookSecret, Owner::Key),
    lies(Endpoint::KIND, "previous_secret", SecretKind::WebhookSecret, Owner::Key),
    lies(Endpoint::KIND, "password", SecretKind::EndpointPassword, Owner::Key),
    lies(Subscription::KIND, "secret", SecretKind::WebhookSecret, Owner::Key),
    lies(Subscription::KIND, "previous_secret", SecretKind::WebhookSecret, Owner::Key),
    lies(Claim::KIND, "sip_password", SecretKind::SipPassword, Owner::In("number_id")),
    lies(KeptRequest::KIND, "answer.sealed_body", SecretKind::IdempotentAnswer, Owner::Request),
    lies(CarrierCredential::KIND, "token", SecretKind::CarrierToken, Owner::Key),
    lies(CarrierCredential::KIND, "previous_token", SecretKind::CarrierToken, Owner::Key),
    lies(CarrierCredential::KIND, "older_token", SecretKind::CarrierToken, Owner::Key),
    lies(CarrierCredential::KIND, "signing_key", SecretKind::CarrierToken, Owner::Key),
    lies(SecretSetting::KIND, "secret", SecretKind::Configuration, Owner::Setting),
    lies(IssuerSecret::KIND, "secret", SecretKind::Configuration, Owner::Issuer),
];

const fn lies(item: &'static str, attribute: &'static str, secret: SecretKind, owner: Owner) -> SealedAttribute {
    SealedAttribute { item, attribute, secret, owner }
}

/// A sealed value and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// In which attribute.
    pub attribute: &'static SealedAttribute,
    /// Where it opens.
    pub place: SecretPlace,
    /// The value.
    pub sealed: Sealed,
    key: TableKey,
}

/// What became of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// The new value is there.
    Done,
    /// Another value is there by now, `None` if there is none any more: nothing was changed.
    Changed(Option<SealedValue>),
}

impl Table {
    /// Puts another sealed value in a value's place, if that one is still there.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn replace_sealed(&self, value: &SealedValue, sealed: &Sealed) -> Result<Replaced, StoreError> {
        let names: Vec<&str> = value.attribute.attribute.split('.').collect();
        let path = (0..names.len()).map(|at| format!("#n{at}")).collect::<Vec<_>>().join(".");
        let mut request = self.client.update_item().table_name(&*self.name).set_key(Some(value.key.attributes()));
        for (at, name) in names.into_iter().enumerate() {
            request = request.expression_attribute_names(format!("#n{at}"), name);
        }
        let _waiting = self.meter.send();
        let sent = request
            .update_expression(format!("SET {path} = :new"))
            .condition_expression(format!("{path} = :old"))
            .expression_attribute_values(":new", AttributeValue::S(sealed.encoded().to_owned()))
            .expression_attribute_values(":old", AttributeValue::S(value.sealed.encoded().to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let error = match sent {
            Ok(output) => {
                self.meter.written(output.consumed_capacity.as_slice());
                return Ok(Replaced::Done);
            }
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(StoreError::from_sdk(&error));
        };
        self.meter.refused();
        let values = values_in(&failed.item.clone().unwrap_or_default())?;
        Ok(Replaced::Changed(values.into_iter().find(|now| now.attribute == value.attribute)))
    }
}

/// The sealed values of an item.
pub(crate) fn values_in(item: &Attributes) -> Result<Vec<SealedValue>, StoreError> {
    let kind = text(item, KIND);
    let mut values = Vec::new();
    for attribute in SEALED_ATTRIBUTES.iter().filter(|attribute| kind == Some(attribute.item)) {
        let Some(sealed) = at_path(item, attribute.attribute) else { continue };
        let place = attribute.place(item).ok_or_else(|| StoreError::corrupt(attribute.item, "it does not tell whose secret it holds"))?;
        let key = TableKey::of(item).ok_or_else(|| StoreError::corrupt(attribute.item, "it has no key"))?;
        values.push(SealedValue { attribute, place, sealed: Sealed::from_encoded(sealed.to_owned()), key });
    }
    Ok(values)
}

impl SealedAttribute {
    /// Where the secret that lies in this attribute of an item opens.
    fn place(&self, item: &Attributes) -> Option<SecretPlace> {
        match self.owner {
            Owner::Setting => return Some(last_of_key(item)?.parse::<SettingName>().ok()?.place()),
            Owner::Issuer => return Some(IssuerId::from_uuid(last_of_key(item)?.parse().ok()?).place()),
            Owner::Key | Owner::In(_) | Owner::Request => {}
        }
        let key = text(item, Primary::PK)?;
        // A claim's key does not name the organization: anybody's number is looked up there.
        let org = match text(item, "organization_id") {
            Some(id) => id.parse().ok()?,
            None => part_of(key)?,
        };
        let id = match self.owner {
            Owner::In(name) => text(item, name)?.parse().ok()?,
            Owner::Key => last_of_key(item)?.parse().ok()?,
            Owner::Request => last_of_key(item)?.parse::<RequestKey>().ok()?.as_uuid(),
            Owner::Setting | Owner::Issuer => return None,
        };
        Some(SecretPlace { org, mode: part_of(key)?, kind: self.secret, id })
    }
}

fn text<'a>(item: &'a Attributes, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The text at the end of a path of names.
fn at_path<'a>(item: &'a Attributes, path: &str) -> Option<&'a str> {
    let mut names = path.split('.');
    let mut value = item.get(names.next()?)?;
    for name in names {
        value = value.as_m().ok()?.get(name)?;
    }
    value.as_s().ok().map(String::as_str)
}
