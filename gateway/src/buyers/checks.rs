//! Bounds on what callers write, each with the pointer of the field.
//!
//! Text may be in any script. What it may not have is control characters: it ends up in logs, on
//! tickets and in spreadsheets.

use crate::http::problem::ApiError;
use usher_wire::{Contact, USER_ID_CHARS_MAX};

const NAME_CHARS_MAX: usize = 200;
const PHONE_CHARS_MAX: usize = 40;
const EMAIL_CHARS_MAX: usize = 254;

/// A user id.
///
/// # Errors
/// [`crate::http::Code::InvalidField`] at `pointer`.
pub fn user_id(id: &str, pointer: &str) -> Result<(), ApiError> {
    text(id, pointer, 1, USER_ID_CHARS_MAX)
}

/// A contact, found in its request at `pointer`.
///
/// # Errors
/// [`crate::http::Code::InvalidField`] at the field that is wrong.
pub fn contact(contact: &Contact, pointer: &str) -> Result<(), ApiError> {
    text(&contact.name, &format!("{pointer}/name"), 1, NAME_CHARS_MAX)?;
    if let Some(phone) = &contact.phone {
        text(phone, &format!("{pointer}/phone"), 1, PHONE_CHARS_MAX)?;
    }
    if let Some(email) = &contact.email {
        self::email(email, &format!("{pointer}/email"))?;
    }
    Ok(())
}

/// An e-mail address, as far as that can be said without sending to it.
///
/// # Errors
/// [`crate::http::Code::InvalidField`] at `pointer`.
pub fn email(email: &str, pointer: &str) -> Result<(), ApiError> {
    text(email, pointer, 3, EMAIL_CHARS_MAX)?;
    // Anything stricter refuses addresses that work.
    let has_both_sides = email.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    match has_both_sides {
        true => Ok(()),
        false => Err(ApiError::field(pointer, "it is no e-mail address")),
    }
}

/// Text of so many characters, none of them a control character and not all of them spaces.
///
/// # Errors
/// [`crate::http::Code::InvalidField`] at `pointer`.
pub fn text(text: &str, pointer: &str, min: usize, max: usize) -> Result<(), ApiError> {
    let refuse = |words: String| Err(ApiError::field(pointer, words));
    // A character has at most four bytes: long rubbish is refused without counting it.
    if text.len() > max * 4 || text.chars().count() > max {
        return refuse(format!("it has more than {max} characters"));
    }
    if text.chars().count() < min || (min > 0 && text.trim().is_empty()) {
        return refuse(match min {
            1 => "it is empty".to_owned(),
            _ => format!("it has fewer than {min} characters"),
        });
    }
    if text.chars().any(char::is_control) {
        return refuse("it has control characters".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Contact), wrong: Option<&str>) {
        let mut given = Contact { name: "Ada".into(), ..Contact::default() };
        change(&mut given);
        let told = contact(&given, "/contact").err().map(|error| format!("{error:?}"));
        match (wrong, told) {
            (None, None) => {}
            (Some(field), Some(told)) => {
                assert!(told.contains(&format!("pointer: Some(\"/contact/{field}\")")), "{told}");
            }
            (wrong, told) => panic!("expected a fault at {wrong:?}, was told {told:?}"),
        }
    }

    #[test]
    fn a_contact_is_bounded() {
        check(|_| {}, None);
        check(|c| c.name = "Ñandú 👩‍🎤".into(), None);
        check(|c| c.name = "ü".repeat(200), None);
        check(|c| c.name = "ü".repeat(201), Some("name"));
        check(|c| c.name = "x".repeat(100_000), Some("name"));
        check(|c| c.name = String::new(), Some("name"));
        check(|c| c.name = " \u{2003} ".into(), Some("name"));
        check(|c| c.name = "a\nb".into(), Some("name"));
        check(|c| c.phone = Some("+49 30 123".into()), None);
        check(|c| c.phone = Some("1".repeat(41)), Some("phone"));
        check(|c| c.phone = Some(String::new()), Some("phone"));
        check(|c| c.email = Some("a@b".into()), None);
        for bad in ["", "ab", "a@", "@b", "nobody"] {
            check(|c| c.email = Some(bad.into()), Some("email"));
        }
    }
}
