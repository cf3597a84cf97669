//! By which form the numbers of documents are checked, by name: an organiser chooses one for a
//! show.
//!
//! A verifier says whether a text can be such a number, and gives the one form in which it counts:
//! a document that is typed with spaces or in small letters is the same document. It asks nobody
//! whether the document exists; the gate looks at that.
//!
//! Another one is a type with the trait, in the list of [`built_in`], with its name in the contract
//! (`IdentityRule` in `usher-wire`). A verifier never changes what a number's one form is while a
//! show that uses it is on sale, or a document would count twice.

/// Knows one kind of documents.
pub trait Verifier: Send + Sync {
    /// What organisers call it.
    fn name(&self) -> &'static str;

    /// Checks a number and gives the one form in which it counts.
    ///
    /// # Errors
    /// Words that say what is wrong, without the number.
    fn check(&self, document: &str) -> Result<String, &'static str>;
}

/// All that this server knows, in the order in which the contract names them.
pub fn built_in() -> Vec<Box<dyn Verifier>> {
    vec![Box::new(AnyDocument), Box::new(Passport), Box::new(TaiwanId)]
}

/// Whatever has a number.
struct AnyDocument;

impl Verifier for AnyDocument {
    fn name(&self) -> &'static str {
        "any"
    }

    fn check(&self, document: &str) -> Result<String, &'static str> {
        letters_and_digits(document, 3, 40).ok_or("it is not 3 to 40 letters and digits")
    }
}

/// A passport. ICAO 9303 gives its number nine places and lets states use more; letters and digits
/// are all that there is.
struct Passport;

impl Verifier for Passport {
    fn name(&self) -> &'static str {
        "passport"
    }

    fn check(&self, document: &str) -> Result<String, &'static str> {
        letters_and_digits(document, 5, 20).ok_or("it is not 5 to 20 letters and digits")
    }
}

/// A national id of Taiwan, or a resident certificate, which has had the same form since 2021: a
/// letter for the place, a digit for the kind of person (1 and 2 nationals, 8 and 9 residents),
/// seven digits, and a check digit.
struct TaiwanId;

/// The letters by the number that they stand for, from 10 on.
const PLACES: &[u8] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";

impl Verifier for TaiwanId {
    fn name(&self) -> &'static str {
        "tw-id"
    }

    fn check(&self, document: &str) -> Result<String, &'static str> {
        let form = "it is not a letter and 9 digits, the first of them 1, 2, 8 or 9";
        let normal = letters_and_digits(document, 10, 10).ok_or(form)?;
        let (letter, digits) = normal.as_bytes().split_first().ok_or(form)?;
        let place = PLACES.iter().position(|place| place == letter).ok_or(form)? + 10;
        if !digits.iter().all(u8::is_ascii_digit) || !b"1289".contains(&digits[0]) {
            return Err(form);
        }
        // The letter's two digits weigh 1 and 9, the others 8 down to 1, the check digit 1.
        let weighed = digits.iter().zip([8, 7, 6, 5, 4, 3, 2, 1, 1]);
        let sum: usize = weighed.map(|(digit, weight)| usize::from(digit - b'0') * weight).sum();
        match (place / 10 + place % 10 * 9 + sum) % 10 {
            0 => Ok(normal),
            _ => Err("its check digit is wrong"),
        }
    }
}

/// The letters and digits of a text in capitals, where that is all it has but for what people write
/// between them, and they are so many.
fn letters_and_digits(text: &str, min: usize, max: usize) -> Option<String> {
    let counts = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/'));
    let normal: String = counts.map(|c| c.to_ascii_uppercase()).collect();
    let is_plain = normal.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_plain && (min..=max).contains(&normal.len())).then_some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, document: &str, expected: Option<&str>) {
        let verifiers = built_in();
        let verifier = verifiers.iter().find(|one| one.name() == name).expect(name);
        let checked = verifier.check(document);
        assert_eq!(checked.as_deref().ok(), expected, "{name} {document}: {checked:?}");
        if let Some(normal) = expected {
            assert_eq!(verifier.check(normal).as_deref(), Ok(normal), "its one form stays");
        }
    }

    #[test]
    fn a_document_has_one_form_however_it_is_typed() {
        check("any", "ab 12-x/9", Some("AB12X9"));
        check("any", "a1", None);
        check("any", &"7".repeat(40), Some(&"7".repeat(40)));
        check("any", &"7".repeat(41), None);
        check("any", "ß12345", None);
        check("any", "１２３４５", None);
        check("passport", "x 1234567", Some("X1234567"));
        check("passport", "x123", None);
        check("passport", &"9".repeat(21), None);
        check("passport", "X1234567<", None);
    }

    /// The examples of the authorities, and their digits changed one by one.
    #[test]
    fn an_id_of_taiwan_has_its_check_digit() {
        check("tw-id", "A123456789", Some("A123456789"));
        check("tw-id", "a1234-56789", Some("A123456789"));
        check("tw-id", "A800000014", Some("A800000014"));
        for id in ["A123456789", "A800000014"] {
            for place in 1..id.len() {
                for digit in b'0'..=b'9' {
                    let mut other = id.to_owned().into_bytes();
                    other[place] = digit;
                    let other = String::from_utf8(other).expect("ASCII");
                    // Other weights share a factor with 10 and let some changes through.
                    if [2, 6, 8, 9].contains(&place) && other != id {
                        check("tw-id", &other, None);
                    }
                }
            }
        }
        for bad in
            ["B123456789", "A323456789", "A12345678", "A1234567890", "1123456789", "AA23456789"]
        {
            check("tw-id", bad, None);
        }
    }
}
