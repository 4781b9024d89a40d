//! Everything of an organization as lines of JSON, in live and in test data: what it could read by the API, and nothing that
//! is secret.
//!
//! A line is `{"kind", "mode", "data"}`; what belongs to both data sets has no mode. It is written as it is read, page by
//! page.

use std::{collections::BTreeMap, io::Write};

use anyhow::Context as _;
use domain::{
    Mode, OrgId, Timestamp,
    audit::AuditFilter,
    delivery::{DeliveryFilter, DeliveryState},
    wire,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use serde_json::{Value, json};
use store::{CallWalk, Consistency, DeliveryWalk, Table, Tenant, access_patterns};

use crate::patience::patiently;

/// How many calls or deliveries are held at a time.
const PAGE: usize = 100;

/// How many bodies of deliveries are read at the same time.
const CONCURRENT: usize = 8;

/// How many lines of each kind were written.
pub type Counts = BTreeMap<&'static str, u64>;

/// Whose data, and where they lie.
#[derive(Debug)]
pub struct Export {
    /// The table.
    pub table: Table,
    /// The organization.
    pub org: OrgId,
    /// The time of the export: tells which keys have expired.
    pub now: Timestamp,
}

/// Where lines go.
struct Lines<'a, W> {
    out: &'a mut W,
    counts: Counts,
    progress: &'a mut dyn FnMut(u64),
}

impl<W: Write> Lines<'_, W> {
    fn put(&mut self, kind: &'static str, mode: Option<Mode>, data: &impl Serialize) -> anyhow::Result<()> {
        let mut data = serde_json::to_value(data)?;
        if let Value::Object(fields) = &mut data {
            // Where calls enter is the deployment's, and a secret is no part of an export, masked or not.
            ["sip_uri", "secret"].into_iter().for_each(|name| drop(fields.remove(name)));
        }
        let line = match mode {
            Some(mode) => json!({"kind": kind, "mode": mode, "data": data}),
            None => json!({"kind": kind, "data": data}),
        };
        writeln!(self.out, "{line}").context("the export cannot be written")?;
        *self.counts.entry(kind).or_default() += 1;
        (self.progress)(1);
        Ok(())
    }
}

impl Export {
    /// Writes everything; how many lines of each kind. `progress` is told of so many lines more. If the table is that of an
    /// act, its entry is there before anything is handed out.
    ///
    /// # Errors
    /// If there is no such organization, or table or output fail.
    pub async fn run<W: Write>(&self, out: &mut W, progress: &mut dyn FnMut(u64)) -> anyhow::Result<Counts> {
        let mut lines = Lines { out, counts: Counts::new(), progress };
        let organization = patiently(|| self.table.get(access_patterns::organization(self.org), Consistency::Strong)).await?;
        let organization = organization.with_context(|| format!("there is no organization {}", self.org))?;
        patiently(|| self.table.note_act()).await?;
        let retention = patiently(|| self.table.retention(self.org)).await?.map(|retention| retention.days);
        let store::Organization { id, name, created_at, .. } = organization;
        lines.put("organization", None, &json!({"id": id, "name": name, "created_at": created_at, "call_retention_days": retention}))?;
        for record in patiently(|| self.table.key_records(Tenant::new(self.org, Mode::Live))).await? {
            lines.put("api_key", None, &wire::ApiKey::at(record, self.now))?;
        }
        for member in patiently(|| self.table.members(self.org)).await? {
            lines.put(
                "member",
                None,
                &json!({"user_id": member.user_id, "role": member.role.as_str(), "created_at": member.created_at}),
            )?;
        }
        for mode in Mode::ALL {
            let tenant = Tenant::new(self.org, mode);
            self.settings(tenant, &mut lines).await?;
            self.calls(tenant, &mut lines).await?;
            self.deliveries(tenant, &mut lines).await?;
            self.trail(tenant, &mut lines).await?;
        }
        lines.out.flush().context("the export cannot be written")?;
        Ok(lines.counts)
    }

    /// What the organization has set up.
    async fn settings<W: Write>(&self, tenant: Tenant, lines: &mut Lines<'_, W>) -> anyhow::Result<()> {
        let mode = Some(tenant.mode());
        for number in patiently(|| self.table.numbers(tenant)).await? {
            lines.put("phone_number", mode, &wire::Number::new(number, self.org, ""))?;
        }
        for endpoint in patiently(|| self.table.endpoints(tenant)).await? {
            lines.put("endpoint", mode, &wire::Endpoint::masked(endpoint, self.org, None))?;
        }
        for credential in patiently(|| self.table.credentials(tenant)).await? {
            lines.put("carrier_credential", mode, &wire::CarrierCredential::from(credential))?;
        }
        for subscription in patiently(|| self.table.subscriptions(tenant, Consistency::Strong)).await? {
            lines.put("webhook_subscription", mode, &wire::Subscription::masked(subscription, self.org))?;
        }
        Ok(())
    }

    /// The calls with their events and transcripts.
    async fn calls<W: Write>(&self, tenant: Tenant, lines: &mut Lines<'_, W>) -> anyhow::Result<()> {
        for begin in CallWalk::begin() {
            let mut walk = Some(begin);
            while let Some(at) = walk {
                let (records, next) = patiently(|| self.table.walk_calls(tenant, at, PAGE)).await?;
                for record in records {
                    lines.put("call", Some(tenant.mode()), &wire::CallDetail::new(&record, self.org))?;
                }
                walk = next;
            }
        }
        Ok(())
    }

    /// The log of deliveries, with attempts and bodies.
    async fn deliveries<W: Write>(&self, tenant: Tenant, lines: &mut Lines<'_, W>) -> anyhow::Result<()> {
        let all = DeliveryFilter::default();
        let mut walk = DeliveryWalk { newest_first: false, after: None, limit: PAGE, reach: PAGE };
        loop {
            let page = patiently(|| self.table.delivery_list(tenant, &all, walk)).await?;
            let whole = stream::iter(page.found).map(|state| self.delivery(tenant, state)).buffered(CONCURRENT);
            for delivery in whole.try_collect::<Vec<Value>>().await? {
                lines.put("webhook_delivery", Some(tenant.mode()), &delivery)?;
            }
            if page.next.is_none() {
                return Ok(());
            }
            walk.after = page.next;
        }
    }

    /// The audit trail.
    async fn trail<W: Write>(&self, tenant: Tenant, lines: &mut Lines<'_, W>) -> anyhow::Result<()> {
        let (all, mut after) = (AuditFilter::default(), None);
        loop {
            let page = patiently(|| self.table.audit_trail(tenant, &all, after, PAGE, PAGE)).await?;
            for entry in page.found {
                lines.put("audit_entry", Some(tenant.mode()), &wire::AuditEntry::new(entry, self.org))?;
            }
            if page.next.is_none() {
                return Ok(());
            }
            after = page.next;
        }
    }

    async fn delivery(&self, tenant: Tenant, state: DeliveryState) -> anyhow::Result<Value> {
        let body = patiently(|| self.table.delivery(tenant, state.id)).await?;
        Ok(match body {
            Some(delivery) => serde_json::to_value(wire::DeliveryDetail::new(delivery, &state, self.org))?,
            None => serde_json::to_value(wire::Delivery::new(&state, self.org))?,
        })
    }
}
