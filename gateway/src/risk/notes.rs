//! Decisions in the logbook: who was asked for more, or sent away, and why.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::HttpRequest;
use data_encoding::HEXLOWER;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::{Assessment, DeviceId, Visitor};
use crate::app::App;
use crate::http::request_id;
use crate::logbook::Note;

/// Decisions that are noted, per second. A flood must not push out what others did.
const NOTES_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("it is not 0");

/// Lets so many notes pass, and counts the others.
pub(super) struct Throttle {
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl Default for Throttle {
    fn default() -> Self {
        let limiter = RateLimiter::direct(Quota::per_second(NOTES_PER_SECOND));
        Self { limiter, left_out: AtomicU64::new(0) }
    }
}

impl Throttle {
    /// How many were left out since the last note; `None` where this one is left out as well.
    fn pass(&self) -> Option<u64> {
        if self.limiter.check().is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

/// Notes a decision that let nobody pass. `decision` says which.
pub(crate) async fn note(
    app: &App,
    request: &HttpRequest,
    visitor: &Visitor,
    assessment: &Assessment,
    decision: &'static str,
    status: u16,
) {
    metrics::counter!("usher_risk_decisions_total", "decision" => decision).increment(1);
    let Some(left_out) = app.risk.notes.pass() else { return };
    let note = Note {
        actor: "risk",
        address: Some(visitor.address),
        call: format!("{} {}", request.method(), request.path()),
        status: Some(status),
        request_id: request_id::current(),
        fields: fields(visitor, assessment, decision, left_out),
    };
    app.logbook.jot(note).await;
}

fn fields(
    visitor: &Visitor,
    assessment: &Assessment,
    decision: &'static str,
    left_out: u64,
) -> BTreeMap<String, String> {
    let reasons: Vec<String> = assessment
        .reasons
        .iter()
        .map(|reason| format!("{}={} (+{})", reason.what, reason.value, reason.points))
        .collect();
    let mut fields = vec![
        ("decision", decision.to_owned()),
        ("points", assessment.points.to_string()),
        ("reasons", reasons.join(", ")),
    ];
    // Hashes and random numbers: who they are is known to who knows their id.
    fields.extend(visitor.user.map(|user| ("user", format!("{:032x}", user.0))));
    fields.extend(visitor.device.map(|DeviceId(id)| ("device", HEXLOWER.encode(&id))));
    if left_out > 0 {
        fields.push(("leftOutBefore", left_out.to_string()));
    }
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_decisions_is_counted_and_not_noted() {
        let throttle = Throttle::default();
        let noted = (0..10_000).filter(|_| throttle.pass().is_some()).count();
        assert!((50..1_000).contains(&noted), "{noted}");
        assert!(throttle.left_out.load(Ordering::Relaxed) > 0);
    }
}
