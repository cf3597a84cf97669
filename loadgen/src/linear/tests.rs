//! What replies mean, and how lots come and go.

use bytes::Bytes;
use hyper::header::HeaderMap;
use usher_linear::{Answer, Call, HoldIx, SeatStatus, Stage as At, Why};

use super::letters::{Meaning, meaning};
use super::notebook::{Notebook, answered};
use super::sight::{Eyes, Form};
use super::stage::Stage;
use crate::http::Reply;

const HOLD: Call = Call::Hold(HoldIx(0));

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
}

fn problem(code: &str) -> String {
    let seats = r#"[{"seatId":"a","status":"HELD"}]"#;
    format!(r#"{{"type":"t","title":"t","status":409,"code":"{code}","seats":{seats}}}"#)
}

fn stage() -> Stage {
    let seats = ["a", "b", "c", "d", "e", "f"].map(String::from).to_vec();
    Stage::of("s".into(), seats, vec![("pool".into(), 4, 1)])
}

#[test]
fn replies_mean_what_the_contract_says() {
    let refused = |code: &str| match meaning(HOLD, &reply(409, &problem(code))) {
        Meaning::Answer(Answer::Refused(why), _) => Some(why),
        _ => None,
    };
    assert_eq!(refused("SEAT_UNAVAILABLE"), Some(Why::Taken(SeatStatus::Held)));
    assert_eq!(refused("SOLD_OUT"), Some(Why::SoldOut));
    assert_eq!(refused("HOLD_NOT_ACTIVE"), Some(Why::HoldNotActive));
    assert_eq!(refused("LIMIT_PER_USER"), None, "no buyer of a run meets a limit");
    assert!(matches!(meaning(HOLD, &reply(503, "")), Meaning::NothingDone));
    assert!(matches!(meaning(HOLD, &reply(504, "")), Meaning::Unknown));
    assert!(
        matches!(meaning(HOLD, &reply(500, "oh")), Meaning::Odd(words) if words.contains("oh"))
    );
    assert!(matches!(meaning(HOLD, &reply(201, "{}")), Meaning::Odd(_)));
}

#[test]
fn every_form_of_the_map_becomes_the_whole() {
    let stage = stage();
    let mut notes = Notebook::new(&stage);
    let mut eyes = Eyes::new(1);
    let seat = |id: &str, status: &str| {
        format!(r#"{{"seatId":"{id}","status":"{status}","priceCents":1}}"#)
    };
    let all: Vec<_> = stage.seats.iter().map(|id| seat(id, "AVAILABLE")).collect();
    let whole = format!(r#"{{"version":3,"seats":[{}]}}"#, all.join(","));
    let changes = format!(r#"{{"version":5,"since":3,"seats":[{}]}}"#, seat("b", "SOLD"));
    let (json, since) = (reply(200, &whole), reply(200, &changes));
    eyes.see(&mut notes, &stage, &json, Form::Json, (1, 2));
    eyes.see(&mut notes, &stage, &since, Form::Changes, (3, 4));
    eyes.see(&mut notes, &stage, &reply(304, ""), Form::IfChanged, (5, 6));
    let versions: Vec<_> = notes.house.iter().map(|told| told.version).collect();
    assert_eq!((versions, &notes.oddities), (vec![3, 5, 5], &vec![]));
    let seen = |lot: usize| notes.lots[lot].history.iter().map(|op| op.answer().copied());
    let (free, sold) = (SeatStatus::Available, SeatStatus::Sold);
    let answers = [free, sold, sold].map(|status| Some(Answer::Seat(status)));
    assert_eq!(seen(1).collect::<Vec<_>>(), answers);
    assert_eq!(open_lots(&notes), [0, 1, 2, 3, 6], "four seats and the pool, and only they");
    assert!(notes.lots[4].history.is_empty(), "it is not open");

    eyes.see(&mut notes, &stage, &since, Form::Changes, (7, 8));
    assert_eq!(notes.oddities.len(), 1, "changes since a version that was not asked for");
}

/// The lots that are asked for, by number.
fn open_lots(notes: &Notebook) -> Vec<usize> {
    let mut open = notes.open().to_vec();
    open.sort_unstable();
    open
}

#[test]
fn a_lot_that_is_sold_makes_room_for_the_next() {
    let mut notes = Notebook::new(&stage());
    let hold = notes.attempt(1, 1);
    let sold = Answer::Stands(At::Ticketed);
    notes.note(1, answered(1, Call::Confirm(hold), (1, 2), sold));
    let taken = Answer::Refused(Why::Taken(SeatStatus::Sold));
    for at in 3..20 {
        let late = notes.attempt(1, 1);
        notes.note(1, answered(1, Call::Hold(late), (at, at), taken));
    }
    assert_eq!(open_lots(&notes), [0, 2, 3, 4, 6]);
}

#[test]
fn two_holds_for_one_key_are_odd() {
    let mut notes = Notebook::new(&stage());
    let (one, other) = (notes.attempt(0, 1), notes.attempt(0, 1));
    notes.name_hold(0, one, "x");
    notes.name_hold(0, one, "x");
    assert_eq!(notes.oddities.len(), 0);
    notes.name_hold(0, one, "y");
    notes.name_hold(0, other, "x");
    assert_eq!(notes.oddities.len(), 2);
}
