//! Which problems each call may end in, as the document tells it.
//!
//! Handlers describe what they do; what may go wrong is told here, once, from the closed list of
//! [`Code`]s: what follows from the form of a call (a key, a body, an id in the path, an owner who
//! is asked) by rule, the rest in one table. Every status of every call is named with its codes,
//! and there is no `default`, so that an answer with any other status or code is a fault that a
//! test from outside finds.

use crate::http::problem::Code;
use std::collections::BTreeMap;
use usher_wire::PROBLEM_MEDIA_TYPE;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, OpenApi, Ref, RefOr, Required, Response};

use Code as C;

/// Codes that do not follow from a call's form, by its `operationId`.
const OWN: &[(&str, &[Code])] = &[
    ("addPlan", &[C::BadPlan]),
    ("auditShow", &[C::Busy, C::Draining, C::OutcomeUnknown]),
    ("backUp", &[C::Draining]),
    ("callPeople", &[C::IllegalState, C::QueueNotOpen]),
    ("cancelOrder", &[C::IllegalState, C::OrderExpired]),
    (
        "claimPass",
        &[
            C::CallMissed,
            C::NotYourTurn,
            C::PlaceEnded,
            C::PlaceTakenAway,
            C::UnknownPlace,
            C::UnknownSeat,
        ],
    ),
    ("changeShow", &[C::BadShow, C::CapacityInUse, C::StockMoving]),
    ("closeSale", &[C::IllegalState]),
    ("createShow", &[C::BadShow, C::ShowExists, C::UnknownPlan]),
    ("drawQueue", &[C::BadQueue, C::IllegalState]),
    ("expelPerson", &[C::UnknownPlace]),
    ("getPlace", &[C::UnknownPlace]),
    ("getSeats", &[C::InvalidParameter]),
    ("changePassword", &[C::PasswordChanged, C::UnknownAccount, C::WrongLogin]),
    ("exportMe", &[C::UnknownAccount]),
    (
        "forgotPassword",
        &[C::Busy, C::ChallengeFailed, C::ChallengeRequired, C::ResetUnavailable, C::RiskRefused],
    ),
    ("getMe", &[C::UnknownAccount]),
    ("giveConsent", &[C::UnknownAccount]),
    ("hearOfPayment", &[C::BadSignature]),
    (
        "joinQueue",
        &[
            C::ChallengeFailed,
            C::ChallengeRequired,
            C::PlaceTakenAway,
            C::QueueFull,
            C::QueueNotOpen,
            C::RiskRefused,
            C::Unauthorized,
            C::UnknownLane,
        ],
    ),
    ("leaveQueue", &[C::UnknownPlace]),
    ("listDrawEntries", &[C::QueueNotOpen]),
    ("listMyOrders", &[C::Busy]),
    (
        "logIn",
        &[
            C::ChallengeFailed,
            C::ChallengeRequired,
            C::PasswordChanged,
            C::RiskRefused,
            C::WrongLogin,
        ],
    ),
    ("logOut", &[C::SessionOver]),
    ("logOutEverywhere", &[C::UnknownAccount]),
    ("makeKey", &[C::TooManyKeys]),
    ("movePartition", &[C::UnknownShard]),
    ("offerReset", &[C::UnknownAccount]),
    ("openSale", &[C::IllegalState]),
    ("operatorPause", &[C::IllegalState]),
    ("operatorResume", &[C::IllegalState]),
    ("pauseSale", &[C::IllegalState]),
    (
        "placeHold",
        &[
            C::ChallengeFailed,
            C::ChallengeRequired,
            C::DuplicateSeat,
            C::IdempotencyKeyReused,
            C::HoldsPaused,
            C::LimitPerUser,
            C::NewAccountsFull,
            C::NothingAsked,
            C::RiskRefused,
            C::PassExpired,
            C::PassInvalid,
            C::PassRequired,
            C::PassUsed,
            C::SaleNotOpen,
            C::SeatUnavailable,
            C::SoldOut,
            C::StockMoving,
            C::TooManyHolds,
            C::TooManySeats,
            C::UnknownSeat,
            C::WrongKind,
        ],
    ),
    (
        "placeOrder",
        &[
            C::BadDocument,
            C::Forbidden,
            C::HoldExpired,
            C::HoldNotActive,
            C::IdempotencyKeyReused,
            C::LimitPerDocument,
            C::NamesNotAsked,
            C::NamesRequired,
            C::UnknownHold,
            C::UnknownShow,
        ],
    ),
    ("putOnSale", &[C::NothingAsked, C::ScheduleFull, C::UnknownSeat, C::WrongKind]),
    ("refundOrder", &[C::IllegalState]),
    ("refresh", &[C::SessionOver, C::TokenReused]),
    (
        "register",
        &[C::AccountsFull, C::ChallengeFailed, C::ChallengeRequired, C::LoginTaken, C::RiskRefused],
    ),
    ("releaseHold", &[C::HoldExpired, C::HoldNotActive, C::UnknownShow]),
    ("resetPassword", &[C::ResetExpired]),
    ("resumeSale", &[C::IllegalState]),
    (
        "sellAtCounter",
        &[
            C::BadDocument,
            C::DuplicateSeat,
            C::IdempotencyKeyReused,
            C::LimitPerDocument,
            C::NamesNotAsked,
            C::NamesRequired,
            C::NothingAsked,
            C::SaleNotOpen,
            C::SeatUnavailable,
            C::SoldOut,
            C::StockMoving,
            C::TooManySeats,
            C::UnknownSeat,
            C::WrongKind,
        ],
    ),
    ("setOutflow", &[C::BadQueue]),
    ("setUpQueue", &[C::BadQueue]),
    ("showHistory", &[C::UnknownHold, C::UnknownSeat, C::WrongKind]),
    (
        "startPayment",
        &[
            C::IdempotencyKeyReused,
            C::IllegalState,
            C::OrderExpired,
            C::PaymentDeclined,
            C::TooManyPayments,
        ],
    ),
    ("watchPlace", &[C::UnknownPlace]),
    ("writeSnapshot", &[C::Draining]),
];

/// Calls that ask no owner and no replica: they read published views, or the disk.
const ALONE: &[&str] = &[
    "addPlan",
    "alive",
    "backUp",
    "changeRiskRules",
    "explainRisk",
    "getChallenge",
    "getDraw",
    "getPlace",
    "getPlan",
    "getQueue",
    "getRiskRules",
    "getSeats",
    "getShow",
    "listAccessKeys",
    "listApiKeys",
    "listDrawEntries",
    "listKeys",
    "listShards",
    "listShows",
    "metrics",
    "queueStatus",
    "ready",
    "showShard",
    "watchPlace",
    "watchSeats",
    "writeSnapshot",
];

/// Tells each call's problems, in place of whatever was told before.
pub(super) fn describe(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                let codes = codes(path, &method, operation);
                tell(operation, codes);
            }
        }
    }
}

/// The codes of a call by status, without doubles.
fn codes(path: &str, method: &HttpMethod, operation: &Operation) -> BTreeMap<u16, Vec<Code>> {
    let name = operation.operation_id.as_deref().unwrap_or_default();
    let is_write = !matches!(method, HttpMethod::Get);
    let mut codes = vec![C::BadRequest, C::UriTooLong, C::Internal];
    if operation.security.is_some() {
        codes.extend([C::Unauthorized, C::Forbidden]);
    }
    if is_write && path.starts_with("/api/v1/") {
        codes.push(C::RateLimited);
    }
    if operation.request_body.is_some() {
        codes.extend([C::NotJson, C::InvalidField, C::TooSlow]);
        codes.extend([C::TooLarge, C::UnsupportedMediaType]);
    }
    // A waiting room is one of a show that has one; the show of a token may be gone with its data.
    if operation.tags.iter().flatten().any(|tag| tag == "queue") && name != "setUpQueue" {
        codes.extend([C::UnknownQueue, C::UnknownShow]);
    }
    for parameter in operation.parameters.iter().flatten() {
        if let RefOr::T(parameter) = parameter {
            codes.extend(of_parameter(parameter));
        }
    }
    if !ALONE.contains(&name) {
        codes.extend([C::Busy, C::Draining, C::Rebuilding, C::OutcomeUnknown]);
        if is_write {
            codes.extend([C::DiskFull, C::CommandQuarantined]);
        }
    }
    if name.starts_with("watch") {
        codes.push(C::Busy);
    }
    let own = OWN.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, codes)| codes);
    codes.extend(own);
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in codes {
        let there = by_status.entry(code.status()).or_default();
        if !there.contains(&code) {
            there.push(code);
        }
    }
    by_status
}

fn of_parameter(parameter: &Parameter) -> Vec<Code> {
    match (&parameter.parameter_in, parameter.name.as_str()) {
        (ParameterIn::Path, "showId") => vec![C::UnknownShow],
        (ParameterIn::Path, "keyId") => vec![C::UnknownKey],
        (ParameterIn::Path, "userId") => vec![C::UnknownAccount],
        (ParameterIn::Path, "planId") => vec![C::UnknownPlan],
        (ParameterIn::Path, "holdId") => vec![C::UnknownHold],
        (ParameterIn::Path, "orderId") => vec![C::UnknownOrder],
        (ParameterIn::Path, "paymentId") => vec![C::UnknownPayment],
        (ParameterIn::Path, "ticketCode") => vec![C::UnknownTicket],
        (ParameterIn::Path, "shard") => vec![C::UnknownShard],
        (ParameterIn::Path, "partition") => vec![C::UnknownPartition],
        (ParameterIn::Header, "Idempotency-Key") => match parameter.required {
            Required::True => vec![C::InvalidParameter, C::IdempotencyKeyMissing],
            Required::False => vec![C::InvalidParameter],
        },
        (ParameterIn::Header, "X-Queue-Token") => vec![C::QueueTokenInvalid],
        (ParameterIn::Query, "token") => Vec::new(),
        (ParameterIn::Query, _) => vec![C::InvalidParameter],
        _ => Vec::new(),
    }
}

/// Writes the responses; the words of a response that a handler described stay before its codes.
fn tell(operation: &mut Operation, codes: BTreeMap<u16, Vec<Code>>) {
    for (status, codes) in codes {
        let words: Vec<String> = codes.iter().map(|code| format!("`{}`", code.word())).collect();
        let words = words.join(", ");
        let responses = &mut operation.responses.responses;
        let told = responses.entry(status.to_string()).or_insert(RefOr::T(Response::new("")));
        let RefOr::T(told) = told else { continue };
        told.description = match told.description.as_str() {
            "" => words,
            before => format!("{before}: {words}"),
        };
        told.content.insert(PROBLEM_MEDIA_TYPE.to_owned(), RefOr::T(content(&codes)));
    }
}

/// A problem with one of these codes.
fn content(codes: &[Code]) -> Content {
    let words = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(codes.iter().map(|code| code.word())))
        .build();
    let narrowed = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(ObjectBuilder::new().property("code", words).build())
        .build();
    ContentBuilder::new().schema(Some(RefOr::T(narrowed.into()))).build()
}

#[cfg(test)]
mod tests {
    use super::{ALONE, OWN};
    use crate::openapi::document;
    use std::collections::BTreeSet;

    #[test]
    fn the_tables_name_calls_that_there_are() {
        let json = serde_json::to_value(document()).expect("plain data");
        let paths = json["paths"].as_object().expect("paths").values();
        let calls = paths.flat_map(|item| item.as_object().expect("an item").values());
        let known: BTreeSet<&str> =
            calls.map(|call| call["operationId"].as_str().expect("a name")).collect();
        for name in OWN.iter().map(|(name, _)| name).chain(ALONE) {
            assert!(known.contains(name), "{name}");
        }
    }

    #[test]
    fn every_status_is_named() {
        let json = serde_json::to_value(document()).expect("plain data");
        for (path, item) in json["paths"].as_object().expect("paths") {
            for (method, call) in item.as_object().expect("an item") {
                for status in call["responses"].as_object().expect("responses").keys() {
                    let is_number = status.parse::<u16>().is_ok();
                    assert!(is_number, "{method} {path} has an answer {status}");
                }
            }
        }
        let hold = &json["paths"]["/api/v1/shows/{showId}/holds"]["post"]["responses"];
        let gone = hold["410"]["content"]["application/problem+json"]["schema"].to_string();
        assert!(gone.contains("PASS_EXPIRED"), "{gone}");
        assert!(!gone.contains("HOLD_EXPIRED"), "one that is being placed cannot have: {gone}");
        let codes = hold["503"]["content"]["application/problem+json"]["schema"].to_string();
        for word in ["BUSY", "DRAINING", "DISK_FULL", "STOCK_MOVING", "REBUILDING"] {
            assert!(codes.contains(word), "{codes}");
        }
    }
}
