//! `trunkline inventory list`.

use std::process::ExitCode;

use clap::Args;
use domain::{Country, E164, Mode, inventory::NumberType};
use serde_json::json;
use store::{Stock, StockStatus, Table};

use crate::patience::patiently;

/// How many numbers are read at a time.
const PAGE: i32 = 200;

/// Which numbers.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only numbers of this country, such as NG.
    #[arg(long)]
    country: Option<Country>,
    /// Only numbers of this type: `local`, `mobile` or `toll_free`.
    #[arg(long = "type")]
    number_type: Option<NumberType>,
    /// `available`, `owned`, or `held`: on offer and not to be had, since an organization has it with its own carrier.
    #[arg(long, value_parser = status)]
    status: Option<StockStatus>,
    /// `live` or `test`.
    #[arg(long, default_value_t = Mode::Live)]
    mode: Mode,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

fn status(text: &str) -> Result<StockStatus, String> {
    StockStatus::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| "must be available, owned or held".to_owned())
}

pub(crate) async fn run(table: &Table, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let countries = arguments.country.map_or_else(|| Country::all().collect(), |country| vec![country]);
    let types = arguments.number_type.map_or_else(|| NumberType::ALL.to_vec(), |number_type| vec![number_type]);
    for place in countries.iter().flat_map(|country| types.iter().map(|number_type| (*country, *number_type))) {
        let mut after: Option<E164> = None;
        loop {
            let (stock, next) = patiently(|| table.stock(arguments.mode, place, after.as_ref(), PAGE)).await?;
            let wanted = stock.iter().filter(|one| arguments.status.is_none() || one.status() == arguments.status);
            wanted.for_each(|one| println!("{}", line(one, arguments.json)));
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One number, on a line.
fn line(stock: &Stock, as_json: bool) -> String {
    let Stock { offer, slot, claim } = stock;
    let status = stock.status().map_or("changing", StockStatus::as_str);
    let owner = claim.as_ref().map(|claim| claim.organization_id);
    if as_json {
        return json!({
            "e164": offer.e164, "country": offer.country, "type": offer.number_type, "status": status,
            "region": slot.as_ref().and_then(|slot| slot.region.as_ref()),
            "capabilities": slot.as_ref().map(|slot| slot.capabilities),
            "setup_cost_cents": slot.as_ref().map(|slot| slot.setup_cost_cents),
            "monthly_cost_cents": slot.as_ref().map(|slot| slot.monthly_cost_cents),
            "organization_id": owner,
        })
        .to_string();
    }
    let prices = slot.as_ref().map(|slot| format!("  {} + {} a month", slot.setup_cost_cents, slot.monthly_cost_cents)).unwrap_or_default();
    let region =
        slot.as_ref().and_then(|slot| slot.region.as_ref()).map(|region| format!("  {}", region.escape_debug())).unwrap_or_default();
    let owner = owner.map(|owner| format!("  organization {owner}")).unwrap_or_default();
    format!("{:16}  {}  {:9}  {status:9}{prices}{region}{owner}", offer.e164.to_string(), offer.country, offer.number_type.as_str())
}

#[cfg(test)]
mod tests {
    use domain::inventory::{Capabilities, Slot};
    use store::Offer;

    use super::*;

    #[test]
    fn a_line_tells_number_place_status_prices_region_and_owner() {
        let slot = Slot {
            e164: "+2342013300001".parse().unwrap(),
            country: "NG".parse().unwrap(),
            number_type: NumberType::Local,
            region: Some("Lagos".to_owned()),
            capabilities: Capabilities { voice: true, sms: false, fax: false },
            setup_cost_cents: 100,
            monthly_cost_cents: 350,
            trunk: None,
        };
        let stock = Stock { offer: Offer::of(&slot), slot: Some(slot), claim: None };
        assert_eq!(line(&stock, false), "+2342013300001    NG  local      available  100 + 350 a month  Lagos");
        let json: serde_json::Value = serde_json::from_str(&line(&stock, true)).unwrap();
        assert_eq!((&json["status"], &json["capabilities"]["voice"]), (&"available".into(), &true.into()));
        let changing = Stock { slot: None, ..stock };
        assert_eq!(line(&changing, false), "+2342013300001    NG  local      changing ");
    }

    #[test]
    fn a_status_is_one_of_three() {
        assert_eq!(status("held"), Ok(StockStatus::Held));
        assert!(status("sold").unwrap_err().contains("available, owned or held"));
    }
}
