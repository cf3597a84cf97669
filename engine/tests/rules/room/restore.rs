//! An image of a room that contradicts itself makes none. That a good one makes an equal room is
//! asked after every line of every table.

use usher_engine::PlaceNo;
use usher_engine::inventory::image::ImageError;
use usher_engine::room::{Lane, PassNo, PlaceState, Room, RoomImage};

use super::stage::Stage;

/// What is done to an image, and what is said of it.
type Damage = (fn(&mut RoomImage), &'static str);

const LANES: &str = "the lanes are not those of the setup";
const NO_PLACE: &str = "a lane names a place that there is not";
const NO_LANE: &str = "a place stands in a lane that there is not";
const TWICE: &str = "somebody has two places";
const NO_PASS: &str = "a place has a pass that was never given out";
const TOO_FAR: &str = "the draw has come further than its list";

/// Plays a script and strikes an image of the room in each way.
#[track_caller]
fn check(script: &[&str], damages: &[Damage]) {
    let mut stage = Stage::new();
    for line in script {
        let got = stage.play(line);
        assert!(!got.starts_with("no:"), "{line}: {got}");
    }
    let whole = stage.live.image();
    assert!(Room::from_image(whole.clone()).is_ok(), "what is whole is taken");
    for (row, (damage, words)) in damages.iter().enumerate() {
        let mut image = whole.clone();
        damage(&mut image);
        match Room::from_image(image) {
            Err(ImageError::BadRoom(why)) => assert_eq!(why, *words, "row {row}"),
            other => panic!("row {row}, {words}: {other:?}"),
        }
    }
}

fn pass_of_first(image: &mut RoomImage, number: u32) {
    let PlaceState::Passed { pass, .. } = &mut image.places[0].state else { panic!("no pass") };
    *pass = PassNo(number);
}

#[test]
fn a_room_that_contradicts_itself_is_none() {
    let script = [
        "set up pre=0 opens=0 lanes=all:1,club:1",
        "ann joins",
        "ben joins",
        "cid joins club",
        "call 2",
        "ann claims",
        "@30 wait",
        "dan joins",
    ];
    check(
        &script,
        &[
            (|image| image.lanes.truncate(1), LANES),
            (|image| image.setup = None, LANES),
            (|image| image.lanes[1].index = 0, LANES),
            (|image| image.lanes[0].next_turn = u32::MAX, LANES),
            (|image| image.lanes[0].order.push_back(PlaceNo(4)), NO_PLACE),
            (|image| image.lanes[0].late.push(PlaceNo(4)), NO_PLACE),
            (|image| image.lanes[1].returning.push_back(PlaceNo(4)), NO_PLACE),
            (|image| image.places[0].lane = 2, NO_LANE),
            (|image| image.places[1].entry = image.places[0].entry, TWICE),
            (|image| pass_of_first(image, 0), NO_PASS),
            (|image| pass_of_first(image, 2), NO_PASS),
            (|image| image.listed = 5, TOO_FAR),
            (|image| image.drawing = Some((0, 0)), TOO_FAR),
        ],
    );
}

#[test]
fn a_room_has_eight_lanes_at_most_and_turns_are_numbers_of_32_bits() {
    let lanes: Vec<String> = (1..=8).map(|lane| format!("lane{lane}:1")).collect();
    let mut stage = Stage::new();
    stage.play(&format!("set up pre=0 opens=0 lanes={}", lanes.join(",")));
    stage.play("ann joins lane1");
    let mut image = stage.live.image();
    image.lanes[0].next_turn = u32::MAX - image.lanes[0].order.len() as u32;
    assert!(Room::from_image(image.clone()).is_ok(), "the last turn");
    let setup = image.setup.as_mut().expect("set up");
    setup.lanes.push(setup.lanes[0].clone());
    image.lanes.push(Lane { index: 8, ..image.lanes[7].clone() });
    assert_eq!(Room::from_image(image).err(), Some(ImageError::BadRoom(LANES)), "a ninth lane");
}

#[test]
fn a_draw_comes_no_further_than_its_list() {
    let mut stage = Stage::new().compare_every(100);
    stage.play("set up pre=0 opens=50");
    for number in 0..600 {
        stage.play(&format!("p{number} joins"));
    }
    stage.play("@50 draw x");
    // What it would be while the draw goes on, which no line ends with. There are two buckets; once
    // both are sorted it is over, and nothing of it is kept.
    let image =
        |ranked, sorted| RoomImage { drawing: Some((ranked, sorted)), ..stage.live.image() };
    let rows = [
        (0, 0, true),
        (599, 0, true),
        (600, 0, true),
        (601, 0, false),
        (599, 1, false),
        (600, 1, true),
        (600, 2, false),
        (600, 3, false),
    ];
    for (ranked, sorted, expected) in rows {
        let is_taken = Room::from_image(image(ranked, sorted)).is_ok();
        assert_eq!(is_taken, expected, "{ranked} ranked, {sorted} sorted");
    }
}
