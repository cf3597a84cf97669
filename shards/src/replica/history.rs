//! What happened, in order, read from the journal.

use std::collections::HashSet;
use std::ops::ControlFlow;

use usher_engine::inventory::Claim;
use usher_engine::plan::SeatIx;
use usher_engine::show::{OnSale, SeatRange};
use usher_engine::{BuyerId, Event, HoldNo, MachineId, ShowKey, Timestamp};
use usher_persistence::codec::{decode_header, decode_record};

use super::Replica;
use crate::recovery::RecoveryError;

/// What to look for. All that is set must match; what concerns the whole show (a pause, seats going
/// on sale, more time for everybody) always does, since it is often the reason that is looked for.
#[derive(Debug, Clone, Default)]
pub struct HistoryFilter {
    /// Records that concern this seat.
    pub seat: Option<SeatIx>,
    /// Records that concern this hold, or its order.
    pub hold: Option<(MachineId, HoldNo)>,
    /// Records that concern this buyer's holds.
    pub buyer: Option<BuyerId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// At most so many, the newest.
    pub count_max: usize,
}

/// One record of a show.
#[derive(Debug, Clone)]
pub struct HistoryRecord {
    /// Its sequence.
    pub seq: u64,
    /// Its inventory.
    pub inventory: MachineId,
    /// Its time.
    pub at: Timestamp,
    /// What happened.
    pub events: Vec<Event>,
}

impl Replica {
    /// What the journal still has of a show, oldest first. What went with removed generations is
    /// in snapshots only.
    ///
    /// # Errors
    /// See [`RecoveryError`].
    pub fn history(
        &self,
        show: ShowKey,
        filter: &HistoryFilter,
    ) -> Result<Vec<HistoryRecord>, RecoveryError> {
        let mut found = std::collections::VecDeque::new();
        let mut failed = None;
        let mut matched = HashSet::new();
        self.reader.read(self.reader.first_seq(), &mut |record| {
            let wanted = match decode_header(record.payload) {
                Ok((id, at)) => id.show == show && filter.covers(at),
                Err(_) => true,
            };
            if !wanted {
                return ControlFlow::Continue(());
            }
            match decode_record(record.payload, &*self.plans) {
                Ok(decoded) => {
                    if self.matches(filter, decoded.id, &decoded.events, &mut matched) {
                        found.push_back(HistoryRecord {
                            seq: record.seq,
                            inventory: decoded.id,
                            at: decoded.at,
                            events: decoded.events.into_vec(),
                        });
                    }
                    if found.len() > filter.count_max {
                        found.pop_front();
                    }
                    ControlFlow::Continue(())
                }
                Err(source) => {
                    let (seq, partition) = (record.seq, record.partition);
                    failed = Some(RecoveryError::Record { seq, partition, source });
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(found.into()), Err)
    }

    /// Whether a record is looked for. `matched` remembers the holds that were, since a hold that
    /// ended long ago is known from its first record only.
    fn matches(
        &self,
        filter: &HistoryFilter,
        id: MachineId,
        events: &[Event],
        matched: &mut HashSet<(MachineId, HoldNo)>,
    ) -> bool {
        let by_hold = filter.seat.is_some() || filter.hold.is_some() || filter.buyer.is_some();
        if !by_hold || events.iter().any(|event| concerns_everybody(event, filter.seat)) {
            return true;
        }
        let inventory = self.inventory(id);
        let mut of_hold = |no: HoldNo| {
            let hold = || inventory.and_then(|inventory| inventory.hold(no));
            let seat_fits = filter.seat.is_none_or(|seat| {
                let held = events.iter().any(|event| claims(event, no, seat));
                held || hold().is_some_and(|hold| has_seat(&hold.claim, seat))
            });
            let buyer_fits = filter.buyer.is_none_or(|buyer| {
                let held = events.iter().any(|event| is_by(event, no, buyer));
                held || hold().is_some_and(|hold| hold.buyer == buyer)
            });
            let hold_fits = filter.hold.is_none_or(|wanted| wanted == (id, no));
            let fits = matched.contains(&(id, no)) || (hold_fits && seat_fits && buyer_fits);
            if fits {
                matched.insert((id, no));
            }
            fits
        };
        let holds: Vec<HoldNo> = events.iter().flat_map(holds_of).collect();
        // Every one of them is looked at, so that each is remembered.
        holds.into_iter().filter(|&no| of_hold(no)).count() > 0
    }
}

impl HistoryFilter {
    fn covers(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at <= to)
    }
}

fn has_seat(claim: &Claim, seat: SeatIx) -> bool {
    matches!(claim, Claim::Seats(seats) if seats.contains(&seat))
}

fn claims(event: &Event, no: HoldNo, seat: SeatIx) -> bool {
    matches!(event, Event::Held { hold, claim, .. } if *hold == no && has_seat(claim, seat))
}

fn is_by(event: &Event, no: HoldNo, by: BuyerId) -> bool {
    matches!(event, Event::Held { hold, buyer, .. } if *hold == no && *buyer == by)
}

/// Whether an event concerns the whole show or, where it concerns seats, this one.
fn concerns_everybody(event: &Event, seat: Option<SeatIx>) -> bool {
    match event {
        Event::ShowCreated { .. }
        | Event::ShowChanged(_)
        | Event::SaleMoved(_)
        | Event::HoldsExtended { .. }
        | Event::PutOnSale(OnSale::Everything | OnSale::Stock { .. }) => true,
        Event::PutOnSale(OnSale::Seats(ranges)) => {
            let covers = |range: &SeatRange, seat: SeatIx| {
                (range.first.0..range.first.0 + range.count).contains(&seat.0)
            };
            seat.is_none_or(|seat| ranges.iter().any(|range| covers(range, seat)))
        }
        Event::OnSaleScheduled(_)
        | Event::ScheduleTaken { .. }
        | Event::Held { .. }
        | Event::Released { .. }
        | Event::Expired { .. }
        | Event::Ordered { .. }
        | Event::PaymentStarted { .. }
        | Event::PaymentJoined { .. }
        | Event::PaymentFailed { .. }
        | Event::Paid { .. }
        | Event::RefundDue { .. }
        | Event::PaymentNoted { .. }
        | Event::Refunded { .. }
        | Event::Cancelled { .. }
        | Event::TakenBack { .. }
        | Event::CheckedIn { .. }
        | Event::TermsSet(_)
        | Event::Lent { .. }
        | Event::Received { .. }
        | Event::LoanSettled { .. }
        | Event::Withdrawn { .. }
        | Event::PassUsed(_)
        | Event::DocumentsGiven { .. }
        | Event::HeldByNew { .. }
        | Event::Room(_)
        | Event::Accounts(_) => false,
    }
}

/// The holds and orders that an event concerns.
fn holds_of(event: &Event) -> Vec<HoldNo> {
    match event {
        Event::Held { hold, .. } | Event::Released { hold } | Event::HeldByNew { hold } => {
            vec![*hold]
        }
        Event::Expired { holds } => holds.clone(),
        Event::Ordered { order, .. }
        | Event::PaymentStarted { order, .. }
        | Event::PaymentJoined { order, .. }
        | Event::PaymentFailed { order, .. }
        | Event::Paid { order, .. }
        | Event::RefundDue { order, .. }
        | Event::PaymentNoted { order, .. }
        | Event::Refunded { order, .. }
        | Event::Cancelled { order }
        | Event::TakenBack { order, .. }
        | Event::CheckedIn { order, .. } => vec![*order],
        Event::ShowCreated { .. }
        | Event::ShowChanged(_)
        | Event::SaleMoved(_)
        | Event::PutOnSale(_)
        | Event::OnSaleScheduled(_)
        | Event::ScheduleTaken { .. }
        | Event::HoldsExtended { .. }
        | Event::TermsSet(_)
        | Event::Lent { .. }
        | Event::Received { .. }
        | Event::LoanSettled { .. }
        | Event::Withdrawn { .. }
        | Event::PassUsed(_)
        // Said with the order of the same record.
        | Event::DocumentsGiven { .. }
        | Event::Room(_)
        | Event::Accounts(_) => Vec::new(),
    }
}
