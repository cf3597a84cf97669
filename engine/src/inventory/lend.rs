//! Stock on its way between segments. See [`crate::stock`] for why nothing is lost on it.

use super::{Goods, Inventory};
use crate::decision::{Decision, Effect, Subject};
use crate::event::Event;
use crate::planted::planted;
use crate::refusal::Refusal;
use crate::show::SegmentTerms;

impl Inventory {
    /// The house says how things stand. Old news is ignored, so telling twice is harmless.
    pub(super) fn set_terms(&self, terms: &SegmentTerms) -> Decision {
        let known = match &self.goods {
            Goods::Stock(segment) => segment.terms_version,
            Goods::Nothing if self.show.is_none() => 0,
            Goods::Nothing | Goods::Seats(_) => return Decision::refuse(Refusal::WrongKind),
        };
        if terms.version <= known {
            return Decision::replay(Subject::Show);
        }
        Decision::done(Event::TermsSet(Box::new(terms.clone())), Subject::Show)
    }

    /// Gives what can be given; a donor with nothing free refuses.
    pub(super) fn lend(&self, borrower: u16, quantity: u32) -> Decision {
        let Goods::Stock(segment) = &self.goods else {
            return Decision::refuse(Refusal::WrongKind);
        };
        let quantity = segment.loan_size(quantity);
        if quantity == 0 || borrower == segment.segment || borrower >= segment.segments {
            return Decision::refuse(Refusal::SoldOut { available: segment.available });
        }
        let number = segment.next_loan(borrower);
        Decision::done(Event::Lent { borrower, number, quantity }, Subject::Show)
            .with(Effect::SendLoan { borrower, number, quantity })
    }

    /// Takes each loan once, in order, and confirms every one it has.
    pub(super) fn receive(&self, donor: u16, number: u32, quantity: u32) -> Decision {
        let Goods::Stock(segment) = &self.goods else {
            return Decision::refuse(Refusal::WrongKind);
        };
        let confirm = Effect::ConfirmLoan { donor, number };
        let is_forgotten = planted("loan-taken-twice");
        if segment.has_taken(donor, number) && !is_forgotten {
            return Decision::replay(Subject::Show).with(confirm);
        }
        if !segment.expects_loan(donor, number) && !is_forgotten {
            // An earlier one is still on its way; the donor repeats both.
            return Decision::replay(Subject::Show);
        }
        Decision::done(Event::Received { donor, number, quantity }, Subject::Show).with(confirm)
    }

    pub(super) fn settle_loan(&self, borrower: u16, number: u32) -> Decision {
        match &self.goods {
            Goods::Stock(segment) if segment.open_loans.contains_key(&(borrower, number)) => {
                Decision::done(Event::LoanSettled { borrower, number }, Subject::Show)
            }
            _ => Decision::replay(Subject::Show),
        }
    }
}
