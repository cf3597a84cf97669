//! The layout of a ticket's signed payload; the only place of this crate that knows it.
//!
//! ```text
//! base64url( body ‖ signature[64] )          no padding
//! body = version[1] ‖ key id[8] ‖ fields     each field: length[1] ‖ bytes
//! fields, in this order: show, ticket, seat or stock, issue time, nonce
//! ```
//!
//! The signature covers all of the body. See `docs/TICKETS.md`.

use data_encoding::BASE64URL_NOPAD;

/// The only version there is.
const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const SIGNATURE_BYTES: usize = 64;

/// A payload taken apart, not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Everything that the signature covers.
    pub body: Vec<u8>,
    /// Which key signed.
    pub key_id: [u8; KEY_ID_BYTES],
    /// The show.
    pub show: String,
    /// The ticket code.
    pub ticket: String,
    /// The seat id, or the name of the stock pool.
    pub place: String,
    /// The Ed25519 signature over `body`.
    pub signature: [u8; SIGNATURE_BYTES],
}

/// Why a text is not a payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadFault {
    /// Not base64url without padding.
    #[error("not base64url")]
    Encoding,
    /// Shorter than what every payload has.
    #[error("too short")]
    Short,
    /// A version that this verifier does not know.
    #[error("version {0} is unknown")]
    Version(u8),
    /// A field runs past the end, or bytes are left over.
    #[error("the field `{0}` is cut short, or something follows the last field")]
    Field(&'static str),
    /// A field that must be text is not UTF-8.
    #[error("the field `{0}` is not text")]
    Text(&'static str),
}

impl Payload {
    /// Takes a payload apart.
    ///
    /// # Errors
    ///
    /// When it does not have the layout above, to the byte.
    pub fn parse(text: &str) -> Result<Self, PayloadFault> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| PayloadFault::Encoding)?;
        let (body, signature) =
            bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(PayloadFault::Short)?;
        let (&version, rest) = body.split_first().ok_or(PayloadFault::Short)?;
        if version != VERSION {
            return Err(PayloadFault::Version(version));
        }
        let (key_id, mut rest) =
            rest.split_first_chunk::<KEY_ID_BYTES>().ok_or(PayloadFault::Short)?;
        let show = take_text(&mut rest, "show")?;
        let ticket = take_text(&mut rest, "ticket")?;
        let place = take_text(&mut rest, "seat or stock")?;
        take(&mut rest, "issue time")?;
        take(&mut rest, "nonce")?;
        if !rest.is_empty() {
            return Err(PayloadFault::Field("nonce"));
        }
        Ok(Self {
            body: body.to_vec(),
            key_id: *key_id,
            show,
            ticket,
            place,
            signature: *signature,
        })
    }
}

fn take<'a>(rest: &mut &'a [u8], name: &'static str) -> Result<&'a [u8], PayloadFault> {
    let (&length, after) = rest.split_first().ok_or(PayloadFault::Field(name))?;
    let (field, after) =
        after.split_at_checked(usize::from(length)).ok_or(PayloadFault::Field(name))?;
    *rest = after;
    Ok(field)
}

fn take_text(rest: &mut &[u8], name: &'static str) -> Result<String, PayloadFault> {
    let field = take(rest, name)?.to_vec();
    String::from_utf8(field).map_err(|_| PayloadFault::Text(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: &[&[u8]]) -> Vec<u8> {
        let mut body = vec![VERSION];
        body.extend([9; KEY_ID_BYTES]);
        for field in fields {
            body.push(u8::try_from(field.len()).expect("short field"));
            body.extend(*field);
        }
        body
    }

    fn encode(mut body: Vec<u8>) -> String {
        body.extend([3; SIGNATURE_BYTES]);
        BASE64URL_NOPAD.encode(&body)
    }

    #[test]
    fn a_well_formed_payload_comes_apart() {
        let whole = body(&[b"show", b"T-1", b"A-1", &[1; 8], &[2; 12]]);
        let payload = Payload::parse(&encode(whole.clone())).expect("parse");
        assert_eq!((payload.show.as_str(), payload.ticket.as_str()), ("show", "T-1"));
        assert_eq!((payload.place.as_str(), payload.key_id), ("A-1", [9; KEY_ID_BYTES]));
        assert_eq!((payload.body, payload.signature), (whole, [3; SIGNATURE_BYTES]));
    }

    #[test]
    fn faults_are_named() {
        let check = |text: &str, want: PayloadFault| {
            assert_eq!(Payload::parse(text), Err(want), "{text}");
        };
        check("***", PayloadFault::Encoding);
        check("AAAA", PayloadFault::Short);
        let mut newer = body(&[]);
        newer[0] = 2;
        check(&encode(newer), PayloadFault::Version(2));
        check(&encode(body(&[b"show", b"T-1"])), PayloadFault::Field("seat or stock"));
        let long: &[&[u8]] = &[b"s", b"t", b"p", b"i", b"n", b"extra"];
        check(&encode(body(long)), PayloadFault::Field("nonce"));
        check(&encode(body(&[b"\xff", b"t", b"p", b"i", b"n"])), PayloadFault::Text("show"));
    }
}
