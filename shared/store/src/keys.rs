//! Keys as types: what a key is made of, which item it finds, which index it belongs to.
//!
//! A key is made by an access pattern and nowhere else. Its type carries the item and the index, so that reading an
//! item as another, or asking the table with an index's key, does not compile.

use std::{marker::PhantomData, str::FromStr};

use aws_lc_rs::digest;
use domain::{
    AuditId, CallId, Country, CredentialId, Day, DeliveryId, E164, EndpointId, KeyId, Mode, NumberId, OrgId, OutboxId, SubscriptionId,
    Timestamp, UserId,
    api_key::KeyHash,
    callback::{CallMark, NonceMark},
    idempotency::RequestKey,
    inventory::NumberType,
    secret::{SecretKind, SecretPlace},
};
use uuid::Uuid;

/// What stands between the parts of a key.
const SEPARATOR: char = '#';

/// A value that may stand in a key: its text never contains the separator `#` and is never empty.
///
/// Free text of a tenant is no segment; that is why no key can be forged with it.
pub trait Segment {
    /// The text that stands in the key.
    fn segment(&self) -> String;
}

macro_rules! segments {
    ($($type:ty),*) => {$(
        impl Segment for $type {
            fn segment(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

segments!(
    OrgId,
    AuditId,
    Mode,
    NumberId,
    EndpointId,
    CredentialId,
    KeyId,
    CallId,
    DeliveryId,
    SubscriptionId,
    OutboxId,
    UserId,
    Country,
    Day,
    E164,
    KeyHash,
    RequestKey,
    Uuid,
    // In four-digit years, to the millisecond: the texts are in the order of time.
    Timestamp,
    u32
);

impl Segment for &NonceMark {
    fn segment(&self) -> String {
        self.to_string()
    }
}

impl Segment for &CallMark {
    fn segment(&self) -> String {
        self.to_string()
    }
}

impl Segment for NumberType {
    fn segment(&self) -> String {
        self.as_str().to_owned()
    }
}

/// One of the partitions over which an organization's calls are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard(u8);

impl Shard {
    /// How many there are. Fixed for ever: a call's shard is computed from its id.
    pub const COUNT: u8 = 4;

    /// Every shard.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The shard in which a call lies: its id's last bits, which are random in version 7.
    #[must_use]
    pub fn of(call: CallId) -> Self {
        Self(call.as_uuid().as_bytes()[15] % Self::COUNT)
    }
}

impl Segment for Shard {
    fn segment(&self) -> String {
        self.0.to_string()
    }
}

/// One of the partitions over which things of an organization are spread that are only ever asked for one by one.
///
/// A partition for each of them would spread them better, but then nobody could tell which partitions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket(u8);

impl Bucket {
    /// How many there are. Fixed for ever: a bucket is computed from what lies in it.
    const COUNT: u8 = 16;

    /// Every bucket.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The bucket in which something lies that a key names so: by a digest of the name.
    pub(crate) fn of(name: &impl Segment) -> Self {
        let digest = digest::digest(&digest::SHA256, name.segment().as_bytes());
        Self(digest.as_ref().first().copied().unwrap_or(0) % Self::COUNT)
    }
}

impl Segment for Bucket {
    fn segment(&self) -> String {
        self.0.to_string()
    }
}

/// A place between the calls of a partition that sorts by call id, which is by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bound(String);

impl Bound {
    /// Before every call that began at this instant or later, after every earlier one.
    pub(crate) fn at(time: Timestamp) -> Self {
        // The beginning of an id sorts before all ids that begin so.
        let mut text = CallId::new(time, [0; 10]).to_string();
        text.truncate(13);
        Self(text)
    }

    /// Before this call, after every one that began earlier.
    pub(crate) fn before(call: CallId) -> Self {
        Self(CallId::from_uuid(Uuid::from_u128(call.as_uuid().as_u128().saturating_sub(1))).to_string())
    }

    /// After this call, before every one that began later.
    pub(crate) fn after(call: CallId) -> Self {
        Self(CallId::from_uuid(Uuid::from_u128(call.as_uuid().as_u128().saturating_add(1))).to_string())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose data, and which of its two data sets: the first part of nearly every key.
///
/// Code behind a route is given one by the gate, as its caller's, and cannot make or change one: clippy refuses [`Tenant::new`]
/// wherever no exception is argued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tenant {
    org: OrgId,
    mode: Mode,
}

impl Tenant {
    /// The data of an organization: for who has checked whose they are, or was told by a message of our own.
    #[must_use]
    pub const fn new(org: OrgId, mode: Mode) -> Self {
        Self { org, mode }
    }

    /// The organization.
    #[must_use]
    pub const fn org(self) -> OrgId {
        self.org
    }

    /// Its live or its test data.
    #[must_use]
    pub const fn mode(self) -> Mode {
        self.mode
    }

    /// Where a secret of the tenant may be opened: it is of this kind and belongs to the resource with this id.
    #[must_use]
    pub const fn place(self, kind: SecretKind, id: Uuid) -> SecretPlace {
        SecretPlace { org: self.org, mode: self.mode, kind, id }
    }
}

/// Where a key is looked up: the table itself or one of its indexes.
pub trait Index {
    /// The index's name; `None` for the table.
    const NAME: Option<&'static str>;
    /// The name of the partition key's attribute.
    const PK: &'static str;
    /// The name of the sort key's attribute.
    const SK: &'static str;
}

/// An index beside the table, `KEYS_ONLY` and sparse.
pub trait Secondary: Index {}

/// The table's own key.
#[derive(Debug)]
pub struct Primary;

impl Index for Primary {
    const NAME: Option<&'static str> = None;
    const PK: &'static str = "pk";
    const SK: &'static str = "sk";
}

macro_rules! indexes {
    ($($(#[$doc:meta])* $name:ident $index:literal $pk:literal $sk:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Index for $name {
            const NAME: Option<&'static str> = Some($index);
            const PK: &'static str = $pk;
            const SK: &'static str = $sk;
        }

        impl Secondary for $name {}
    )*};
}

indexes! {
    /// The first generic index.
    Gsi1 "gsi1" "gsi1pk" "gsi1sk";
    /// The second generic index.
    Gsi2 "gsi2" "gsi2pk" "gsi2sk";
    /// The third generic index.
    Gsi3 "gsi3" "gsi3pk" "gsi3sk";
}

/// The names of all secondary indexes with their key attributes: what the template has to declare.
pub const SECONDARY_INDEXES: [(&str, &str, &str); 3] =
    [("gsi1", Gsi1::PK, Gsi1::SK), ("gsi2", Gsi2::PK, Gsi2::SK), ("gsi3", Gsi3::PK, Gsi3::SK)];

/// The key of one item of type `I` in index `X`.
#[derive(Debug)]
pub struct Get<I, X = Primary> {
    pub(crate) pk: String,
    pub(crate) sk: String,
    found: PhantomData<fn() -> (I, X)>,
}

impl<I, X> Get<I, X> {
    pub(crate) const fn new(pk: String, sk: String) -> Self {
        Self { pk, sk, found: PhantomData }
    }
}

/// The keys of all items of type `I` in one partition of index `X` whose sort key begins alike.
#[derive(Debug)]
pub struct List<I, X = Primary> {
    pub(crate) pk: String,
    pub(crate) prefix: String,
    found: PhantomData<fn() -> (I, X)>,
}

impl<I, X> List<I, X> {
    pub(crate) const fn new(pk: String, prefix: String) -> Self {
        Self { pk, prefix, found: PhantomData }
    }
}

/// The first part of a key that reads as a value of this type; `None` if none does.
pub(crate) fn part_of<T: FromStr>(key: &str) -> Option<T> {
    key.split(SEPARATOR).find_map(|part| part.parse().ok())
}

/// The keys of the items of a list whose sort keys lie between two bounds.
#[derive(Debug)]
pub(crate) struct Span<I> {
    pub(crate) pk: String,
    pub(crate) from: String,
    pub(crate) to: String,
    found: PhantomData<fn() -> I>,
}

impl<I> List<I, Primary> {
    /// The items whose keys go on, after what all keys of the list begin with, from one text to another. No key may end
    /// with the second text itself, or it is found too.
    pub(crate) fn between(self, from: Option<&str>, to: Option<&str>) -> Span<I> {
        // Sorts after everything that a segment can be.
        let end = to.unwrap_or("~");
        let (from, to) = (format!("{}{}", self.prefix, from.unwrap_or_default()), format!("{}{end}", self.prefix));
        Span { pk: self.pk, from, to, found: PhantomData }
    }
}

/// All keys of one item: what is written with it, index keys included.
#[derive(Debug)]
pub struct Keys {
    pub(crate) attributes: Vec<(&'static str, String)>,
}

impl Keys {
    /// An item that only the table's own key finds.
    pub(crate) fn primary<I>(key: Get<I, Primary>) -> Self {
        Self { attributes: vec![(Primary::PK, key.pk), (Primary::SK, key.sk)] }
    }

    /// Adds the item to an index, under the pattern that lists it there; `last` ends its sort key.
    pub(crate) fn listed_in<I, X: Secondary>(mut self, list: List<I, X>, last: &impl Segment) -> Self {
        self.attributes.push((X::PK, list.pk));
        self.attributes.push((X::SK, list.prefix + &last.segment()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_lie_between_the_calls_that_they_part() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let bound = Bound::at(now);
        assert!(bound.as_str() < CallId::new(now, [0; 10]).to_string().as_str());
        assert!(bound.as_str() > CallId::new(now.plus_millis(-1), [0xFF; 10]).to_string().as_str());
        let call = CallId::new(now, [7; 10]);
        let before = CallId::from_uuid(Uuid::from_u128(call.as_uuid().as_u128() - 1));
        assert!(Bound::before(call).as_str() < call.to_string().as_str());
        assert!(Bound::before(call).as_str() >= before.to_string().as_str());
    }

    #[test]
    fn no_segment_contains_the_separator() {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let segments = [
            OrgId::new(now, [0xFF; 10]).segment(),
            Mode::Test.segment(),
            "+14155550100".parse::<E164>().unwrap().segment(),
            "NG".parse::<Country>().unwrap().segment(),
            NumberType::TollFree.segment(),
            domain::api_key::ApiKeyText::mint(Mode::Live, [1; 32]).hash().segment(),
            Shard::of(CallId::new(now, [9; 10])).segment(),
            Bucket::of(&CallId::new(now, [9; 10])).segment(),
            Day::of(now).segment(),
            now.segment(),
            7_u32.segment(),
        ];
        for segment in segments {
            assert!(!segment.is_empty() && !segment.contains(SEPARATOR), "{segment}");
        }
    }
}
