//! Where the events of waiting rooms, and the parts of their images, have their numbers: see
//! `events` for the rules.

use usher_engine::room::{
    DrawRecord, EndCause, Lane, LaneSetup, Place, PlaceState, RoomEvent, RoomImage, Setup, Stage,
    Tally,
};

use super::CodecError;
use super::layout::{OnDisk, numbered, row, tagged};
use super::pack::{Pen, Source};

tagged! {
    RoomEvent {
        1 = Joined { place, entry, lane },
        2 = Rejoined { place, lane },
        3 = Called { places, claim_by },
        4 = Claimed { place, pass, goods, expires_at },
        5 = Lapsed { places },
        6 = PassUsed { place },
        7 = Left { place },
        8 = Expelled { place },
        9 = Configured { setup, seed },
        10 = PreQueueOpened,
        11 = ListClosed { list_hash },
        12 = DrawBegan { public_value },
        13 = Ranked { entries },
        14 = Sorted { buckets },
        15 = Paused,
        16 = Resumed,
        17 = Drained,
        18 = Reopened,
        19 = FlowSet { outflow_per_second, shopping_max },
    }

    PlaceState {
        1 = Entered,
        2 = Waiting,
        3 = Called { claim_by },
        4 = Returning,
        5 = Passed { pass, goods, expires_at },
        6 = Ended(cause),
    }
}

numbered! {
    EndCause {
        1 = Used,
        2 = Lapsed,
        3 = Missed,
        4 = Left,
        5 = Expelled,
    }

    Stage {
        1 = Closed,
        2 = PreQueue,
        3 = Drawing,
        4 = Open,
        5 = Selling,
        6 = Drained,
    }
}

row! {
    RoomImage {
        id, version, last_at, setup, stage, is_paused, places, listed, draw, drawing, lanes,
        served_tag, next_pass, tally,
    }

    Setup {
        pre_queue_at, opens_at, lanes, claim_ms, pass_ms, outflow_per_second, shopping_max,
        draw_source,
    }

    LaneSetup { name, weight, members_only }

    Place { entry, lane, misses, turn, state }

    DrawRecord { seed, list_hash, public_value, order_hash }

    Lane { index, next_turn, order, returning, late, listed, block, tag }

    Tally { called, passes, used, lapsed, missed, left, expelled }
}
