//! What is published of a room is what is read of it, and a position is never told too good.

use usher_engine::Timestamp;
use usher_engine::room::{PassGoods, PassNo};

use super::*;

fn place(lane: u8, turn: u32, state: PlaceState) -> Place {
    Place { entry: EntryId((7 << 64) | 9), lane, misses: 0, turn, state }
}

#[test]
fn places_are_read_as_they_were_published() {
    let board = RoomBoard::new();
    let time = Timestamp(1_800_000_000_123);
    let (pass, goods) = (PassNo(3), PassGoods::SEATS);
    let rows = [
        (PlaceState::Entered, PlaceWord::Entered),
        (PlaceState::Waiting, PlaceWord::Waiting { turn: u32::MAX }),
        (PlaceState::Returning, PlaceWord::Returning { turn: u32::MAX }),
        (PlaceState::Called { claim_by: time }, PlaceWord::Called { claim_by: time.0 }),
        (
            PlaceState::Passed { pass, goods, expires_at: time },
            PlaceWord::Passed { expires_at: time.0 },
        ),
        (PlaceState::Ended(EndCause::Used), PlaceWord::Ended(EndCause::Used)),
        (PlaceState::Ended(EndCause::Lapsed), PlaceWord::Ended(EndCause::Lapsed)),
        (PlaceState::Ended(EndCause::Missed), PlaceWord::Ended(EndCause::Missed)),
        (PlaceState::Ended(EndCause::Left), PlaceWord::Ended(EndCause::Left)),
        (PlaceState::Ended(EndCause::Expelled), PlaceWord::Ended(EndCause::Expelled)),
    ];
    for (no, (state, _)) in (4_090..).map(PlaceNo).zip(&rows) {
        assert_eq!(board.place(no), None);
        board.publish(&[(no, place(7, u32::MAX, *state))], &RoomFigures::default());
    }
    for (no, (_, state)) in (4_090..).map(PlaceNo).zip(rows) {
        let copy = PlaceCopy { lane: 7, state };
        assert_eq!(board.place(no), Some((EntryId((7 << 64) | 9), copy)));
    }
    assert_eq!(board.place(PlaceNo(PLACES_MAX)), None);
    assert_eq!(board.place(PlaceNo(u32::MAX)), None);
}

#[test]
fn figures_are_read_as_they_were_published() {
    let board = RoomBoard::new();
    assert_eq!(board.figures(), RoomFigures::default());
    let stages = [
        Stage::Closed,
        Stage::PreQueue,
        Stage::Drawing,
        Stage::Open,
        Stage::Selling,
        Stage::Drained,
    ];
    for stage in stages {
        let mut figures = RoomFigures {
            version: 1,
            stage,
            is_paused: true,
            places: 3,
            listed: 4,
            called: 5,
            passed: 6,
            tally: Tally {
                called: 7,
                passes: 8,
                used: 9,
                lapsed: 10,
                missed: 11,
                left: 12,
                expelled: 13,
            },
            ..RoomFigures::default()
        };
        for (n, lane) in (20..).step_by(4).zip(&mut figures.lanes) {
            *lane = LaneFigures { next_turn: n, end_turn: n + 1, returning: n + 2, weight: n + 3 };
        }
        board.publish(&[], &figures);
        assert_eq!(board.figures(), figures);
    }
}

#[test]
fn a_position_is_never_too_good() {
    let lane = |next_turn, end_turn, returning, weight| LaneFigures {
        next_turn,
        end_turn,
        returning,
        weight,
    };
    let mut figures = RoomFigures::default();
    figures.lanes[0] = lane(10, 100, 0, 1);
    assert_eq!([10, 11, 99].map(|turn| figures.ahead(0, turn)), [0, 1, 89]);
    assert_eq!(figures.ahead(0, 5), 0, "was called already, the figures know more than the place");
    figures.lanes[0].returning = 3;
    assert_eq!(figures.ahead(0, 11), 4, "who missed a call may come before");
    figures.lanes[0].returning = 0;
    // Three of the other lane for each of this one, as far as there are any.
    figures.lanes[1] = lane(0, 20, 0, 3);
    assert_eq!([10, 11, 30].map(|turn| figures.ahead(0, turn)), [4, 8, 40]);
    assert_eq!([0, 19].map(|turn| figures.ahead(1, turn)), [2, 27]);
    assert_eq!(figures.waiting(), 110);
}
