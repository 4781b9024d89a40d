//! The organizations that a caller may act for: a user's, or the one of a key.

use api::{Identity, Problem};
use axum::{Json, extract::State};
use domain::{UserId, member::Member, wire};
use futures_util::future::try_join_all;
use http::HeaderName;

const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// `GET /organizations`: the oldest membership first, which is the one that is meant where a request names none.
pub(crate) async fn list_organizations(
    State(state): State<crate::State>,
    identity: Identity,
) -> Result<([(HeaderName, String); 1], Json<Vec<wire::Organization>>), Problem> {
    let organizations = match identity {
        Identity::Organization(id) => state.table.organization(id).await?.map(|found| shown(found, None)).into_iter().collect(),
        Identity::User(user) => of_user(&state, user).await?,
    };
    Ok(([(TOTAL_COUNT, organizations.len().to_string())], Json(organizations)))
}

/// An organization that is gone is left out.
async fn of_user(state: &crate::State, user: UserId) -> Result<Vec<wire::Organization>, Problem> {
    let members = memberships(state, user).await?;
    let found = try_join_all(members.iter().map(|member| state.table.organization(member.organization_id))).await?;
    Ok(found.into_iter().zip(&members).filter_map(|(found, member)| Some(shown(found?, Some(member)))).collect())
}

/// Whoever seems to belong nowhere is looked for once more strongly: the first membership is seen at once.
async fn memberships(state: &crate::State, user: UserId) -> Result<Vec<Member>, Problem> {
    let members = state.table.memberships(user).await?;
    if members.is_empty() { Ok(state.table.memberships_now(user).await?) } else { Ok(members) }
}

fn shown(organization: store::Organization, member: Option<&Member>) -> wire::Organization {
    wire::Organization {
        id: organization.id,
        name: organization.name,
        role: member.map(|member| member.role),
        created_at: organization.created_at,
        member_since: member.map(|member| member.created_at),
    }
}
