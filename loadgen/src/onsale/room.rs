//! Standing in line: joining, asking where one stands, and claiming the pass when called.

use std::time::{Duration, Instant};

use hyper::header::HeaderValue;
use serde::Deserialize;

use super::browser::{Browser, No, post_json};
use super::crowd::{Kind, Visitor};
use super::tally::Turn;
use super::visitor::{Sale, join, with_token};
use crate::api::get;
use crate::meter::Step;

/// How often an impatient person asks.
const IMPATIENT_EVERY: Duration = Duration::from_millis(500);
/// How often joining is tried again where it is refused for now.
const JOIN_AGAIN: Duration = Duration::from_secs(1);

/// How standing in line ends.
pub(super) enum Line {
    /// With a pass.
    Pass(HeaderValue),
    /// Without.
    Gone,
}

/// What a visitor reads of its place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(default)]
    token: Option<String>,
    status: String,
    #[serde(default)]
    turn: Option<u32>,
    #[serde(default)]
    sold_out: bool,
    #[serde(default)]
    may_come_back: bool,
    next_poll_seconds: u32,
}

#[derive(Debug, Deserialize)]
struct Pass {
    pass: String,
}

/// Joins and waits for the turn.
pub(super) async fn stand_in_line(
    sale: &Sale,
    visitor: &Visitor,
    browser: &Browser,
    user_id: &str,
    gives_up: Instant,
) -> Line {
    let Some((token, mut place)) = take_place(sale, browser, user_id, gives_up).await else {
        return Line::Gone;
    };
    sale.report.borrow_mut().of(visitor.kind).joined += 1;
    let mut turn = place.turn;
    let mut missed_a_call = false;
    let was_called = loop {
        // Who misses a call gets another turn, behind the next block; the first is the drawn one.
        turn = turn.or(place.turn);
        missed_a_call |= place.status == "RETURNING";
        match place.status.as_str() {
            "CALLED" => match claim(sale, visitor, browser, &token).await {
                Some(pass) => {
                    note_turn(sale, user_id, turn, true, true);
                    return Line::Pass(pass);
                }
                None => break true,
            },
            "ADMITTED" | "ENDED" => break true,
            _ if place.sold_out && !place.may_come_back => break false,
            _ if Instant::now() >= gives_up || sale.is_over() => break false,
            _ => {}
        }
        let told = Duration::from_secs(place.next_poll_seconds.into());
        let pause = if visitor.kind == Kind::Impatient { IMPATIENT_EVERY } else { told };
        tokio::time::sleep(pause).await;
        let look = with_token(get("/api/v1/queue".to_owned()), &token);
        match browser.ask(Step::Wait, look).await {
            Ok(seen) => place = seen,
            Err(No::Lost) => {}
            Err(No::Refused(_)) => break false,
        }
    };
    let went_early = visitor.patience.is_some() && Instant::now() >= gives_up;
    note_turn(sale, user_id, turn, was_called || missed_a_call, !went_early);
    Line::Gone
}

async fn take_place(
    sale: &Sale,
    browser: &Browser,
    user_id: &str,
    gives_up: Instant,
) -> Option<(HeaderValue, Place)> {
    loop {
        match browser.ask::<Place>(Step::Join, join(sale, user_id)).await {
            Ok(place) => {
                let token = place.token.as_deref().and_then(|t| HeaderValue::from_str(t).ok())?;
                return Some((token, place));
            }
            Err(No::Refused(code)) if code.starts_with("CHALLENGE") || code == "RISK_REFUSED" => {
                return None;
            }
            Err(_) if Instant::now() >= gives_up || sale.is_over() => return None,
            Err(_) => tokio::time::sleep(JOIN_AGAIN).await,
        }
    }
}

async fn claim(
    sale: &Sale,
    visitor: &Visitor,
    browser: &Browser,
    token: &HeaderValue,
) -> Option<HeaderValue> {
    let body = serde_json::json!({ "stock": sale.stock });
    let request = with_token(post_json("/api/v1/queue/claim".to_owned(), &body), token);
    let pass: Pass = browser.ask(Step::Claim, request).await.ok()?;
    sale.report.borrow_mut().of(visitor.kind).admitted += 1;
    HeaderValue::from_str(&pass.pass).ok()
}

fn note_turn(sale: &Sale, user_id: &str, turn: Option<u32>, was_called: bool, stayed: bool) {
    if let Some(turn) = turn {
        let user_id = user_id.to_owned();
        sale.turns.borrow_mut().push(Turn { user_id, turn, was_called, stayed });
    }
}
