//! The real-name rule as an organiser writes it, checked and in the engine's words.

use usher_engine::limits::UNITS_PER_DOCUMENT_MAX;
use usher_engine::show::{NewShow, ShowChange};
use usher_shards::Face;
use usher_wire::{IdentityRule, ShowPatch, ShowRequest};

use crate::attendees::Attendees;
use crate::http::problem::{ApiError, Code};

const ONE_SEGMENT: &str =
    "documents are counted by the owner of a pool, so a pool of such a show has one segment";

/// Gives a new show the rule that is asked for. Pools whose segments the organiser left to the
/// server have one.
///
/// # Errors
/// [`Code::InvalidField`] and [`Code::BadShow`] at the field that is wrong.
pub(super) fn add_to_new(
    show: &mut NewShow,
    asked: &ShowRequest,
    known: &Attendees,
) -> Result<(), ApiError> {
    let Some(rule) = &asked.identity else { return Ok(()) };
    let (verifier, units_max) = check(rule, known)?;
    show.details.document_verifier = verifier;
    show.terms.units_per_document_max = units_max;
    if units_max == 0 {
        return Ok(());
    }
    for (place, (pool, asked)) in show.pools.iter_mut().zip(&asked.stock).enumerate() {
        if asked.segments.is_some_and(|segments| segments > 1) {
            let pointer = format!("/stock/{place}/segments");
            return Err(ApiError::new(Code::BadShow).detail(ONE_SEGMENT).pointer(pointer));
        }
        pool.segments = 1;
    }
    Ok(())
}

/// Adds the rule to a change of a show that is `face` now. Whether it may still change is for the
/// owner to say.
///
/// # Errors
/// As [`add_to_new`].
pub(super) fn add_to_change(
    change: &mut ShowChange,
    asked: &ShowPatch,
    face: &Face,
    known: &Attendees,
) -> Result<(), ApiError> {
    let Some(rule) = &asked.identity else { return Ok(()) };
    let (verifier, units_max) = check(rule, known)?;
    if units_max > 0 && face.pools.iter().any(|pool| pool.segments > 1) {
        return Err(ApiError::new(Code::BadShow).detail(ONE_SEGMENT).pointer("/identity"));
    }
    if units_max != face.terms.units_per_document_max {
        change.units_per_document_max = Some(units_max);
    }
    if verifier != face.details.document_verifier {
        let details = change.details.get_or_insert_with(|| face.details.clone());
        details.document_verifier = verifier;
    }
    Ok(())
}

/// The verifier's name and the units per document; neither where nothing is asked.
fn check(rule: &IdentityRule, known: &Attendees) -> Result<(String, u32), ApiError> {
    if known.verifier(&rule.verifier).is_none() {
        let words = format!("it is none of {}", known.names().join(", "));
        return Err(ApiError::field("/identity/verifier", words));
    }
    if !(1..=UNITS_PER_DOCUMENT_MAX).contains(&rule.units_per_document) {
        let words = format!("it must be 1 to {UNITS_PER_DOCUMENT_MAX}");
        return Err(ApiError::field("/identity/unitsPerDocument", words));
    }
    match rule.required {
        true => Ok((rule.verifier.clone(), rule.units_per_document)),
        false => Ok((String::new(), 0)),
    }
}
