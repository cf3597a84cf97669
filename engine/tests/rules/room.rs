//! The waiting room: joining, the draw, calling by weighted turns, passes, and who goes where.

mod restore;
pub(crate) mod stage;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use usher_engine::room::{PassGoods, PlaceNo, PlaceState, RoomCommand, Stage as Of, seed_hash};

use stage::{Stage, check, entry};

#[test]
fn a_room_goes_from_closed_to_drained() {
    check(
        "the way of a room",
        "
        ann joins               => no: NoRoom
        set up                  => done
        ? room                  => Closed
        ann joins               => no: NotOpen(Closed)
        @10 ann joins           => entered
        ? room                  => PreQueue
        ann joins               => again: entered
        call 1                  => no: NotSelling(PreQueue)
        draw 4711               => no: IllegalMove(PreQueue)
        @100 wait
        ? room                  => Drawing
        ann claims              => no: NotCalled
        call 1                  => no: NotSelling(Drawing)
        draw 4711               => done
        ? room                  => Open
        draw 4711               => again
        draw 4712               => no: DrawnAlready
        ? ann                   => waiting, turn 0
        ben joins               => waiting, turn 1
        @110 call 1             => called ann
        ? room                  => Selling
        ann claims              => pass 1 for 0 until 260
        ann claims for 1        => again: pass 1 for 0 until 260
        ann uses                => ended: Used
        ann claims              => no: Ended(Used)
        close                   => done
        ? room                  => Drained
        cid joins               => no: NotOpen(Drained)
        call 1                  => no: NotSelling(Drained)
        ben joins               => again: waiting, turn 1
        open                    => done
        call 5                  => called ben
        call 5                  => again
        ",
    );
}

#[test]
fn a_list_is_closed_in_time_even_if_the_clock_wakes_nobody() {
    // The command comes before the wake-up: what is due happens first.
    check(
        "joining late",
        "
        set up
        @99 ann joins           => entered
        !100 ben joins          => waiting, turn 1
        ? list                  => 1 on the list, closed
        draw x
        ? order all             => ann ben
        ",
    );
    check(
        "joining before the pre-queue was seen to open",
        "
        set up
        !9 ann joins            => no: NotOpen(Closed)
        !10 ann joins           => entered
        ? room                  => PreQueue
        ",
    );
    check(
        "joining before anything was seen to open",
        "
        set up
        !100 ann joins          => waiting, turn 0
        ? list                  => 0 on the list, closed
        ? room                  => Open
        ",
    );
    check(
        "nobody came before the opening",
        "
        set up
        @100 ? room             => Open
        ann joins               => waiting, turn 0
        call 1                  => called ann
        ",
    );
}

#[test]
fn who_does_not_answer_goes_behind_the_next_block_and_in_the_end_loses_the_place() {
    check(
        "missed calls",
        "
        set up pre=0 opens=0
        ann joins               => waiting, turn 0
        ben joins               => waiting, turn 1
        cid joins               => waiting, turn 2
        dan joins               => waiting, turn 3
        eve joins               => waiting, turn 4
        @1 call 2               => called ann ben
        @30 ann claims          => pass 1 for 0 until 180
        @31 ben claims          => no: Missed
        ? ben                   => returning, turn 4
        ben claims              => no: Missed
        ben joins               => again: returning, turn 4
        @31 call 2              => called cid dan
        @31 call 2              => called ben eve
        @61 wait
        ? cid                   => returning, turn 7
        ? ben                   => returning, turn 7
        ? counts                => 5 places, 0 called, 1 passed
        call 4                  => called ben cid dan eve
        @91 wait
        ? ben                   => ended: Missed
        ? cid                   => returning, turn 9
        ben joins               => waiting, turn 5
        call 4                  => called ben cid dan eve
        ",
    );
}

#[test]
fn a_pass_is_good_for_its_time_and_for_one_use() {
    check(
        "passes",
        "
        set up pre=0 opens=0 pass=60
        ann joins
        ben joins
        call 2
        @5 ann claims for 2     => pass 1 for 2 until 65
        @6 ben claims           => pass 2 for 0 until 66
        @7 ben uses 1           => again: pass 2 for 0 until 66
        @7 ben uses             => ended: Used
        @7 ben uses 2           => again: ended: Used
        @8 ben joins            => waiting, turn 2
        @65 ann claims          => no: Ended(Lapsed)
        ? ann                   => ended: Lapsed
        ann joins               => waiting, turn 3
        call 2                  => called ben ann
        ann claims              => pass 3 for 0 until 125
        ",
    );
}

#[test]
fn places_are_given_up_and_taken_away() {
    check(
        "leaving",
        "
        set up pre=0 opens=50
        ann joins               => entered
        ben joins               => entered
        cid joins               => entered
        ann leaves              => ended: Left
        ann leaves              => again: ended: Left
        ann joins               => entered
        ben leaves              => ended: Left
        expel cid               => ended: Expelled
        cid joins               => no: Expelled
        cid claims              => no: Expelled
        zoe claims              => no: UnknownPlace
        expel zoe               => no: UnknownPlace
        @50 dan joins           => waiting, turn 3
        ben joins               => waiting, turn 4
        draw 1
        call 9                  => called ann dan ben
        dan leaves              => ended: Left
        ann claims              => pass 1 for 0 until 200
        ann leaves              => again: pass 1 for 0 until 200
        expel ann               => ended: Expelled
        expel ann               => again: ended: Expelled
        ? counts                => 4 places, 1 called, 0 passed
        ",
    );
}

#[test]
fn a_block_is_what_was_last_called_of_the_own_lane() {
    check(
        "blocks",
        "
        set up pre=0 opens=0 lanes=all:1,club:1
        a1 joins
        a2 joins
        a3 joins
        c1 joins club
        call 1                  => called a1
        call 1                  => called c1
        @30 ? a1                => returning, turn 2
        a2 leaves               => ended: Left
        ? next all              => turn 2
        call 1                  => called a1
        ",
    );
}

#[test]
fn a_claim_that_comes_before_the_wake_up_is_late_all_the_same() {
    check(
        "late claims",
        "
        set up pre=0 opens=0 claim=30 pass=60
        ann joins
        ben joins
        call 2
        !29 ann claims          => pass 1 for 0 until 89
        !30 ben claims          => no: Missed
        ? ben                   => returning, turn 4
        !88 ann claims          => again: pass 1 for 0 until 89
        !89 ann claims          => no: Ended(Lapsed)
        ? ann                   => ended: Lapsed
        ",
    );
}

#[test]
fn a_public_value_is_text_of_up_to_256_bytes() {
    let (longest, longer) = ("7".repeat(256), "7".repeat(257));
    let refusal = r#"no: BadSetup("the public value is text of 1 to 256 bytes")"#;
    check(
        "the value",
        &format!(
            "
            set up pre=0 opens=50
            ann joins
            @50 draw {longer}   => {refusal}
            draw {longest}      => done
            ? room              => Open
            "
        ),
    );
}

#[test]
fn a_room_that_was_closed_may_open_again() {
    check(
        "before the list was closed",
        "
        set up pre=0 opens=50
        ann joins
        close                   => done
        ben joins               => no: NotOpen(Drained)
        open                    => done
        ? room                  => Drawing
        ? list                  => 1 on the list, closed
        ",
    );
    check(
        "after it",
        "
        set up pre=0 opens=50
        ann joins
        @50 draw x
        ben joins               => waiting, turn 1
        call 1                  => called ann
        close                   => done
        open                    => done
        ? room                  => Selling
        ? list                  => 1 on the list, closed
        ",
    );
}

#[test]
fn what_an_organiser_wants_of_a_room_has_bounds() {
    let lanes = |count: usize| {
        let lanes: Vec<String> = (0..count).map(|lane| format!("l{lane}:1")).collect();
        lanes.join(",")
    };
    let rows = [
        ("pre=8 opens=8".to_owned(), None),
        ("pre=9 opens=8".to_owned(), Some("the room cannot open before its pre-queue")),
        (format!("lanes={}", lanes(8)), None),
        (format!("lanes={}", lanes(9)), Some("a room has 1 to 8 lanes")),
        (format!("lanes={}:1", "n".repeat(64)), None),
        (format!("lanes={}:1", "n".repeat(65)), Some("a lane's name has 1 to 64 bytes")),
        ("lanes=:1".to_owned(), Some("a lane's name has 1 to 64 bytes")),
        ("lanes=all:100".to_owned(), None),
        ("lanes=all:101".to_owned(), Some("a lane's weight is 1 to 100")),
        ("lanes=all:0".to_owned(), Some("a lane's weight is 1 to 100")),
        ("claim=1 pass=3600".to_owned(), None),
        ("claim=0".to_owned(), Some("calls and passes live between a second and an hour")),
        ("pass=3601".to_owned(), Some("calls and passes live between a second and an hour")),
        (format!("source={}", "s".repeat(500)), None),
        (
            format!("source={}", "s".repeat(501)),
            Some("the source of the public value is at most 500 bytes of text"),
        ),
    ];
    for (setup, refusal) in rows {
        let expected = match refusal {
            Some(words) => format!("no: BadSetup({words:?})"),
            None => "done".to_owned(),
        };
        check(&setup, &format!("set up {setup} => {expected}"));
    }
    assert_eq!(PassGoods::pool(4), PassGoods(5), "0 is for seats");
}

#[test]
fn it_is_counted_what_became_of_everybody() {
    let joins: String = "abcdefghi".chars().map(|name| format!("{name} joins\n")).collect();
    check(
        "tally",
        &format!(
            "
            set up pre=0 opens=0 claim=30 pass=60
            {joins}
            call 9
            a leaves
            b leaves
            expel c
            expel d
            e claims
            f claims
            g claims
            h claims
            e uses
            f uses
            @30 wait
            @60 wait
            ? tally         => 9 called, 4 passes, 2 used, 2 lapsed, 1 missed, 2 left, 2 expelled
            call 1          => called i
            @90 wait
            ? tally         => 10 called, 4 passes, 2 used, 2 lapsed, 2 missed, 2 left, 2 expelled
            "
        ),
    );
}

#[test]
fn who_joins_again_may_change_lanes_unless_the_draw_has_theirs() {
    check(
        "another lane",
        "
        set up pre=0 opens=50 lanes=all:1,club:1
        ann joins               => entered
        @50 ben joins           => waiting, turn 1
        draw x
        call 2                  => called ann ben
        ann leaves              => ended: Left
        ben leaves              => ended: Left
        ann joins club          => waiting, turn 2
        ben joins club          => waiting, turn 0
        ? order all             => ann
        ? order club            => ben
        ",
    );
}

#[test]
fn lanes_take_turns_by_weight_and_none_waits_for_ever() {
    check(
        "weights",
        "
        set up pre=0 opens=0 lanes=all:1,club:3
        a1 joins
        a2 joins
        a3 joins
        c1 joins club
        c2 joins club
        c3 joins club
        c4 joins club
        c5 joins club
        c6 joins club
        x joins gold            => no: UnknownLane
        call 4                  => called a1 c1 c2 c3
        call 4                  => called a2 c4 c5 c6
        call 4                  => called a3
        ",
    );
    check(
        "an empty lane saves up no turns",
        "
        set up pre=0 opens=0 lanes=all:1,club:1
        a1 joins
        a2 joins
        a3 joins
        a4 joins
        a5 joins
        a6 joins
        call 4                  => called a1 a2 a3 a4
        c1 joins club
        c2 joins club
        c3 joins club
        call 9                  => called c1 a5 c2 a6 c3
        ",
    );
}

#[test]
fn a_room_is_steered() {
    check(
        "operators",
        "
        set up pre=1000 opens=2000
        open                    => done
        ? room                  => Open
        ann joins
        ben joins
        cid joins
        pause                   => done
        pause                   => again
        ? room                  => Open, paused
        call 1                  => no: Paused
        dan joins               => waiting, turn 3
        resume                  => done
        resume                  => again
        call cid cid nobody     => called cid
        call cid                => again
        call 9                  => called ann ben dan
        flow 0 5                => no: BadSetup(\"between 1 and 10,000 people are let in per second\")
        flow 5 0                => no: BadSetup(\"between 1 and 1,000,000 people may shop at once\")
        flow 5 6                => done
        close
        close                   => again
        ",
    );
}

#[test]
fn what_people_rely_on_does_not_change_any_more() {
    check(
        "changing the setup",
        "
        set up                  => done
        set up                  => again
        set up lanes=all:1,club:2 pre=5 opens=90 => done
        set up lanes=           => no: BadSetup(\"a room has 1 to 8 lanes\")
        set up pre=9 opens=8    => no: BadSetup(\"the room cannot open before its pre-queue\")
        set up claim=0          => no: BadSetup(\"calls and passes live between a second and an hour\")
        set up lanes=a:1,a:2    => no: BadSetup(\"two lanes have the same name\")
        set up lanes=a:0        => no: BadSetup(\"a lane's weight is 1 to 100\")
        @5 set up lanes=all:1,club:2 pre=5 opens=80 rate=3 => done
        set up opens=80         => no: BadSetup(\"lanes and the source of the public value are fixed once people join\")
        @80 set up lanes=all:1,club:2 pre=5 opens=85 => no: BadSetup(\"the list was closed already\")
        @81 set up lanes=all:1,club:2 pre=5 opens=80 pass=9 => done
        ",
    );
}

/// The draw, computed as its description says and without its code.
#[test]
fn anybody_can_recompute_the_draw() {
    let mut stage = Stage::new().compare_every(1_000);
    stage.play("set up pre=0 opens=50 lanes=all:1,club:2");
    // As many as make more buckets than are sorted at once.
    let names: Vec<String> = (0..8_200).map(|number| format!("person-{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        stage.play(&format!("{name} joins {}", if number % 3 == 0 { "club" } else { "all" }));
    }
    stage.play("person-7 leaves");
    stage.play("@50 wait");
    let list: Vec<(u128, u8)> =
        names.iter().enumerate().map(|(n, name)| (entry(name).0, u8::from(n % 3 == 0))).collect();
    let list_bytes: Vec<u8> =
        list.iter().flat_map(|(e, l)| e.to_be_bytes().into_iter().chain([*l])).collect();
    let list_hash: [u8; 32] = Sha256::digest(&list_bytes).into();
    assert_eq!(stage.live.draw().list_hash, Some(list_hash));
    assert_eq!(seed_hash(&[7; 32])[..], Sha256::digest([7; 32])[..], "the stage's seed");
    assert_eq!(stage.live.draw().order_hash, None);
    stage.play("draw 31-11-2026");
    assert_eq!(stage.live.stage(), Of::Open);

    let key = [&[7; 32][..], b"31-11-2026"].concat();
    let rank = |entry: &u128| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(&entry.to_be_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let mut order = list;
    order.sort_by_key(|(entry, _)| (rank(entry), *entry));
    let order_bytes: Vec<u8> = order.iter().flat_map(|(entry, _)| entry.to_be_bytes()).collect();
    let order_hash: [u8; 32] = Sha256::digest(&order_bytes).into();
    assert_eq!(stage.live.draw().order_hash, Some(order_hash));
    let mut turns = [0, 0];
    for (drawn, lane) in order {
        let place = stage.live.places().iter().find(|place| place.entry.0 == drawn);
        let place = place.expect("on the list");
        let turn = &mut turns[usize::from(lane)];
        if place.entry == entry("person-7") {
            assert!(matches!(place.state, PlaceState::Ended(_)));
        } else {
            assert_eq!((place.state, place.turn), (PlaceState::Waiting, *turn));
        }
        *turn += 1;
    }
}

/// Nobody is lost, nobody called twice, and positions only ever shrink, whatever people do.
#[test]
fn everybody_gets_in_once() {
    let mut stage = Stage::new().compare_every(20);
    stage.play("set up pre=0 opens=10 lanes=all:1,club:4 claim=5 pass=20");
    for number in 0..300 {
        let lane = if number % 4 == 0 { "club" } else { "all" };
        stage.play(&format!("p{number} joins {lane}"));
    }
    stage.play("@10 draw v");
    let mut passes = std::collections::BTreeSet::new();
    let mut at = 10;
    // A fixed sequence of odds and ends: xorshift (Marsaglia 2003).
    let mut state = 88_172_645_463_325_252_u64;
    let mut odds = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    while passes.len() < 300 {
        at += 1;
        assert!(at < 20_000, "{} passes", passes.len());
        stage.play(&format!("@{at} wait"));
        let called_before = stage.live.called_and_passed().0;
        stage.play(&format!("call {}", odds(9)));
        assert!(stage.live.called_and_passed().0 - called_before <= 9);
        for number in 0..300 {
            let place = *stage.live.place(PlaceNo(number)).expect("a place");
            match place.state {
                PlaceState::Called { .. } if odds(3) > 0 => {
                    let goods = usher_engine::room::PassGoods::SEATS;
                    let (no, entry) = (PlaceNo(number), place.entry);
                    stage.run(&RoomCommand::Claim { place: no, entry, goods });
                    let place = stage.live.place(no).expect("a place");
                    let PlaceState::Passed { pass, .. } = place.state else {
                        panic!("{place:?}");
                    };
                    assert!(passes.insert(pass), "{pass:?} twice");
                    stage.run(&RoomCommand::NotePassUsed { place: no, pass });
                }
                // Who missed too often comes back.
                PlaceState::Ended(usher_engine::room::EndCause::Missed) => {
                    stage.run(&RoomCommand::Join { entry: place.entry, lane: 0 });
                }
                _ => {}
            }
        }
    }
    assert_eq!(stage.live.tally().used, 300);
    assert!(stage.live.places().iter().all(|place| matches!(place.state, PlaceState::Ended(_))));
}
