//! `Idempotency-Key`: what makes a repeat harmless.
//!
//! The key travels into the owner's state as two numbers: one for operation and key, one for what
//! was asked. The owner keeps them per buyer, so keys of different buyers never meet. Both numbers
//! are XXH3 hashes and part of the data format, since a repeat may come after a restart with a
//! newer version of this software. Nothing slower is needed: who finds two keys or two requests
//! with the same number gets an earlier answer of their own instead of a new one.

use crate::http::problem::{ApiError, Code};
use actix_web::http::header::{HeaderMap, HeaderName};
use serde::Serialize;
use usher_engine::command::KeyUse;
use xxhash_rust::xxh3::xxh3_64;

/// The header of the IETF draft.
pub const HEADER: &str = "Idempotency-Key";
/// An older name for it, still common.
pub const ALIAS: &str = "X-Idempotency-Key";
/// Both as they are looked up, for every hold that is made.
const HEADER_NAME: HeaderName = HeaderName::from_static("idempotency-key");
const ALIAS_NAME: HeaderName = HeaderName::from_static("x-idempotency-key");
/// Set on answers that repeat an earlier one.
pub const REPLAYED_HEADER: &str = "Idempotent-Replayed";

/// The most characters in a key, without its quotes.
const CHARS_MAX: usize = 255;

/// What a key is used for. The numbers are part of the data format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Placing a hold.
    Hold = 1,
    /// Placing an order.
    Order = 2,
    /// Starting a payment.
    Pay = 3,
    /// Selling at the counter.
    CounterSale = 4,
}

/// A key as its caller wrote it, without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

/// The key of a request, where it has one.
///
/// # Errors
/// [`Code::InvalidParameter`] where it is not a key, or the header and its alias disagree.
pub fn optional(headers: &HeaderMap) -> Result<Option<Key>, ApiError> {
    let read = |name: &'static str, header: &HeaderName| {
        let mut values = headers.get_all(header);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                parse(value.as_bytes()).map(Some).map_err(|words| ApiError::parameter(name, words))
            }
            (Some(_), Some(_)) => Err(ApiError::parameter(name, "it is given more than once")),
        }
    };
    match (read(HEADER, &HEADER_NAME)?, read(ALIAS, &ALIAS_NAME)?) {
        (Some(key), Some(alias)) if key != alias => {
            Err(ApiError::parameter(HEADER, format!("{HEADER} and {ALIAS} say different things")))
        }
        (Some(key), _) | (None, Some(key)) => Ok(Some(key)),
        (None, None) => Ok(None),
    }
}

/// The key of a request that must have one.
///
/// # Errors
/// As [`optional`], and [`Code::IdempotencyKeyMissing`].
pub fn required(headers: &HeaderMap) -> Result<Key, ApiError> {
    optional(headers)?.ok_or_else(|| ApiError::new(Code::IdempotencyKeyMissing))
}

impl Key {
    /// What the owner remembers of this key used for this request. `asked` is everything that the
    /// caller asked for, in the one form that these types are written in, so that spaces and the
    /// order of fields make no difference.
    pub fn used_for(&self, operation: Operation, asked: &impl Serialize) -> KeyUse {
        let canonical = serde_json::to_vec(asked).expect("requests are plain data");
        // Not as a seed: short keys that differ as the seeds do would meet.
        let scoped = [&[operation as u8], self.0.as_bytes()].concat();
        KeyUse { key: xxh3_64(&scoped), digest: xxh3_64(&canonical) }
    }
}

/// A number for a text that a caller chose, such as the name of a scan.
pub fn number_of(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// Reads a key: a string of structured fields (RFC 8941), or the same bare, as most send it.
fn parse(value: &[u8]) -> Result<Key, String> {
    let text = value.trim_ascii();
    let key = match text.strip_prefix(b"\"") {
        Some(quoted) => unquote(quoted).ok_or("its quotes do not match")?,
        None => text.to_vec(),
    };
    if key.is_empty() {
        return Err("it is empty".to_owned());
    }
    if key.len() > CHARS_MAX {
        return Err(format!("it has more than {CHARS_MAX} characters"));
    }
    match String::from_utf8(key) {
        Ok(key) if key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => Ok(Key(key)),
        _ => Err("it is not printable ASCII".to_owned()),
    }
}

/// What stands between quotes; `None` where they do not end with the text.
fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    loop {
        match bytes.next()? {
            b'"' => return bytes.as_slice().is_empty().then_some(key),
            b'\\' => match bytes.next()? {
                byte @ (b'"' | b'\\') => key.push(*byte),
                _ => return None,
            },
            byte => key.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn key(text: &str) -> Key {
        Key(text.to_owned())
    }

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], expected: Result<Option<&str>, Code>) {
        let mut request = TestRequest::default();
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let read = optional(request.to_http_request().headers()).map_err(|error| error.code());
        assert_eq!(read, expected.map(|text| text.map(key)), "{headers:?}");
    }

    #[test]
    fn a_key_is_quoted_or_bare() {
        check(&[], Ok(None));
        check(&[(HEADER, "abc")], Ok(Some("abc")));
        check(&[(HEADER, "\"abc\"")], Ok(Some("abc")));
        check(&[(HEADER, " \"a b\" ")], Ok(Some("a b")));
        check(&[(HEADER, r#""a\"b\\c""#)], Ok(Some(r#"a"b\c"#)));
        check(&[(ALIAS, "abc")], Ok(Some("abc")));
        check(&[(HEADER, "abc"), (ALIAS, "\"abc\"")], Ok(Some("abc")));
        check(&[(HEADER, &"x".repeat(255))], Ok(Some(&"x".repeat(255))));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let refused = Err(Code::InvalidParameter);
        for bad in ["", "\"\"", "\"abc", "\"a\"b\"", r#""a\b""#, "\"abc\"; x=1", "ü", "a\tb"] {
            check(&[(HEADER, bad)], refused);
        }
        check(&[(HEADER, &"x".repeat(256))], refused);
        check(&[(HEADER, "a"), (ALIAS, "b")], refused);
        check(&[(HEADER, "a"), (HEADER, "a")], refused);
        let bare = TestRequest::default().to_http_request();
        let missing = required(bare.headers()).map_err(|error| error.code());
        assert_eq!(missing, Err(Code::IdempotencyKeyMissing));
    }

    #[test]
    fn a_use_tells_operations_keys_and_bodies_apart() {
        let one = key("a").used_for(Operation::Hold, &["x"]);
        assert_eq!(one, key("a").used_for(Operation::Hold, &["x"]));
        assert_ne!(one.key, key("a").used_for(Operation::Order, &["x"]).key);
        assert_ne!(one.key, key("b").used_for(Operation::Hold, &["x"]).key);
        let other_body = key("a").used_for(Operation::Hold, &["y"]);
        assert_eq!(one.key, other_body.key);
        assert_ne!(one.digest, other_body.digest);
    }

    /// As a client that counts would choose them.
    #[test]
    fn short_keys_do_not_meet() {
        use Operation::{CounterSale, Hold, Order, Pay};
        let operations = [Hold, Order, Pay, CounterSale].into_iter();
        let used = operations.flat_map(|operation| {
            (0..1_000).map(move |n| key(&n.to_string()).used_for(operation, &n).key)
        });
        assert_eq!(used.collect::<std::collections::HashSet<_>>().len(), 4_000);
    }

    #[test]
    fn the_numbers_are_the_same_for_ever() {
        // `printf '\1a' | xxhsum -H3` and `printf '["x"]' | xxhsum -H3`.
        let used = key("a").used_for(Operation::Hold, &["x"]);
        assert_eq!(format!("{:016x}", used.key), "21c8324543049a44");
        assert_eq!(format!("{:016x}", used.digest), "ce30147bb02271ac");
    }
}
