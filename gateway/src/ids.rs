//! Names of things as the outside sees them: opaque, unguessable, and carrying their own route.
//!
//! ```text
//!   h_… hold      show 8 │ slot 2 │ number 4                        │ tag 8
//!   o_… order     show 8 │ slot 2 │ number 4                        │ tag 8
//!   p_… payment   show 8 │ slot 2 │ number 4 │ random 8             │ tag 8
//!   t_… ticket    show 8 │ slot 2 │ number 4 │ index 1 │ nonce 10   │ tag 8
//!   u_… user      bucket 2 │ number 8                               │ tag 8
//!   x_… user of another issuer: 20 bytes of a hash of issuer and subject
//! ```
//!
//! Numbers are big-endian and the whole is base32 (Crockford's letters, lower case). The tag is
//! SipHash-2-4 under a secret key over the kind's letter and all bytes before it. So a forged,
//! mistyped or foreign id, or an id of another kind, is refused here without asking an owner, and
//! nobody can guess a neighbour's id by counting. The tag is not what admits to a show: that is the
//! ticket's nonce, which its owner compares, and its signature.
//!
//! An id says which inventory owns the thing, so any gateway routes it without a lookup.

use crate::config::secrets::random_bytes;
use data_encoding::{Encoding, Specification};
use sha2::{Digest as _, Sha256};
use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;
use std::sync::LazyLock;
use usher_engine::id::{
    ACCOUNT_BUCKETS, AccountNo, BuyerId, HoldNo, MachineId, ShowKey, TicketNonce,
};
use usher_engine::plan::PlanId;

/// The most characters in a show id.
pub const SHOW_ID_CHARS_MAX: usize = 64;

const ROUTE_BYTES: usize = 8 + 2 + 4;
const PAYMENT_BYTES: usize = ROUTE_BYTES + 8;
const TICKET_BYTES: usize = ROUTE_BYTES + 1 + 10;
const USER_BYTES: usize = 2 + 8;
const EXTERNAL_USER_BYTES: usize = 20;
const TAG_BYTES: usize = 8;

/// Crockford's alphabet: no letter can be mistaken for a digit.
pub(crate) static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.encoding().expect("32 different symbols")
});

/// The id is none of ours, or of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this id was never given out here")]
pub struct ForeignId;

/// Where a hold, and the order that it became, lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HoldRoute {
    /// The owner.
    pub inventory: MachineId,
    /// The number there.
    pub number: HoldNo,
}

/// Where a ticket lives, and what it must know to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketRoute {
    /// The order.
    pub order: HoldRoute,
    /// Its place in the order, from 0.
    pub index: u8,
    /// Its random part.
    pub nonce: TicketNonce,
}

/// Where a user's account lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserRoute {
    /// Which part of all accounts.
    pub bucket: u16,
    /// The number there.
    pub account: AccountNo,
}

impl UserRoute {
    /// The owner.
    pub fn machine(self) -> MachineId {
        MachineId::accounts(self.bucket)
    }
}

/// Writes and reads external ids under this server's key.
#[derive(Clone)]
pub struct IdCodec {
    key: [u8; 16],
}

impl IdCodec {
    /// A codec for this secret key.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// A hold's id.
    pub fn hold(&self, hold: HoldRoute) -> String {
        self.write(b'h', &route_bytes(hold))
    }

    /// An order's id.
    pub fn order(&self, order: HoldRoute) -> String {
        self.write(b'o', &route_bytes(order))
    }

    /// A new payment's id: no two calls give the same.
    pub fn new_payment(&self, order: HoldRoute) -> String {
        let mut bytes = [0; PAYMENT_BYTES];
        bytes[..ROUTE_BYTES].copy_from_slice(&route_bytes(order));
        bytes[ROUTE_BYTES..].copy_from_slice(&random_bytes::<8>());
        self.write(b'p', &bytes)
    }

    /// A ticket's code.
    pub fn ticket(&self, ticket: &TicketRoute) -> String {
        let mut bytes = [0; TICKET_BYTES];
        bytes[..ROUTE_BYTES].copy_from_slice(&route_bytes(ticket.order));
        bytes[ROUTE_BYTES] = ticket.index;
        bytes[ROUTE_BYTES + 1..].copy_from_slice(&ticket.nonce.0);
        self.write(b't', &bytes)
    }

    /// Where a hold lives.
    pub fn parse_hold(&self, id: &str) -> Result<HoldRoute, ForeignId> {
        self.read::<ROUTE_BYTES>(b'h', id).map(|bytes| route(&bytes))
    }

    /// Where an order lives.
    pub fn parse_order(&self, id: &str) -> Result<HoldRoute, ForeignId> {
        self.read::<ROUTE_BYTES>(b'o', id).map(|bytes| route(&bytes))
    }

    /// Where the order lives that a payment pays.
    pub fn parse_payment(&self, id: &str) -> Result<HoldRoute, ForeignId> {
        self.read::<PAYMENT_BYTES>(b'p', id).map(|bytes| route(&bytes))
    }

    /// Where a ticket lives. People type ticket codes, so capitals, dashes and look-alikes of
    /// Crockford's alphabet (`O`, `I`, `L`) are read as what was meant.
    pub fn parse_ticket(&self, code: &str) -> Result<TicketRoute, ForeignId> {
        if code.len() > 2 * MAX_ID_CHARS {
            return Err(ForeignId);
        }
        let meant: String = code
            .chars()
            .filter(|c| *c != '-' && *c != ' ')
            .map(|c| match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            })
            .collect();
        let bytes = self.read::<TICKET_BYTES>(b't', &meant)?;
        let nonce = bytes[ROUTE_BYTES + 1..].try_into().expect("10 bytes are left");
        Ok(TicketRoute {
            order: route(&bytes),
            index: bytes[ROUTE_BYTES],
            nonce: TicketNonce(nonce),
        })
    }

    /// A user's id.
    pub fn user(&self, user: UserRoute) -> String {
        let mut bytes = [0; USER_BYTES];
        bytes[..2].copy_from_slice(&user.bucket.to_be_bytes());
        bytes[2..].copy_from_slice(&user.account.0.to_be_bytes());
        self.write(b'u', &bytes)
    }

    /// Where a user's account lives.
    pub fn parse_user(&self, id: &str) -> Result<UserRoute, ForeignId> {
        let bytes = self.read::<USER_BYTES>(b'u', id)?;
        let bucket = u16::from_be_bytes([bytes[0], bytes[1]]);
        let account = u64::from_be_bytes(bytes[2..].try_into().expect("8 bytes are left"));
        match bucket < ACCOUNT_BUCKETS {
            true => Ok(UserRoute { bucket, account: AccountNo(account) }),
            false => Err(ForeignId),
        }
    }

    fn write(&self, kind: u8, bytes: &[u8]) -> String {
        let mut all = [0; TICKET_BYTES + TAG_BYTES];
        all[..bytes.len()].copy_from_slice(bytes);
        all[bytes.len()..bytes.len() + TAG_BYTES].copy_from_slice(&self.tag(kind, bytes));
        let mut id = String::with_capacity(MAX_ID_CHARS);
        id.push(char::from(kind));
        id.push('_');
        BASE32.encode_append(&all[..bytes.len() + TAG_BYTES], &mut id);
        id
    }

    fn read<const COUNT: usize>(&self, kind: u8, id: &str) -> Result<[u8; COUNT], ForeignId> {
        let text = match id.as_bytes() {
            [letter, b'_', text @ ..] if *letter == kind => text,
            _ => return Err(ForeignId),
        };
        // The length is checked before decoding, so rubbish costs nothing.
        if text.len() != BASE32.encode_len(COUNT + TAG_BYTES) {
            return Err(ForeignId);
        }
        let all = BASE32.decode(text).map_err(|_| ForeignId)?;
        let (bytes, tag) = all.split_at(COUNT);
        let right: bool = subtle::ConstantTimeEq::ct_eq(&self.tag(kind, bytes)[..], tag).into();
        if !right {
            return Err(ForeignId);
        }
        bytes.try_into().map_err(|_| ForeignId)
    }

    fn tag(&self, kind: u8, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(&[kind]);
        hasher.write(bytes);
        hasher.finish().to_be_bytes()
    }
}

/// Characters of the longest id, a ticket's.
const MAX_ID_CHARS: usize = 2 + (TICKET_BYTES + TAG_BYTES).div_ceil(5) * 8;

/// Whether an organiser may call a show this.
pub fn is_show_id(text: &str) -> bool {
    (1..=SHOW_ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        // Path segments of dots mean something else to every HTTP client.
        && !text.bytes().all(|b| b == b'.')
}

/// An id for a show whose organiser gave none.
pub fn new_show_id() -> String {
    format!("s_{}", BASE32.encode(&random_bytes::<10>()))
}

/// A plan's id as the outside sees it. It is no secret: plans are public.
pub fn plan_text(id: PlanId) -> String {
    format!("pl_{}", BASE32.encode(&id.0))
}

/// The plan that a text names.
pub fn parse_plan(text: &str) -> Result<PlanId, ForeignId> {
    let rest = text.strip_prefix("pl_").ok_or(ForeignId)?;
    if rest.len() != BASE32.encode_len(16) {
        return Err(ForeignId);
    }
    let bytes = BASE32.decode(rest.as_bytes()).map_err(|_| ForeignId)?;
    bytes.try_into().map(PlanId).map_err(|_| ForeignId)
}

/// The id of a user whom another issuer knows.
pub fn external_user(issuer: &str, subject: &str) -> String {
    let digest = Sha256::new()
        .chain_update(issuer.as_bytes())
        .chain_update([0])
        .chain_update(subject.as_bytes())
        .finalize();
    format!("x_{}", BASE32.encode(&digest[..EXTERNAL_USER_BYTES]))
}

/// Whether a user id is one that only a log-in gives: whoever merely names it may be anybody.
pub fn needs_log_in(user_id: &str) -> bool {
    user_id.starts_with("u_") || user_id.starts_with("x_")
}

/// The engine's name of a show.
pub fn show_key(show_id: &str) -> ShowKey {
    let key = u64::from_be_bytes(first_bytes(show_id));
    // 0 is taken by payments that name no order of ours.
    ShowKey(key.max(1))
}

/// The engine's name of a buyer.
pub fn buyer_id(user_id: &str) -> BuyerId {
    BuyerId(u128::from_be_bytes(first_bytes(user_id)))
}

fn first_bytes<const COUNT: usize>(text: &str) -> [u8; COUNT] {
    let digest = Sha256::digest(text.as_bytes());
    digest[..COUNT].try_into().expect("a SHA-256 has 32 bytes")
}

fn route_bytes(hold: HoldRoute) -> [u8; ROUTE_BYTES] {
    let mut bytes = [0; ROUTE_BYTES];
    bytes[..8].copy_from_slice(&hold.inventory.show.0.to_be_bytes());
    bytes[8..10].copy_from_slice(&hold.inventory.slot.to_be_bytes());
    bytes[10..].copy_from_slice(&hold.number.0.to_be_bytes());
    bytes
}

/// # Panics
/// If there are fewer than [`ROUTE_BYTES`].
fn route(bytes: &[u8]) -> HoldRoute {
    let show = u64::from_be_bytes(bytes[..8].try_into().expect("8 bytes"));
    let slot = u16::from_be_bytes(bytes[8..10].try_into().expect("2 bytes"));
    let number = u32::from_be_bytes(bytes[10..14].try_into().expect("4 bytes"));
    HoldRoute { inventory: MachineId { show: ShowKey(show), slot }, number: HoldNo(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec() -> IdCodec {
        IdCodec::new(*b"0123456789abcdef")
    }

    fn some_route() -> HoldRoute {
        HoldRoute { inventory: MachineId { show: show_key("hamlet"), slot: 3 }, number: HoldNo(77) }
    }

    #[test]
    fn an_id_leads_back_to_its_owner() {
        let (ids, route) = (codec(), some_route());
        assert_eq!(ids.parse_hold(&ids.hold(route)), Ok(route));
        assert_eq!(ids.parse_order(&ids.order(route)), Ok(route));
        assert_eq!(ids.parse_payment(&ids.new_payment(route)), Ok(route));
        assert_ne!(ids.new_payment(route), ids.new_payment(route));
        let ticket = TicketRoute { order: route, index: 5, nonce: TicketNonce(*b"randomness") };
        let code = ids.ticket(&ticket);
        assert_eq!(ids.parse_ticket(&code), Ok(ticket));
        assert_eq!(code, ids.ticket(&ticket));
        assert!(code.len() <= MAX_ID_CHARS);
    }

    #[test]
    fn a_user_id_leads_to_the_account() {
        let ids = codec();
        let user = UserRoute { bucket: 4_095, account: AccountNo(u64::MAX) };
        assert_eq!(ids.parse_user(&ids.user(user)), Ok(user));
        assert_eq!(ids.parse_user(&ids.hold(some_route())), Err(ForeignId));
        let beyond = UserRoute { bucket: 4_096, ..user };
        assert_eq!(ids.parse_user(&ids.user(beyond)), Err(ForeignId));
        assert!(needs_log_in(&ids.user(user)) && needs_log_in(&external_user("i", "s")));
        assert!(!needs_log_in("ada"));
        assert_eq!(external_user("i", "s"), external_user("i", "s"));
        assert_ne!(external_user("is", ""), external_user("i", "s"), "the border counts");
    }

    #[test]
    fn a_ticket_code_may_be_typed_by_a_person() {
        let ids = codec();
        let ticket = TicketRoute { order: some_route(), index: 0, nonce: TicketNonce([7; 10]) };
        let code = ids.ticket(&ticket);
        let typed = code.to_uppercase().replace('0', "O").replace('1', "l");
        let typed = typed.replacen("T_", "T_-", 1);
        assert_eq!(ids.parse_ticket(&typed), Ok(ticket));
    }

    #[test]
    fn every_other_text_is_refused() {
        let (ids, route) = (codec(), some_route());
        let id = ids.hold(route);
        for other in ["", "h_", "h", "h_0", "hold", "h_ünï", "h_\0", &"h_0".repeat(1_000)] {
            assert_eq!(ids.parse_hold(other), Err(ForeignId), "{other}");
        }
        assert_eq!(ids.parse_order(&id), Err(ForeignId));
        assert_eq!(ids.parse_order(&id.replacen('h', "o", 1)), Err(ForeignId), "another kind");
        assert_eq!(ids.parse_hold(&id.to_uppercase()), Err(ForeignId));
        assert_eq!(IdCodec::new([1; 16]).parse_hold(&id), Err(ForeignId), "another server");
        for place in 2..id.len() {
            let mut forged = id.clone().into_bytes();
            forged[place] = if forged[place] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(ids.parse_hold(&forged), Err(ForeignId), "changed at {place}");
        }
    }

    #[test]
    fn show_and_plan_ids_have_a_form() {
        for good in ["a", "Hamlet_2026-01.05", &"x".repeat(64), &new_show_id()] {
            assert!(is_show_id(good), "{good}");
        }
        for bad in ["", "a b", "ü", "a/b", "..", &"x".repeat(65)] {
            assert!(!is_show_id(bad), "{bad}");
        }
        let plan = PlanId([7; 16]);
        assert_eq!(parse_plan(&plan_text(plan)), Ok(plan));
        for bad in ["pl_", "pl_../../etc/passwd/../../x", "s_0", "pl_0000000000000000000000000u"] {
            assert_eq!(parse_plan(bad), Err(ForeignId), "{bad}");
        }
    }
}
