//! Small histories, some of which can be explained and some not.
//!
//! A line is `client from-to call: answer`. Without `to` there was no answer.

use usher_linear::{
    Answer, Call, Ending, HoldIx, Lot, Operation, SeatStatus, Stage, Units, Verdict, Why, explain,
    search,
};

const STATES_MAX: usize = 100_000;

fn seat() -> Lot {
    Lot::new(Units(1), vec![Units(1); 8])
}

/// Holds 0 to 3 ask for one unit each, 4 to 7 for two.
fn pool(units: u32) -> Lot {
    let asks = [1, 1, 1, 1, 2, 2, 2, 2].map(Units);
    Lot::new(Units(units), asks.to_vec())
}

fn history(table: &str) -> Vec<Operation<Call, Answer>> {
    table.lines().map(str::trim).filter(|line| !line.is_empty()).map(operation).collect()
}

fn operation(line: &str) -> Operation<Call, Answer> {
    let (asked, answer) = line.split_once(':').unwrap_or((line, ""));
    let mut words = asked.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("too few words: {line}"));
    let client = word().parse().expect("a client");
    let (from, to) = word().split_once('-').expect("from-to");
    let call = match word() {
        "map" => Call::ReadSeat,
        "free" => Call::ReadFree,
        verb => by_hold(verb, HoldIx(word().parse().expect("a hold"))),
    };
    let ending = match to {
        "" => Ending::Unknown,
        to => Ending::Answered {
            answer: answer_of(answer.trim()),
            returned_ns: to.parse().expect("a time"),
        },
    };
    Operation { client, call, invoked_ns: from.parse().expect("a time"), ending }
}

fn by_hold(verb: &str, hold: HoldIx) -> Call {
    match verb {
        "take" => Call::Hold(hold),
        "release" => Call::Release(hold),
        "look" => Call::ReadHold(hold),
        "order" => Call::Order(hold),
        "pay" => Call::Pay(hold),
        "money" => Call::Confirm(hold),
        "cancel" => Call::Cancel(hold),
        other => panic!("no such call: {other}"),
    }
}

fn answer_of(words: &str) -> Answer {
    match words {
        "active" => Answer::Stands(Stage::Active),
        "released" => Answer::Stands(Stage::Released),
        "confirmed" => Answer::Stands(Stage::Confirmed),
        "ordered" => Answer::Stands(Stage::PendingPay),
        "paying" => Answer::Stands(Stage::Paying),
        "ticketed" => Answer::Stands(Stage::Ticketed),
        "cancelled" => Answer::Stands(Stage::Cancelled),
        "refunding" => Answer::Stands(Stage::Refunding),
        "is free" => Answer::Seat(SeatStatus::Available),
        "is held" => Answer::Seat(SeatStatus::Held),
        "is sold" => Answer::Seat(SeatStatus::Sold),
        "no, held" => Answer::Refused(Why::Taken(SeatStatus::Held)),
        "no, sold" => Answer::Refused(Why::Taken(SeatStatus::Sold)),
        "no, sold out" => Answer::Refused(Why::SoldOut),
        "no, not active" => Answer::Refused(Why::HoldNotActive),
        "no, too far" => Answer::Refused(Why::IllegalState),
        number => Answer::Free(Units(number.parse().expect("an answer"))),
    }
}

#[track_caller]
fn good(lot: &Lot, table: &str) {
    let history = history(table);
    let verdict = search(lot, &history, STATES_MAX);
    assert!(
        matches!(verdict, Verdict::Linearizable(_)),
        "{:?}",
        explain(lot, &history, STATES_MAX)
    );
}

/// Also checks that what is told names the operation that does not fit.
#[track_caller]
fn bad(lot: &Lot, table: &str, told: &str) {
    let history = history(table);
    assert_eq!(search(lot, &history, STATES_MAX), Verdict::NotLinearizable);
    let words = explain(lot, &history, STATES_MAX).expect("it cannot be explained");
    let failing = words.lines().find(|line| line.contains('►')).expect("a line that fails");
    assert!(failing.contains(told), "{words}");
}

#[test]
fn one_after_the_other() {
    good(
        &seat(),
        "1 10-20 take 0: active
         2 30-40 take 1: no, held
         1 50-60 release 0: released
         1 61-62 release 0: released
         2 70-80 take 1: active
         2 90-95 map: is held",
    );
    bad(
        &seat(),
        "1 10-20 take 0: active
         2 30-40 take 1: active",
        "hold 1 takes it: Active",
    );
}

#[test]
fn of_two_at_once_either_may_be_first() {
    good(&seat(), "1 10-20 take 0: active\n 2 12-18 take 1: no, held");
    good(&seat(), "1 10-20 take 0: no, held\n 2 12-18 take 1: active");
    bad(&seat(), "1 10-20 take 0: active\n 2 12-18 take 1: active", "takes it: Active");
    bad(&seat(), "1 10-20 take 0: no, held\n 2 12-18 take 1: no, held", "refused, it is Held");
}

#[test]
fn a_stale_read_is_found() {
    good(&seat(), "1 10-20 take 0: active\n 2 15-25 map: is free");
    bad(
        &seat(),
        "1 10-20 take 0: active\n 2 21-25 map: is free",
        "look at the map: it is Available",
    );
    // Two readers at once must not see it come and go.
    bad(
        &seat(),
        "1 10-90 take 0: active
         2 20-30 map: is held
         3 40-50 map: is free",
        "look at the map: it is Available",
    );
}

#[test]
fn what_had_no_answer_may_have_happened_late_or_never() {
    good(&seat(), "1 10- take 0\n 2 30-40 take 1: active");
    good(&seat(), "1 10- take 0\n 2 30-40 take 1: no, held");
    good(&seat(), "1 10- take 0\n 2 30-40 map: is free\n 2 50-60 map: is held");
    bad(&seat(), "1 10- take 0\n 2 30-40 map: is held\n 2 50-60 map: is free", "it is Available");
    bad(&seat(), "2 30-40 take 1: no, held\n 1 50- take 0", "refused, it is Held");
}

#[test]
fn a_dirty_refusal_is_found() {
    // Hold 0 was refused for, and then lost with the server.
    bad(
        &seat(),
        "1 10- take 0
         2 12-14 take 1: no, held
         2 50-60 map: is free",
        "look at the map: it is Available",
    );
    bad(
        &seat(),
        "1 10- take 0
         2 12-14 take 1: no, held
         3 50-60 take 2: active",
        "hold 2 takes it: Active",
    );
    // Its buyer asks again, and gets what was there all the time.
    good(
        &seat(),
        "1 10- take 0
         2 12-14 take 1: no, held
         1 50-60 take 0: active",
    );
}

#[test]
fn an_answer_that_was_lost_with_the_server_is_found() {
    bad(
        &seat(),
        "1 10-20 take 0: active
         2 50-60 take 1: active",
        "hold 1 takes it",
    );
    bad(
        &seat(),
        "1 10-20 take 0: active\n 1 21-22 release 0: released\n 1 50-60 look 0: active",
        "look",
    );
}

#[test]
fn a_repeat_with_its_key_is_told_how_things_stand_now() {
    good(
        &seat(),
        "1 10- take 0
         1 20-30 take 0: active
         1 31-32 release 0: released
         1 40-50 take 0: released
         2 60-70 take 1: active",
    );
    bad(
        &seat(),
        "1 10-20 take 0: active
         1 31-32 release 0: released
         1 40-50 take 0: active",
        "hold 0 takes it: Active",
    );
}

#[test]
fn orders_go_their_way() {
    good(
        &seat(),
        "1 10-11 take 0: active
         1 12-13 order 0: ordered
         1 14-15 release 0: no, not active
         1 16-17 pay 0: paying
         2 18-30 cancel 0: no, too far
         3 19-31 money 0: ticketed
         1 40-41 look 0: confirmed
         2 42-43 take 1: no, sold
         2 44-45 map: is sold",
    );
    good(
        &seat(),
        "1 10-11 take 0: active
         1 12-13 order 0: ordered
         1 16-17 pay 0: paying
         2 18-30 cancel 0: cancelled
         3 19-31 money 0: refunding
         1 40-41 pay 0: refunding
         2 42-43 take 1: active",
    );
    bad(
        &seat(),
        "1 10-11 take 0: active
         1 12-13 order 0: ordered
         1 16-17 pay 0: paying
         2 18-30 cancel 0: cancelled
         3 19-31 money 0: ticketed",
        "Ticketed",
    );
}

#[test]
fn pools_count() {
    good(
        &pool(3),
        "1 10-20 take 4: active
         2 10-20 take 5: no, sold out
         3 10-20 take 0: active
         3 30-40 free: 0
         1 41-42 release 4: released
         3 43-44 free: 2
         2 50-60 take 5: active",
    );
    bad(
        &pool(3),
        "1 10-20 take 4: active
         2 30-40 take 5: active",
        "hold 5 takes 2: Active",
    );
    // One is left, so one must not be refused.
    bad(
        &pool(3),
        "1 10-20 take 4: active
         2 30-40 take 0: no, sold out",
        "refused, SoldOut",
    );
}

#[test]
fn the_search_says_when_it_gave_up() {
    let many: Vec<String> =
        (0..8).map(|hold| format!("{hold} 1-{} take {hold}: active", 50 + hold)).collect();
    let many = history(&many.join("\n"));
    assert_eq!(search(&pool(11), &many, 10), Verdict::TooHard);
    assert_eq!(search(&pool(11), &many, STATES_MAX), Verdict::NotLinearizable);
    assert!(matches!(search(&pool(12), &many, STATES_MAX), Verdict::Linearizable(_)));
}
