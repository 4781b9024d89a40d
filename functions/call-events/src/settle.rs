//! A call that is over is counted, and its entry in the list kept up with its record.

use domain::call::CallEvent;
use queue::batch::Failure;
use store::{CountWork, Settled, Table, Tenant};

use crate::{
    CallEvents, Written, failure,
    gather::{Coming, Done},
};

/// A call to be counted, and whose it is.
pub(crate) type Count = (Tenant, CountWork);

impl CallEvents {
    /// Sees to it that lists and statistics show what the record says. Whatever a crash left undone is done when the
    /// message comes again.
    pub(crate) async fn settle(
        &self,
        tenant: Tenant,
        written: &Written,
        event: &CallEvent,
        counting: Coming<Count>,
    ) -> Result<(), Failure> {
        let call = &written.call;
        let key = (tenant, call.id);
        if !call.is_over() || (!written.marked && self.settled.get(&key, self.clock.now()) == Some(call.version())) {
            return Ok(());
        }
        // The event that ends a call is mostly the first that finds it over; later ones find its entry.
        let due =
            if event.kind.is_terminal() { Settled::Due(Box::new(CountWork::new(call))) } else { self.refreshed(tenant, written).await? };
        if let Settled::Due(work) = due {
            counting.join((tenant, *work), |all| count_all(&self.table, all)).await.map_err(Failure::retry)?;
        }
        self.settled.put(key, call.version(), self.clock.now());
        Ok(())
    }

    /// Brings the entry up to date where nothing has to be counted anew.
    async fn refreshed(&self, tenant: Tenant, written: &Written) -> Result<Settled, Failure> {
        let settled = self.table.settle_call(tenant, &written.call).await.map_err(failure)?;
        if written.marked && !matches!(settled, Settled::Due(_)) {
            self.table.unmark_live(tenant, written.call.id).await.map_err(failure)?;
        }
        Ok(settled)
    }
}

/// Counts the calls of each tenant: they share most counter rows, and each row is written once.
async fn count_all(table: &Table, all: Vec<Count>) -> Vec<Done> {
    let mut done: Vec<Done> = vec![Ok(()); all.len()];
    let mut left: Vec<usize> = (0..all.len()).collect();
    while let Some(&next) = left.first() {
        let tenant = all[next].0;
        let (own, rest): (Vec<usize>, Vec<usize>) = left.into_iter().partition(|&at| all[at].0 == tenant);
        left = rest;
        if table.count_calls(tenant, own.iter().map(|&at| all[at].1.clone()).collect()).await.is_ok() {
            continue;
        }
        // One that cannot be counted keeps nobody else from it; those that were counted are not counted again.
        for at in own {
            done[at] = table.count_calls(tenant, vec![all[at].1.clone()]).await.map_err(|error| error.to_string());
        }
    }
    done
}
