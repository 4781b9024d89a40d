//! A call that is over is counted, and its entry in the list kept up with its record.

use domain::call::CallEvent;
use queue::batch::Failure;
use store::{CountWork, Settled, Tenant};

use crate::{
    CallEvents, failure,
    fold::Written,
    gather::{Coming, together},
};

impl CallEvents {
    /// Sees to it that lists and statistics show what the record says. Whatever a crash left undone is done when the
    /// messages come again.
    pub(crate) async fn settle(
        &self,
        tenant: Tenant,
        written: &Written,
        events: &[&CallEvent],
        counting: Coming<Tenant, CountWork>,
    ) -> Result<(), Failure> {
        let call = &written.call;
        let key = (tenant, call.id);
        if !call.is_over() || (!written.marked && self.settled.get(&key, self.clock.now()) == Some(call.version())) {
            return Ok(());
        }
        // The event that ends a call is mostly the first that finds it over; later ones find its entry.
        let ends = events.iter().any(|event| event.kind.is_terminal());
        let due = if ends { Settled::Due(Box::new(CountWork::new(call))) } else { self.refreshed(tenant, written).await? };
        if let Settled::Due(work) = due {
            // The calls of a tenant share most counter rows, and each row is written once.
            let count = |works| async move { self.table.count_calls(tenant, works).await.map_err(failure) };
            counting.join(tenant, *work, |all| together(all, count)).await?;
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
