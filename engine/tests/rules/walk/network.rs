//! What lies between the inventories of a show: it loses, doubles and reorders.

use usher_engine::{Command, Effect};

use super::Random;
use crate::common::Stage;

/// Commands on their way, each with the inventory that it goes to.
#[derive(Default)]
pub(super) struct Network {
    letters: Vec<(usize, Command)>,
}

impl Network {
    /// Sends what the effects of inventory `from` ask for. A quarter is lost.
    pub(super) fn post(
        &mut self,
        from: usize,
        effects: &[Effect],
        stage: &Stage,
        random: &mut Random,
    ) {
        let segment = |number: u16| usize::from(number) + 1;
        for effect in effects {
            let letters: Vec<(usize, Command)> = match effect {
                Effect::TellSegments => {
                    let told = stage.house.live.segment_terms().into_iter();
                    told.map(|terms| (segment(terms.segment), Command::SetTerms(Box::new(terms))))
                        .collect()
                }
                &Effect::SendLoan { borrower, number, quantity } => {
                    let donor = u16::try_from(from - 1).expect("a segment");
                    vec![(segment(borrower), Command::Receive { donor, number, quantity })]
                }
                &Effect::ConfirmLoan { donor, number } => {
                    let borrower = u16::try_from(from - 1).expect("a segment");
                    vec![(segment(donor), Command::SettleLoan { borrower, number })]
                }
                Effect::Refund { .. } | Effect::WakeAt(_) | Effect::TellRoom(_) => Vec::new(),
            };
            self.letters.extend(letters.into_iter().filter(|_| !random.percent(25)));
        }
    }

    /// Any letter; it may well come once more.
    pub(super) fn take(&mut self, random: &mut Random) -> Option<(usize, Command)> {
        let count = u32::try_from(self.letters.len()).ok().filter(|&count| count > 0)?;
        let place = random.below(count) as usize;
        if random.percent(25) {
            return Some(self.letters[place].clone());
        }
        Some(self.letters.swap_remove(place))
    }

    /// The first letter, for the last time.
    pub(super) fn take_for_good(&mut self) -> Option<(usize, Command)> {
        (!self.letters.is_empty()).then(|| self.letters.remove(0))
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.letters.is_empty()
    }
}
