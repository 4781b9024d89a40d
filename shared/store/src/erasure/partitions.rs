//! Where the items of an organization lie, told by the access patterns themselves: whatever is added there is erased too,
//! or a test here fails.

use std::collections::BTreeSet;

use domain::{Mode, OrgId};

use crate::{
    access_patterns::{PATTERNS, Pattern},
    delivery_log::Lane,
    error::StoreError,
    keys::{Bucket, Segment, Shard},
    resealing::TableKey,
};

/// What stands in an organization's place in a template.
const ORG: &str = "{org}";

/// The partitions that hold items of many organizations, or of none, and why nothing is left there. A new one of them
/// needs an answer, too.
#[cfg(test)]
const SHARED: &[(&str, &str)] = &[
    ("KEY#{hash}", "erased with the records of the keys"),
    ("USER#{user}", "erased with the members"),
    ("E164#{mode}#{e164}", "claims are erased with the numbers; offers are nobody's"),
    ("INVENTORY#{mode}#{country}#{kind}", "nobody's"),
    ("BUSY", "the sort key tells whose it is"),
    ("RETENTION", "the sort key tells whose it is"),
    ("OUTBOX#{shard}", "looked through"),
    ("DUE#{shard}", "looked through"),
    ("SETTING", "nobody's"),
    ("ISSUER", "nobody's"),
    ("OPERATION", "nobody's"),
];

/// Every partition that holds items of this organization alone.
pub(super) fn partitions(org: OrgId) -> Result<BTreeSet<String>, StoreError> {
    let own = primary().filter(|pattern| pattern.partition_key.contains(ORG));
    own.map(|pattern| expanded(pattern.partition_key, org)).collect::<Result<Vec<_>, _>>().map(|all| all.into_iter().flatten().collect())
}

/// The items of this organization in partitions of others, which are found by their sort key.
pub(super) fn lone_items(org: OrgId) -> Result<Vec<TableKey>, StoreError> {
    let mut keys = Vec::new();
    for pattern in primary().filter(|pattern| pattern.kind == "Get" && is_lone(pattern)) {
        keys.extend(expanded(pattern.sort_key, org)?.into_iter().map(|sk| TableKey::new(pattern.partition_key.to_owned(), sk)));
    }
    Ok(keys)
}

fn primary() -> impl Iterator<Item = &'static Pattern> {
    PATTERNS.iter().filter(|pattern| pattern.index == "Primary")
}

fn is_lone(pattern: &Pattern) -> bool {
    !pattern.partition_key.contains('{') && pattern.sort_key.contains(ORG)
}

/// Every key that a template can become for an organization.
fn expanded(template: &str, org: OrgId) -> Result<Vec<String>, StoreError> {
    let mut keys = vec![template.replace(ORG, &org.segment())];
    for (name, values) in [
        ("{mode}", Mode::ALL.iter().map(Segment::segment).collect::<Vec<_>>()),
        ("{shard}", Shard::all().map(|shard| shard.segment()).collect()),
        ("{lane}", Lane::all().map(|lane| lane.segment()).collect()),
        ("{bucket}", Bucket::all().map(|bucket| bucket.segment()).collect()),
    ] {
        if template.contains(name) {
            keys = keys.iter().flat_map(|key| values.iter().map(|value| key.replace(name, value))).collect();
        }
    }
    match keys.iter().find(|key| key.contains('{')) {
        Some(key) => Err(StoreError::Refused(format!("nobody can tell which partitions there are of {key}"))),
        None => Ok(keys),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org() -> OrgId {
        OrgId::new("2026-01-02T03:04:05Z".parse().unwrap(), [7; 10])
    }

    #[test]
    fn of_what_belongs_to_an_organization_every_partition_can_be_told_without_a_look() {
        let keys = partitions(org()).unwrap();
        assert!(keys.len() > 100 && keys.iter().all(|key| key.contains(&org().to_string())), "{}", keys.len());
        for key in ["ORG#{org}", "ORG#{org}#live", "CALLS#{org}#test#3", "DELIVERIES#{org}#live#7", "BODIES#{org}#live#15"] {
            assert!(keys.contains(&key.replace(ORG, &org().to_string())), "{key}");
        }
    }

    #[test]
    fn every_partition_that_organizations_share_has_its_answer() {
        let shared: BTreeSet<&str> = primary().map(|pattern| pattern.partition_key).filter(|key| !key.contains(ORG)).collect();
        assert_eq!(shared, SHARED.iter().map(|(key, _)| *key).collect(), "how is what lies there erased?");
    }

    #[test]
    fn what_lies_with_others_under_its_own_key_is_told_for_both_data_sets() {
        let keys = lone_items(org()).unwrap();
        let key = |pk: &str, sk: String| TableKey::new(pk.to_owned(), sk);
        for expected in [
            key("BUSY", format!("TENANT#{}#live", org())),
            key("BUSY", format!("TENANT#{}#test", org())),
            key("RETENTION", format!("ORG#{}", org())),
        ] {
            assert!(keys.contains(&expected), "{expected:?}");
        }
    }
}
