//! Writes realistic calls of a year for the demo organization of the running stack, so that anyone can try lists and
//! statistics at size.
#![expect(clippy::print_stdout, reason = "a command speaks on standard output")]
#![expect(clippy::disallowed_methods, reason = "a fixture says whose data is meant")]

use anyhow::Context as _;
use domain::{Day, Mode};
use indicatif::{ProgressBar, ProgressStyle};
use runtime::{Clock, random};
use store::Tenant;
use testkit::{Stack, load::Plan};

const USAGE: &str = "say how many: --count N";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--count");
    let count: usize = arguments.next().context(USAGE)?.parse().context(USAGE)?;
    let stack = Stack::load()?;
    let tenant = Tenant::new(stack.organization_id.parse()?, Mode::Live);
    let table = stack.table();
    let mut plan = Plan::of_a_year(count, Day::of(Clock::System.now()), u64::from_be_bytes(random::bytes()));
    // Filters by what the organization has find something then.
    let (numbers, endpoints) = (table.numbers(tenant).await?, table.endpoints(tenant).await?);
    if !numbers.is_empty() {
        plan.numbers = numbers.into_iter().map(|number| number.id).collect();
    }
    if !endpoints.is_empty() {
        plan.endpoints = endpoints.into_iter().map(|endpoint| endpoint.id).collect();
    }
    let bar =
        ProgressBar::new(count as u64).with_style(ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} calls, {eta} left")?);
    plan.load(&table, tenant, |written| bar.set_position(written)).await?;
    bar.finish_and_clear();
    println!("{count} calls from {} to {}; try", plan.first, plan.end.plus(-1));
    println!("  curl -H 'x-api-key: {}' '{}/v1/calls?page={}'", stack.live_key, stack.base_url, (count / 40).max(1));
    println!("  curl -H 'x-api-key: {}' '{}/v1/calls/trends?start_date={}'", stack.live_key, stack.base_url, plan.first);
    Ok(())
}
