//! The format must not change unnoticed, must lead back to what was written, and must survive any
//! bytes at all.

mod accounts;
mod damage;
mod golden;
mod rates;
mod roundtrip;
mod samples;

use std::fmt::Write as _;
use std::sync::Arc;

use usher_engine::plan::{PlanId, SeatPlan};

use super::PlanSource;

/// Knows one plan, or none.
struct Plans(Option<Arc<SeatPlan>>);

impl PlanSource for Plans {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        self.0.clone().filter(|plan| plan.id() == id)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory takes whatever is written");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |place| u8::from_str_radix(&text[place..place + 2], 16).expect("two digits");
    (0..text.len()).step_by(2).map(digit).collect()
}
