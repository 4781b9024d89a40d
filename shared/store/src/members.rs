//! Members: a user's membership as it is found by the user, the same as its organization lists it, and the count of owners.
//!
//! The first decides at a user's requests; one query finds all of a user. What stands in both changes in one transaction,
//! which also counts the owners: of any number of rivals none removes the last one (ADR 0024).

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, TransactWriteItem};
use domain::{
    OrgId, Timestamp, UserId,
    member::{MAX_ORGANIZATIONS, Member, Role},
};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{Item as _, KIND, VERSION, serde_item, whole},
    keys::{Get, Keys},
    table::{Consistency, Table, key_attributes},
    transaction::{Outcome, TRIES},
};

/// What a user is in an organization, found by the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The same as the organization lists it.
    #[serde(flatten)]
    pub member: Member,
}

serde_item!(Membership, "membership", (), |membership, _none| Keys::primary(access_patterns::membership(
    membership.member.user_id,
    membership.member.organization_id
)));

serde_item!(Member, "member", (), |member, _none| Keys::primary(access_patterns::member(member.organization_id, member.user_id)));

/// How many owners an organization has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerCount {
    /// How many.
    pub owners: u32,
}

serde_item!(OwnerCount, "owner_count", OrgId, |_count, org| Keys::primary(access_patterns::owner_count(*org)));

/// Whether an organization may be left without an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastOwner {
    /// The last one stays.
    Stays,
    /// The last one may go too.
    MayGo,
}

/// What became of a member who was added or given a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberSet {
    /// The user is a member with this role, since when the member says.
    Done(Member),
    /// There is no such organization.
    NoSuchOrganization,
    /// The user is a member of as many organizations as there may be.
    TooMany,
    /// The member is the last owner and stays it.
    LastOwner,
}

/// What became of a member who was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRemoved {
    /// The user is no member any more.
    Done,
    /// The user was none.
    NotFound,
    /// The member is the last owner and stays.
    LastOwner,
}

/// How one try ended.
enum Tried {
    Done,
    LastOwner,
    NoSuchOrganization,
    /// Somebody else changed the member.
    Met,
}

impl Table {
    /// The organizations of a user, the oldest membership first. A change may be missed in its first moment.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn memberships(&self, user: UserId) -> Result<Vec<Member>, StoreError> {
        Ok(sorted(self.list(access_patterns::memberships(user)).await?))
    }

    /// The organizations of a user as they are now, the oldest membership first.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn memberships_now(&self, user: UserId) -> Result<Vec<Member>, StoreError> {
        Ok(sorted(self.list_now(access_patterns::memberships(user)).await?))
    }

    /// The members of an organization, who joined first first.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn members(&self, org: OrgId) -> Result<Vec<Member>, StoreError> {
        let mut members = self.list_now(access_patterns::members(org)).await?;
        members.sort_by_key(|member| (member.created_at, member.user_id));
        Ok(members)
    }

    /// Makes a user a member with this role, or gives a member this role. The limit of a user's organizations is looked at
    /// and not held against rivals.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written, or if others keep changing the member.
    pub async fn set_member(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
        now: Timestamp,
        last_owner: LastOwner,
    ) -> Result<MemberSet, StoreError> {
        for _ in 0..TRIES {
            let all = self.memberships_now(user).await?;
            let seen = all.iter().find(|member| member.organization_id == org);
            let (wanted, tried) = match seen {
                Some(seen) if seen.role == role => return Ok(MemberSet::Done(seen.clone())),
                Some(seen) => {
                    let wanted = Member { role, updated_at: now.max(seen.updated_at.plus_millis(1)), ..seen.clone() };
                    let tried = self.change_role(seen, &wanted, last_owner).await?;
                    (wanted, tried)
                }
                None if all.len() >= MAX_ORGANIZATIONS => return Ok(MemberSet::TooMany),
                None => {
                    let wanted = Member::new(user, org, role, now);
                    let tried = self.add_member(&wanted).await?;
                    (wanted, tried)
                }
            };
            match tried {
                Tried::Done => return Ok(MemberSet::Done(wanted)),
                Tried::LastOwner => return Ok(MemberSet::LastOwner),
                Tried::NoSuchOrganization => return Ok(MemberSet::NoSuchOrganization),
                Tried::Met => {}
            }
        }
        Err(busy())
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written, or if others keep changing the member.
    pub async fn remove_member(&self, org: OrgId, user: UserId, last_owner: LastOwner) -> Result<MemberRemoved, StoreError> {
        for _ in 0..TRIES {
            let Some(seen) = self.get(access_patterns::member(org, user), Consistency::Strong).await? else {
                return Ok(MemberRemoved::NotFound);
            };
            match self.end_membership(&seen, last_owner).await? {
                Tried::Done => return Ok(MemberRemoved::Done),
                Tried::LastOwner => return Ok(MemberRemoved::LastOwner),
                Tried::NoSuchOrganization | Tried::Met => {}
            }
        }
        Err(busy())
    }

    async fn add_member(&self, member: &Member) -> Result<Tried, StoreError> {
        let organization = ConditionCheck::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::organization(member.organization_id))))
            .condition_expression("attribute_exists(pk)")
            .build();
        let mut writes = vec![
            TransactWriteItem::builder().put(self.put_new(whole(member, &())?)?).build(),
            TransactWriteItem::builder().put(self.put_new(whole(&Membership { member: member.clone() }, &())?)?).build(),
            TransactWriteItem::builder().condition_check(built(organization)?).build(),
        ];
        if member.role == Role::Owner {
            writes.push(self.count_owner(member.organization_id, 1, LastOwner::MayGo)?);
        }
        Ok(match self.transact(writes).await? {
            Outcome::Done => Tried::Done,
            Outcome::Refused(reasons) if Outcome::failed(&reasons, 2).is_some() => Tried::NoSuchOrganization,
            Outcome::Refused(_) => Tried::Met,
        })
    }

    async fn change_role(&self, seen: &Member, wanted: &Member, last_owner: LastOwner) -> Result<Tried, StoreError> {
        let (org, user) = (seen.organization_id, seen.user_id);
        let mut writes = vec![
            self.change_write(&access_patterns::member(org, user), seen, wanted)?,
            self.change_write(&access_patterns::membership(user, org), seen, wanted)?,
        ];
        match (seen.role, wanted.role) {
            (Role::Owner, _) => writes.push(self.count_owner(org, -1, last_owner)?),
            (_, Role::Owner) => writes.push(self.count_owner(org, 1, last_owner)?),
            _ => {}
        }
        Ok(Tried::of(self.transact(writes).await?))
    }

    async fn end_membership(&self, seen: &Member, last_owner: LastOwner) -> Result<Tried, StoreError> {
        let (org, user) = (seen.organization_id, seen.user_id);
        let mut writes = vec![
            self.end_write(&access_patterns::member(org, user), seen)?,
            self.end_write(&access_patterns::membership(user, org), seen)?,
        ];
        if seen.role == Role::Owner {
            writes.push(self.count_owner(org, -1, last_owner)?);
        }
        Ok(Tried::of(self.transact(writes).await?))
    }

    fn change_write<I>(&self, key: &Get<I>, seen: &Member, wanted: &Member) -> Result<TransactWriteItem, StoreError> {
        let mut set = SetExpression::default();
        set.set("role", AttributeValue::S(wanted.role.to_string()));
        set.set("updated_at", AttributeValue::S(wanted.updated_at.to_string()));
        set.value(":seen", AttributeValue::S(seen.updated_at.to_string()));
        self.update_write(key, &set, "updated_at = :seen")
    }

    fn end_write<I>(&self, key: &Get<I>, seen: &Member) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(key)))
            .condition_expression("updated_at = :seen")
            .expression_attribute_values(":seen", AttributeValue::S(seen.updated_at.to_string()));
        Ok(TransactWriteItem::builder().delete(built(delete.build())?).build())
    }

    fn count_owner(&self, org: OrgId, step: i128, last_owner: LastOwner) -> Result<TransactWriteItem, StoreError> {
        let mut set = SetExpression::default();
        set.set(KIND, AttributeValue::S(OwnerCount::KIND.to_owned()));
        set.set(VERSION, AttributeValue::N(OwnerCount::VERSION.to_string()));
        set.add("owners", step);
        let condition = match (step > 0, last_owner) {
            // Nothing refuses one owner more.
            (true, _) => "attribute_not_exists(owners) OR attribute_exists(owners)",
            (false, LastOwner::MayGo) => "attribute_exists(owners)",
            (false, LastOwner::Stays) => {
                set.value(":one", AttributeValue::N("1".to_owned()));
                "owners > :one"
            }
        };
        self.update_write(&access_patterns::owner_count(org), &set, condition)
    }
}

impl Tried {
    /// The first two writes are of the member, the third counts the owners.
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Refused(reasons) if Outcome::failed(&reasons, 0).or(Outcome::failed(&reasons, 1)).is_some() => Self::Met,
            Outcome::Refused(_) => Self::LastOwner,
        }
    }
}

fn sorted(memberships: Vec<Membership>) -> Vec<Member> {
    let mut members: Vec<Member> = memberships.into_iter().map(|membership| membership.member).collect();
    members.sort_by_key(Member::place);
    members
}

fn busy() -> StoreError {
    StoreError::Unavailable("others keep changing the member".to_owned())
}
