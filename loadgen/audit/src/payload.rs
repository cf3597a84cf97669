//! The layout of a ticket's signed payload; the only place of this crate that knows it.
//!
//! ```text
//! base64url( body ‖ signature[64] )                              no padding
//! body = version[1] ‖ key id[8] ‖ show ‖ ticket code
//!        ‖ kind[1]: `S` seat, `G` stock ‖ place ‖ issued ms[8] ‖ nonce[16]
//! show, ticket code, place: length[1] ‖ UTF-8
//! ```
//!
//! The signature covers all of the body. See `docs/TICKETS.md`.

use data_encoding::BASE64URL_NOPAD;

use crate::Place;

/// The only version there is.
const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const ISSUED_BYTES: usize = 8;
const NONCE_BYTES: usize = 16;
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
    /// The seat, or the stock pool.
    pub place: Place,
    /// When it was issued, in milliseconds since the Unix epoch.
    pub issued_ms: u64,
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
    /// Neither a seat nor stock.
    #[error("the kind {0:#04x} is unknown")]
    Kind(u8),
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
        let [kind] = take_array(&mut rest, "kind")?;
        let place = take_text(&mut rest, "place")?;
        let place = match kind {
            b'S' => Place::SeatId(place),
            b'G' => Place::Stock(place),
            _ => return Err(PayloadFault::Kind(kind)),
        };
        let issued_ms = u64::from_be_bytes(take_array::<ISSUED_BYTES>(&mut rest, "issue time")?);
        take_array::<NONCE_BYTES>(&mut rest, "nonce")?;
        if !rest.is_empty() {
            return Err(PayloadFault::Field("nonce"));
        }
        Ok(Self {
            body: body.to_vec(),
            key_id: *key_id,
            show,
            ticket,
            place,
            issued_ms,
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

fn take_array<const N: usize>(
    rest: &mut &[u8],
    name: &'static str,
) -> Result<[u8; N], PayloadFault> {
    let (field, after) = rest.split_first_chunk().ok_or(PayloadFault::Field(name))?;
    *rest = after;
    Ok(*field)
}

fn take_text(rest: &mut &[u8], name: &'static str) -> Result<String, PayloadFault> {
    let field = take(rest, name)?.to_vec();
    String::from_utf8(field).map_err(|_| PayloadFault::Text(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(texts: &[&[u8]; 3], kind: u8, tail_bytes: usize) -> Vec<u8> {
        let mut body = vec![VERSION];
        body.extend([9; KEY_ID_BYTES]);
        for (index, text) in texts.iter().enumerate() {
            if index == 2 {
                body.push(kind);
            }
            body.push(u8::try_from(text.len()).expect("short field"));
            body.extend(*text);
        }
        body.extend(vec![1; tail_bytes]);
        body
    }

    fn encode(mut body: Vec<u8>) -> String {
        body.extend([3; SIGNATURE_BYTES]);
        BASE64URL_NOPAD.encode(&body)
    }

    #[test]
    fn a_well_formed_payload_comes_apart() {
        let whole = body(&[b"show", b"T-1", b"Floor"], b'G', 24);
        let payload = Payload::parse(&encode(whole.clone())).expect("parse");
        assert_eq!((payload.show.as_str(), payload.ticket.as_str()), ("show", "T-1"));
        assert_eq!(payload.place, Place::Stock("Floor".into()));
        assert_eq!(payload.key_id, [9; KEY_ID_BYTES]);
        assert_eq!((payload.body, payload.signature), (whole, [3; SIGNATURE_BYTES]));
    }

    #[test]
    fn the_worked_example_of_the_documentation_is_read_and_verifies() {
        let text = "Af6BLBLzq0zmBmhhbWxldAV0X2FiY1MDQS0xAAABm3baqAAwMTIzNDU2Nzg5YWJjZGVmAd4LkLioI\
                    Dr6UsyQN5dufiLv5XZ0ZlYxHXQazBw60fUt9F2bVUNxRKGanoQpo6G1X1RgE4BtYBp5V0OPNF7GAQ";
        let payload = Payload::parse(text).expect("parse");
        assert_eq!((payload.show.as_str(), payload.ticket.as_str()), ("hamlet", "t_abc"));
        assert_eq!(payload.issued_ms, 1_767_225_600_000);
        let key = crate::Jwk {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: "6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw".into(),
            kid: "fe812c12f3ab4ce6".into(),
        };
        let keys = crate::KeySet::new(&[key]);
        assert_eq!(keys.verify(text, "hamlet", "t_abc", &Place::SeatId("A-1".into())), Ok(()));
        let other = keys.verify(text, "hamlet", "t_abc", &Place::Stock("A-1".into()));
        assert!(other.is_err(), "a pool that is called like the seat is something else");
    }

    #[test]
    fn faults_are_named() {
        let check = |text: &str, want: PayloadFault| {
            assert_eq!(Payload::parse(text), Err(want), "{text}");
        };
        let texts = [&b"show"[..], b"T-1", b"A-1"];
        check("***", PayloadFault::Encoding);
        check("AAAA", PayloadFault::Short);
        let mut newer = body(&texts, b'S', 24);
        newer[0] = 2;
        check(&encode(newer), PayloadFault::Version(2));
        check(&encode(body(&texts, b'X', 24)), PayloadFault::Kind(b'X'));
        check(&encode(body(&texts, b'S', 7)), PayloadFault::Field("issue time"));
        check(&encode(body(&texts, b'S', 23)), PayloadFault::Field("nonce"));
        check(&encode(body(&texts, b'S', 25)), PayloadFault::Field("nonce"));
        check(&encode(body(&texts, b'S', 24)[..15].to_vec()), PayloadFault::Field("ticket"));
        let not_text = [&b"\xff"[..], b"T-1", b"A-1"];
        check(&encode(body(&not_text, b'S', 24)), PayloadFault::Text("show"));
    }
}
