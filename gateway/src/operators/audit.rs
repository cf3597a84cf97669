//! Whether everything adds up: counted afresh from snapshot and journal, beside what owners
//! believe.
//!
//! A live show never stands still, so the two are compared where they can be: each owner is asked
//! first and says its version, then the replica counts that inventory afresh as of that very
//! version on its way forward. The figures that are told are all of one later sequence, at which
//! the pools are added up too.

use crate::app::App;
use crate::buyers::lookup;
use crate::http::problem::{ApiError, Code};
use crate::ids::HoldRoute;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use std::collections::BTreeMap;
use usher_engine::inventory::Audit;
use usher_engine::{HoldNo, MachineId};
use usher_shards::replica::ShowRecount;
use usher_shards::{Counted, Face, ShowView};
use usher_wire::{AuditAnswer, Counts, Problem};

use super::live;

/// How often owners are asked again whose version the replica was past already, since it answered
/// somebody else in between.
const TRIES_MAX: usize = 8;

/// Counts a show afresh and compares. `ok` only where all of it agrees.
#[utoipa::path(
    get, path = "/ops/v1/shows/{showId}/audit", tag = "operators", operation_id = "auditShow",
    security(("operator" = [])), params(("showId" = String, Path, description = "The show")),
    responses(
        (status = 200, body = AuditAnswer, description = "What was found"),
        (status = 404, body = Problem, description = "None has this id",
         content_type = "application/problem+json"),
    ),
)]
pub(super) async fn show(app: Data<App>, show_id: Path<String>) -> Result<HttpResponse, ApiError> {
    let view = lookup::show(&app, &show_id)?;
    let unknown = || ApiError::new(Code::UnknownShow);
    let ids = app.router.inventories_of(view.key).ok_or_else(unknown)?;
    let compared = compare(&app, &ids).await?;
    let key = view.key;
    let recount = app.router.replica().ask(move |replica| replica.recount(key)).await?;
    let recount = recount.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(describe(&app, &view, &compared, &recount)))
}

/// What an owner said, and what the replica found at the same version; `None` where it could not
/// be looked at in time.
type Compared = BTreeMap<MachineId, (Counted, Option<Audit>)>;

async fn compare(app: &App, ids: &[MachineId]) -> Result<Compared, ApiError> {
    let mut compared = Compared::new();
    let mut left = ids.to_vec();
    for _ in 0..TRIES_MAX {
        let asked = live::count(app, &left).await?;
        let versions = asked.iter().map(|(id, counted)| (*id, counted.version)).collect();
        let found = app.router.replica().ask_at(versions, |_, counted| counted).await?;
        left.clear();
        for ((id, counted), found) in asked.into_iter().zip(found) {
            if found.is_none() {
                left.push(id);
            }
            compared.insert(id, (counted, found));
        }
        if left.is_empty() {
            break;
        }
    }
    Ok(compared)
}

fn describe(app: &App, view: &ShowView, compared: &Compared, recount: &ShowRecount) -> AuditAnswer {
    let face = view.face();
    let mut answer = sum_up(&face, compared, recount);
    answer.show_id = face.details.public_id.clone();
    for recounted in &recount.inventories {
        let inventory = recounted.inventory;
        let order = |&number: &HoldNo| app.ids.order(HoldRoute { inventory, number });
        answer.paid_without_ticket.extend(recounted.audit.paid_without_ticket.iter().map(order));
        let seats = recounted.audit.double_sold.iter();
        let labels = seats.filter_map(|&seat| Some(view.plan.as_ref()?.label(seat).to_owned()));
        answer.double_sold.extend(labels);
    }
    answer.ok = answer.faults.is_empty()
        && answer.double_sold.is_empty()
        && answer.paid_without_ticket.is_empty();
    answer
}

/// All figures, and all that does not add up between them.
fn sum_up(face: &Face, compared: &Compared, recount: &ShowRecount) -> AuditAnswer {
    let audits = || recount.inventories.iter().map(|recounted| &recounted.audit);
    let sum = |of: Figure| audits().map(of).sum::<u64>();
    let mut faults = recount.faults.clone();
    for recounted in &recount.inventories {
        let name = live::name(face, recounted.inventory);
        faults.extend(recounted.audit.faults.iter().map(|fault| format!("{name}: {fault}")));
    }
    for (id, (counted, found)) in compared {
        let name = live::name(face, *id);
        match found {
            Some(found) => faults.extend(differences(&name, &counted.audit, found)),
            None => faults.push(format!(
                "{name}: could not be compared with its owner, which sold on meanwhile; ask again"
            )),
        }
    }
    let capacity = live::positive(audits().map(|audit| audit.capacity).sum());
    let (available, held) = (sum(|audit| audit.available), sum(|audit| audit.held));
    let (sold, blocked) = (sum(|audit| audit.sold), sum(|audit| audit.blocked));
    let in_transit = recount.in_transit;
    let all = available + held + sold + blocked + in_transit;
    if all != capacity {
        faults.push(format!("{all} seats and tickets are somewhere, {capacity} were given"));
    }
    AuditAnswer {
        capacity,
        available,
        held,
        sold,
        blocked,
        in_transit,
        tickets_issued: sum(|audit| audit.tickets_issued),
        at_sequence: recount.at_seq,
        live: live_counts(compared),
        faults,
        ..AuditAnswer::default()
    }
}

/// What the owners said, added up. Each speaks of a moment of its own, so while stock moves the
/// sum over a pool may be off by what moved.
fn live_counts(compared: &Compared) -> Counts {
    let audits = || compared.values().map(|(counted, _)| &counted.audit);
    let sum = |of: Figure| audits().map(of).sum::<u64>();
    Counts {
        capacity: live::positive(audits().map(|audit| audit.capacity).sum()),
        available: sum(|audit| audit.available),
        held: sum(|audit| audit.held),
        sold: sum(|audit| audit.sold),
        blocked: sum(|audit| audit.blocked),
        in_transit: sum(|audit| audit.lent).saturating_sub(sum(|audit| audit.received)),
        tickets_issued: sum(|audit| audit.tickets_issued),
    }
}

/// One figure of an audit.
type Figure = fn(&Audit) -> u64;

/// Where an owner and the journal disagree about one version of an inventory.
fn differences(name: &str, owner: &Audit, journal: &Audit) -> Vec<String> {
    let capacities = (i128::from(owner.capacity), i128::from(journal.capacity));
    let mut figures = vec![("capacity", capacities.0, capacities.1)];
    let rest: [(&str, Figure); 8] = [
        ("available", |audit| audit.available),
        ("held", |audit| audit.held),
        ("sold", |audit| audit.sold),
        ("blocked", |audit| audit.blocked),
        ("in transit", |audit| audit.in_transit),
        ("lent", |audit| audit.lent),
        ("received", |audit| audit.received),
        ("tickets issued", |audit| audit.tickets_issued),
    ];
    figures.extend(rest.map(|(word, of)| (word, i128::from(of(owner)), i128::from(of(journal)))));
    let differing = figures.into_iter().filter(|(_, owner, journal)| owner != journal);
    differing
        .map(|(word, owner, journal)| {
            format!("{name}: its owner counts {owner} {word}, the journal {journal}")
        })
        .collect()
}

#[cfg(test)]
mod tests;
