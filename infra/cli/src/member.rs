//! `trunkline member`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use domain::{
    Mode, OrgId, UserId,
    audit::Action,
    member::{MAX_ORGANIZATIONS, Member, Role},
};
use runtime::Clock;
use store::{LastOwner, MemberRemoved, MemberSet, Table, Tenant};

/// What can be done with members.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a user a member, or gives a member another role. Where the user was seen within the last minute, a changed
    /// role counts after that minute.
    Add {
        /// The organization.
        #[arg(long)]
        org: OrgId,
        /// The user: the `sub` of the user's tokens.
        #[arg(long)]
        user: UserId,
        /// `owner`, `admin` or `member`.
        #[arg(long)]
        role: Role,
        /// Also if this leaves the organization without an owner.
        #[arg(long)]
        force: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ends a membership: within a minute the user acts for the organization no more. API keys that the user minted stay.
    Remove {
        /// The organization.
        #[arg(long)]
        org: OrgId,
        /// The user.
        #[arg(long)]
        user: UserId,
        /// Also if this leaves the organization without an owner.
        #[arg(long)]
        force: bool,
    },
    /// Prints the members of an organization, who joined first first.
    List {
        /// The organization.
        #[arg(long)]
        org: OrgId,
        /// Print JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(table: &Table, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add { org, user, role, force, json } => {
            let table = acting(table, org, user, Action::MemberSet)?;
            match table.set_member(org, user, role, Clock::System.now(), last_owner(force)).await? {
                MemberSet::Done(member) => show(&member, json),
                MemberSet::NoSuchOrganization => bail!("there is no organization {org}"),
                MemberSet::TooMany => bail!("a user is a member of at most {MAX_ORGANIZATIONS} organizations"),
                MemberSet::LastOwner => bail!("{user} is the last owner of {org}: name another one first, or use --force"),
            }
        }
        Command::Remove { org, user, force } => {
            match acting(table, org, user, Action::MemberRemoved)?.remove_member(org, user, last_owner(force)).await? {
                MemberRemoved::Done => {}
                MemberRemoved::NotFound => bail!("{user} is no member of {org}"),
                MemberRemoved::LastOwner => bail!("{user} is the last owner of {org}: name another one first, or use --force"),
            }
        }
        Command::List { org, json } => table.members(org).await?.iter().for_each(|member| show(member, json)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The table for what is done to one member.
fn acting(table: &Table, org: OrgId, user: UserId, action: Action) -> anyhow::Result<Table> {
    crate::audit::on(table, Tenant::new(org, Mode::Live), action, user.as_uuid())
}

const fn last_owner(force: bool) -> LastOwner {
    if force { LastOwner::MayGo } else { LastOwner::Stays }
}

fn show(member: &Member, json: bool) {
    if json {
        crate::show(
            true,
            &[
                ("user", member.user_id.to_string()),
                ("organization", member.organization_id.to_string()),
                ("role", member.role.to_string()),
                ("since", member.created_at.to_string()),
            ],
        );
    } else {
        println!("{}  {:6}  since {}", member.user_id, member.role.as_str(), member.created_at);
    }
}
