//! Members on a real table: found by user and by organization, and always an owner among them.

use domain::{
    Mode, OrgId, UserId,
    member::{MAX_ORGANIZATIONS, Member, Role},
};
use futures_util::future::join_all;
use runtime::random;
use store::{Consistency, LastOwner, MemberRemoved, MemberSet, Organization, StoreError, Table, access_patterns as patterns};
use testkit::{Fixture, LocalTable, fixture};

async fn start() -> (LocalTable, OrgId) {
    let local = LocalTable::start().await;
    let org = Fixture::create(&local.table, Mode::Live).await.tenant.org();
    (local, org)
}

async fn another(table: &Table) -> OrgId {
    let id = OrgId::new(fixture::now(), random::bytes());
    table.create_organization(&Organization { id, name: "Another".to_owned(), created_at: fixture::now() }).await.unwrap();
    id
}

async fn set(table: &Table, org: OrgId, user: UserId, role: Role) -> MemberSet {
    table.set_member(org, user, role, fixture::now(), LastOwner::Stays).await.unwrap()
}

async fn owners(table: &Table, org: OrgId) -> u32 {
    table.get(patterns::owner_count(org), Consistency::Strong).await.unwrap().map_or(0, |count| count.owners)
}

#[tokio::test]
async fn m1_what_a_user_is_in_an_organization() {
    let (local, org) = start().await;
    let (user, other) = (fixture::user(), fixture::member(&local.table, org, Role::Owner).await);
    let MemberSet::Done(member) = set(&local.table, org, user, Role::Member).await else { panic!("not set") };
    let found = local.table.get(patterns::membership(user, org), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(found.member, member);
    assert_eq!((member.role, member.user_id, member.organization_id), (Role::Member, user, org));
    let elsewhere = another(&local.table).await;
    assert!(local.table.get(patterns::membership(other, elsewhere), Consistency::Strong).await.unwrap().is_none());
}

#[tokio::test]
async fn m2_the_organizations_of_a_user() {
    let (local, first) = start().await;
    let (user, stranger) = (fixture::user(), fixture::user());
    let (second, third) = (another(&local.table).await, another(&local.table).await);
    let now = fixture::now();
    // The oldest is the one that was joined first, whichever is older itself; of two as old the one with the smaller id.
    for (org, at) in [(third, 0), (first, 5), (second, 5)] {
        local.table.set_member(org, user, Role::Admin, now.plus_millis(at), LastOwner::Stays).await.unwrap();
    }
    set(&local.table, first, stranger, Role::Owner).await;
    let found = local.table.memberships(user).await.unwrap();
    let orgs: Vec<OrgId> = found.iter().map(|member| member.organization_id).collect();
    assert_eq!(orgs, [third, first.min(second), first.max(second)]);
    assert_eq!(local.table.memberships_now(user).await.unwrap(), found);
    assert_eq!(local.table.list(patterns::memberships(user)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn m3_one_member_of_an_organization() {
    let (local, org) = start().await;
    let user = fixture::member(&local.table, org, Role::Owner).await;
    let found = local.table.get(patterns::member(org, user), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((found.user_id, found.role), (user, Role::Owner));
    assert_eq!(local.table.get(patterns::member(org, fixture::user()), Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn m4_the_members_of_an_organization() {
    let (local, org) = start().await;
    let elsewhere = another(&local.table).await;
    let mut users = Vec::new();
    for (at, role) in (0..).zip(Role::ALL) {
        let user = fixture::user();
        local.table.set_member(org, user, role, fixture::now().plus_millis(at * 10), LastOwner::Stays).await.unwrap();
        users.push(user);
    }
    fixture::member(&local.table, elsewhere, Role::Owner).await;
    let members = local.table.members(org).await.unwrap();
    assert_eq!(members.iter().map(|member| member.user_id).collect::<Vec<_>>(), users);
    assert_eq!(local.table.list(patterns::members(org)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn m5_how_many_owners_an_organization_has() {
    let (local, org) = start().await;
    let (table, user) = (&local.table, fixture::user());
    assert_eq!(owners(table, org).await, 0);
    fixture::member(table, org, Role::Owner).await;
    set(table, org, user, Role::Owner).await;
    assert_eq!(owners(table, org).await, 2);
    set(table, org, user, Role::Owner).await;
    assert_eq!(owners(table, org).await, 2, "said again it is not counted again");
    set(table, org, user, Role::Admin).await;
    assert_eq!(owners(table, org).await, 1);
    set(table, org, user, Role::Member).await;
    assert_eq!(table.remove_member(org, user, LastOwner::Stays).await.unwrap(), MemberRemoved::Done);
    assert_eq!(owners(table, org).await, 1);
}

#[tokio::test]
async fn a_role_is_changed_in_both_places_and_the_membership_stays_as_old_as_it_is() {
    let (local, org) = start().await;
    let (table, user) = (&local.table, fixture::user());
    let MemberSet::Done(before) = set(table, org, user, Role::Member).await else { panic!("not set") };
    let later = before.created_at.plus_millis(1_000);
    let changed = table.set_member(org, user, Role::Owner, later, LastOwner::Stays).await.unwrap();
    let after = Member { role: Role::Owner, updated_at: later, ..before };
    assert_eq!(changed, MemberSet::Done(after.clone()));
    assert_eq!(table.memberships_now(user).await.unwrap(), std::slice::from_ref(&after));
    assert_eq!(table.members(org).await.unwrap(), [after]);
    assert_eq!(owners(table, org).await, 1, "who becomes an owner is counted");
}

#[tokio::test]
async fn the_last_owner_goes_only_if_that_is_meant() {
    let (local, org) = start().await;
    let (table, user) = (&local.table, fixture::user());
    set(table, org, user, Role::Owner).await;
    assert_eq!(set(table, org, user, Role::Admin).await, MemberSet::LastOwner);
    assert_eq!(table.remove_member(org, user, LastOwner::Stays).await.unwrap(), MemberRemoved::LastOwner);
    assert_eq!(table.memberships_now(user).await.unwrap()[0].role, Role::Owner, "nothing was changed");
    assert_eq!(table.remove_member(org, user, LastOwner::MayGo).await.unwrap(), MemberRemoved::Done);
    assert_eq!(table.remove_member(org, user, LastOwner::MayGo).await.unwrap(), MemberRemoved::NotFound);
    assert!(table.memberships_now(user).await.unwrap().is_empty() && table.members(org).await.unwrap().is_empty());
    assert_eq!(owners(table, org).await, 0);
}

#[tokio::test]
async fn of_owners_who_all_leave_at_once_one_stays() {
    let (local, org) = start().await;
    let users: Vec<UserId> = join_all((0..8).map(|_| fixture::member(&local.table, org, Role::Owner))).await;
    let table = &local.table;
    let leave = |user| async move {
        // Rivals hold the count for each other; who meets too many asks again.
        loop {
            match table.remove_member(org, user, LastOwner::Stays).await {
                Ok(removed) => return removed,
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let removed = join_all(users.into_iter().map(leave)).await;
    assert_eq!(removed.iter().filter(|removed| **removed == MemberRemoved::Done).count(), 7);
    let left = local.table.members(org).await.unwrap();
    assert_eq!((left.len(), left[0].role, owners(&local.table, org).await), (1, Role::Owner, 1));
}

#[tokio::test]
async fn one_user_who_is_added_and_removed_by_many_is_the_same_in_both_places() {
    let (local, org) = start().await;
    let table = &local.table;
    fixture::member(table, org, Role::Owner).await;
    let user = fixture::user();
    // Who meets others tries again or is told to; another owner stays, and the organization is there.
    let rivals = (0..12).map(|n| async move {
        match n % 4 {
            0 => {
                let removed = table.remove_member(org, user, LastOwner::Stays).await;
                matches!(removed, Ok(MemberRemoved::Done | MemberRemoved::NotFound) | Err(StoreError::Unavailable(_)))
            }
            at => {
                let set = table.set_member(org, user, Role::ALL[at - 1], fixture::now(), LastOwner::Stays).await;
                matches!(set, Ok(MemberSet::Done(_)) | Err(StoreError::Unavailable(_)))
            }
        }
    });
    assert_eq!(join_all(rivals).await, [true; 12]);
    let by_user = table.memberships_now(user).await.unwrap();
    let by_org: Vec<Member> = table.members(org).await.unwrap().into_iter().filter(|member| member.user_id == user).collect();
    assert_eq!(by_user, by_org);
    let expected = 1 + by_user.iter().filter(|member| member.role == Role::Owner).count();
    assert_eq!(owners(table, org).await as usize, expected);
}

#[tokio::test]
async fn nobody_joins_an_organization_that_there_is_not_nor_more_than_a_hundred() {
    let (local, _) = start().await;
    let (table, user) = (&local.table, fixture::user());
    let nowhere = OrgId::new(fixture::now(), random::bytes());
    assert_eq!(set(table, nowhere, user, Role::Owner).await, MemberSet::NoSuchOrganization);
    assert!(table.memberships_now(user).await.unwrap().is_empty());
    assert_eq!(owners(table, nowhere).await, 0);
    for _ in 0..MAX_ORGANIZATIONS {
        assert!(matches!(set(table, another(table).await, user, Role::Member).await, MemberSet::Done(_)));
    }
    assert_eq!(set(table, another(table).await, user, Role::Member).await, MemberSet::TooMany);
}
