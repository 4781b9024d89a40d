//! `trunkline org limits`.

use std::str::FromStr;

use clap::Args;
use domain::{Mode, OrgId, audit::Action, limits::Counted, rate::Rate};
use store::{Consistency, RateOf, Table, Tenant, access_patterns};

/// Something of the organization's own, or what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice<T> {
    Usual,
    Own(T),
}

impl<T> Choice<T> {
    fn own(self) -> Option<T> {
        match self {
            Self::Usual => None,
            Self::Own(own) => Some(own),
        }
    }
}

impl<T: FromStr> FromStr for Choice<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "default" { Ok(Self::Usual) } else { text.parse().map(Self::Own) }
    }
}

/// Shows what an organization may do at most, or changes it. `default` takes a limit of its own back.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// The organization.
    #[arg(long)]
    org: OrgId,
    /// Phone numbers in each mode, 0 to 10000; usually 1000.
    #[arg(long)]
    numbers: Option<Choice<u32>>,
    /// Endpoints in each mode, 0 to 10000; usually 1000.
    #[arg(long)]
    endpoints: Option<Choice<u32>>,
    /// API keys that are not revoked, 0 to 1000; usually 100.
    #[arg(long)]
    keys: Option<Choice<u32>>,
    /// Webhook subscriptions in each mode, 0 to 1000; usually 50.
    #[arg(long)]
    webhooks: Option<Choice<u32>>,
    /// Requests a second of all its callers together and the most at once, such as 200/400.
    #[arg(long)]
    rate: Option<Choice<Rate>>,
    /// The same for each of its callers; more than the organization's counts for nothing.
    #[arg(long)]
    caller_rate: Option<Choice<Rate>>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Limits {
    fn chosen(&self) -> [(Counted, Option<Choice<u32>>); 4] {
        [
            (Counted::Numbers, self.numbers),
            (Counted::Endpoints, self.endpoints),
            (Counted::Keys, self.keys),
            (Counted::Webhooks, self.webhooks),
        ]
    }
}

pub(crate) async fn run(table: &Table, limits: Limits) -> anyhow::Result<()> {
    let org = limits.org;
    crate::organization::must_exist(table, org).await?;
    for (counted, chosen) in limits.chosen() {
        let most = chosen.and_then(Choice::own);
        anyhow::ensure!(most.is_none_or(|most| most <= counted.utmost()), "at most {} {}", counted.utmost(), counted.as_str());
    }
    let acting = |mode| crate::audit::on(table, Tenant::new(org, mode), Action::LimitsChanged, org.as_uuid());
    for (counted, chosen) in limits.chosen() {
        let Some(chosen) = chosen else { continue };
        for mode in Mode::ALL.iter().copied().filter(|mode| counted != Counted::Keys || *mode == Mode::Live) {
            acting(mode)?.set_most(Tenant::new(org, mode), counted, chosen.own()).await?;
        }
    }
    let rates = [(RateOf::Organization, limits.rate), (RateOf::Caller, limits.caller_rate)];
    let rates: Vec<_> = rates.into_iter().filter_map(|(of, chosen)| Some((of, chosen?.own()))).collect();
    if !rates.is_empty() {
        acting(Mode::Live)?.set_rates(org, &rates).await?;
    }
    show(table, org, limits.json).await
}

/// Shows all limits of an organization, those of live mode where each mode has its own.
async fn show(table: &Table, org: OrgId, json: bool) -> anyhow::Result<()> {
    let (mode, strong) = (Mode::Live, Consistency::Strong);
    let numbers = table.get(access_patterns::number_count(org, mode), strong).await?.and_then(|count| count.most);
    let endpoints = table.get(access_patterns::endpoint_count(org, mode), strong).await?.and_then(|count| count.most);
    let keys = table.get(access_patterns::key_count(org), strong).await?.and_then(|count| count.most);
    let webhooks = table.get(access_patterns::subscription_count(org, mode), strong).await?.and_then(|count| count.most);
    let rates = table.get(access_patterns::rates(org), strong).await?.unwrap_or_default();
    let most = |most: Option<u32>, counted: Counted| most.map_or_else(|| counted.usual().to_string(), |most| most.to_string());
    let rate = |rate: Option<Rate>| rate.map_or_else(|| "default".to_owned(), |rate| rate.to_string());
    crate::show(
        json,
        &[
            ("numbers", most(numbers, Counted::Numbers)),
            ("endpoints", most(endpoints, Counted::Endpoints)),
            ("keys", most(keys, Counted::Keys)),
            ("webhooks", most(webhooks, Counted::Webhooks)),
            ("rate", rate(rates.rate)),
            ("caller_rate", rate(rates.caller_rate)),
        ],
    );
    Ok(())
}
