//! Who comes, where a show asks for it: the real-name rule.
//!
//! An [`Attendee`] is written in full in requests, at check-in to who may let people in, and to the
//! person who exports what is known of them. In every other answer it is
//! [masked](Attendee::masked), and so is what it prints for debugging, so that no log has it by
//! accident.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The most people whom one order names: as many as it may have tickets.
pub const ATTENDEES_MAX: usize = 32;
/// The most characters in the name of an attendee.
pub const ATTENDEE_NAME_CHARS_MAX: usize = 200;
/// The most characters in the number of a document, with what people write between its parts.
pub const DOCUMENT_CHARS_MAX: usize = 64;

/// The person whom a ticket is for.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attendee {
    /// As in the document.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The number of the document, such as a passport's.
    #[schema(min_length = 1, max_length = 64)]
    pub document: String,
}

impl Attendee {
    /// With the first character of each, and a star for every other: `王**`, `A*********`. Spaces
    /// within a name stay.
    #[must_use]
    pub fn masked(&self) -> Self {
        Self { name: mask(&self.name), document: mask(&self.document) }
    }
}

fn mask(text: &str) -> String {
    let star = |(place, c): (usize, char)| if place == 0 || c == ' ' { c } else { '*' };
    text.trim().chars().enumerate().map(star).collect()
}

/// As it is [masked](Attendee::masked).
impl fmt::Debug for Attendee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, document } = self.masked();
        f.debug_struct("Attendee").field("name", &name).field("document", &document).finish()
    }
}

/// What a show asks of who comes: with it, an order names one person for each of its tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityRule {
    /// Whether it asks at all. The others mean nothing where it does not.
    pub required: bool,
    /// By which form documents are checked: `passport` (5 to 20 letters and digits), `tw-id` (a
    /// national id or resident certificate of Taiwan, with its check digit), or `any` (3 to 40
    /// letters and digits). Spaces and dashes in between do not count, nor does the case.
    #[serde(default = "any_document")]
    #[schema(pattern = "^(any|passport|tw-id)$", default = "any")]
    pub verifier: String,
    /// How many seats, and tickets of each stock pool, one document may have.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 100, default = 1)]
    pub units_per_document: u32,
}

fn any_document() -> String {
    "any".to_owned()
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, document: &str, expected: [&str; 2]) {
        let attendee = Attendee { name: name.into(), document: document.into() };
        let masked = attendee.masked();
        assert_eq!([masked.name.as_str(), masked.document.as_str()], expected);
        let printed = format!("{attendee:?}");
        assert!(printed.contains(expected[0]) && printed.contains(expected[1]), "{printed}");
        assert_eq!(masked.masked(), masked);
    }

    #[test]
    fn what_is_masked_tells_its_first_character() {
        check("王小明", "A123456789", ["王**", "A*********"]);
        check("Ada Lovelace", "x 12-34", ["A** ********", "x *****"]);
        check(" É", "7", ["É", "7"]);
    }

    #[test]
    fn a_rule_that_says_little_asks_for_one_ticket_each() {
        let rule: IdentityRule = serde_json::from_str(r#"{"required": true}"#).expect("a rule");
        let expected =
            IdentityRule { required: true, verifier: "any".to_owned(), units_per_document: 1 };
        assert_eq!(rule, expected);
        assert!(serde_json::from_str::<IdentityRule>(r#"{"required": true, "x": 1}"#).is_err());
    }
}
