//! What only the gateway reads: plans, tickets, ids, configuration, and the places of faults.

use crate::parts::Parts;
use futures_util::FutureExt as _;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use usher_engine::id::TicketNonce;
use usher_engine::plan::{Category, PlanId, SeatPlan};
use usher_engine::{HoldNo, MachineId, ShowKey};
use usher_gateway::config::Config;
use usher_gateway::config::raw::{RawConfig, with_flags};
use usher_gateway::http::body::from_json;
use usher_gateway::http::problem::{ApiError, Code};
use usher_gateway::ids::{self, HoldRoute, IdCodec, TicketRoute};
use usher_gateway::plan_import;
use usher_gateway::tickets::{Admission, FileSigner, TicketBody, TicketKeys};

/// A seating plan: one that is taken is sound, and the same document is the same plan.
pub fn plan(bytes: &[u8]) {
    let id = PlanId([1; 16]);
    let plan = match plan_import::import(id, bytes) {
        Ok(plan) => plan,
        Err(error) => {
            return is_refusal(&error, &[Code::NotJson, Code::InvalidField, Code::BadPlan]);
        }
    };
    assert!(
        plan.seat_count() > 0 && plan.seat_count() as usize <= bytes.len(),
        "seats from nowhere"
    );
    for seat in plan.seats() {
        assert_eq!(plan.find(plan.label(seat)), Some(seat), "a label leads elsewhere");
    }
    let in_categories: u32 = plan.categories().iter().map(Category::seat_count).sum();
    let in_sections: u32 = plan.sections().iter().map(|section| section.seats().len() as u32).sum();
    assert_eq!((in_categories, in_sections), (plan.seat_count(), plan.seat_count()));
    let again: SeatPlan = plan_import::import(id, bytes).expect("it was a plan before");
    assert_eq!(plan, again);
}

static KEYS: LazyLock<TicketKeys> = LazyLock::new(|| {
    TicketKeys::new(Arc::new(FileSigner::from_seed(&[7; 32])), &[]).expect("a key")
});

/// A ticket's payload: what we did not sign does not verify, and what we sign does, until any of
/// its characters changes.
pub fn ticket(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let opened = KEYS.open(text);
        if let Ok(body) = opened {
            // Only the corpus has tickets of this key; a payload has one spelling.
            assert_eq!(seal(&body), text);
        }
    }
    let mut parts = Parts(bytes);
    let (change, place) = (parts.byte(), parts.short());
    let mut text = || String::from_utf8_lossy(parts.counted()).chars().take(63).collect::<String>();
    let (show_id, ticket_code, label) = (text(), text(), text());
    let admission = match change % 2 {
        0 => Admission::Seat(label),
        _ => Admission::Stock(label),
    };
    let issued_at_ms = parts.long();
    let mut nonce = [0; 16];
    nonce.fill_with(|| parts.byte());
    let body = TicketBody { show_id, ticket_code, admission, issued_at_ms, nonce };
    let payload = seal(&body);
    assert_eq!(KEYS.open(&payload).as_ref(), Ok(&body), "a ticket changed on its way");
    let mut forged = payload.clone().into_bytes();
    let place = usize::from(place) % forged.len();
    forged[place] = change;
    if forged != payload.as_bytes() {
        let forged = String::from_utf8_lossy(&forged);
        assert!(KEYS.open(&forged).is_err(), "a changed payload verifies");
    }
}

fn seal(body: &TicketBody) -> String {
    let sealed = KEYS.seal(body).now_or_never().expect("a key in memory signs at once");
    sealed.expect("it signs")
}

/// Ids: any text is refused or leads somewhere, each id has one spelling (a ticket's code may be
/// typed in several), and a changed one leads nowhere.
pub fn ids(bytes: &[u8]) {
    let codec = IdCodec::new(*b"0123456789abcdef");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let hold = codec.parse_hold(text).map(|route| codec.hold(route));
        let order = codec.parse_order(text).map(|route| codec.order(route));
        for known in hold.into_iter().chain(order) {
            assert_eq!(known, text, "an id has two spellings");
        }
        if let Ok(route) = codec.parse_ticket(text) {
            assert_eq!(codec.parse_ticket(&codec.ticket(&route)), Ok(route));
        }
        let _route = codec.parse_payment(text);
        if let Ok(plan) = ids::parse_plan(text) {
            assert_eq!(ids::plan_text(plan), text, "a plan's id has two spellings");
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(!ids::is_show_id(text) || (text.len() <= 64 && text.chars().all(is_plain)));
        let _keys = (ids::show_key(text), ids::buyer_id(text));
    }
    let mut parts = Parts(bytes);
    let (place, change) = (usize::from(parts.byte()), parts.byte());
    let inventory = MachineId { show: ShowKey(parts.long()), slot: parts.short() };
    let number = HoldNo(u32::from(parts.short()) << 16 | u32::from(parts.short()));
    let order = HoldRoute { inventory, number };
    let mut nonce = [0; 10];
    nonce.fill_with(|| parts.byte());
    let ticket = TicketRoute { order, index: parts.byte(), nonce: TicketNonce(nonce) };
    assert_eq!(codec.parse_hold(&codec.hold(order)), Ok(order));
    assert_eq!(codec.parse_payment(&codec.new_payment(order)), Ok(order));
    assert_eq!(codec.parse_ticket(&codec.ticket(&ticket)), Ok(ticket));
    let mut forged = codec.order(order).into_bytes();
    let place = place % forged.len();
    forged[place] = change;
    let forged = String::from_utf8_lossy(&forged);
    let parsed = codec.parse_order(&forged);
    assert!(parsed.is_err() || forged == codec.order(order), "a changed id leads somewhere");
}

/// A body that is wrong: the fault is told, with a pointer that leads into the body.
pub fn fault(bytes: &[u8]) {
    let kinds = [Code::NotJson, Code::InvalidField];
    let faults = [
        from_json::<usher_wire::HoldRequest>(bytes).err(),
        from_json::<usher_wire::ShowRequest>(bytes).err(),
        from_json::<usher_wire::ShowPatch>(bytes).err(),
        from_json::<usher_wire::CheckinRequest>(bytes).err(),
        from_json::<usher_wire::CallbackRequest>(bytes).err(),
    ];
    for error in faults.iter().flatten() {
        is_refusal(error, &kinds);
    }
}

fn is_refusal(error: &ApiError, kinds: &[Code]) {
    assert!(kinds.contains(&error.code()), "rubbish is refused with {error}");
}

/// The configuration: a file, and after a NUL the environment, one `NAME=value` a line.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (file, environment) = text.split_once('\0').unwrap_or((&text, ""));
    let flags = with_flags(clap::Command::new("serve")).get_matches_from(["serve"]);
    let environment = environment.lines().filter_map(|line| line.split_once('='));
    let environment =
        environment.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let raw = RawConfig::gather(Some((Path::new("usher.toml"), file)), environment, &flags);
    match raw.and_then(|raw| Config::check(&raw)) {
        Ok(config) => {
            // What everything else rests on.
            assert!(config.sale.hold_seconds_default <= config.sale.hold_seconds_max);
            assert!((1..=32).contains(&config.sale.seats_per_hold_max));
            let url = config.http.public_url().to_ascii_lowercase();
            assert!(url.starts_with("http://") || url.starts_with("https://"), "{url}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
