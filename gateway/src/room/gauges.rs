//! What is counted over all waiting rooms when somebody asks for metrics: few figures with fixed
//! labels, however many rooms there are. One room's own are at `/ops/v1/shows/{showId}/queue`.

use crate::app::App;

/// Sets the gauges and counters, from what is published.
pub(crate) fn set(app: &App) {
    let rooms = app.router.directory().rooms();
    let (mut waiting, mut called, mut admitted, mut pace) = (0, 0, 0, 0);
    let mut events = [0; EVENTS.len()];
    for room in &rooms {
        let figures = room.board.figures();
        waiting += figures.waiting();
        called += figures.called;
        admitted += figures.passed;
        pace += app.rooms.flows.get(room.key).map_or(0, |flow| flow.called_per_second_milli());
        let tally = figures.tally;
        let counted = [
            figures.places,
            tally.called,
            tally.passes,
            tally.used,
            tally.lapsed,
            tally.missed,
            tally.left,
            tally.expelled,
        ];
        for (total, count) in events.iter_mut().zip(counted) {
            *total += count;
        }
    }
    metrics::gauge!("usher_queue_rooms").set(rooms.len() as f64);
    for (state, people) in [("waiting", waiting), ("called", called), ("admitted", admitted)] {
        metrics::gauge!("usher_queue_people", "state" => state).set(people as f64);
    }
    metrics::gauge!("usher_queue_outflow_per_second").set(pace as f64 / 1e3);
    for (event, total) in EVENTS.into_iter().zip(events) {
        metrics::counter!("usher_queue_events_total", "event" => event).absolute(total);
    }
}

/// What happens to places, in the order in which it is counted.
const EVENTS: [&str; 8] =
    ["joined", "called", "admitted", "used", "lapsed", "missed", "left", "expelled"];

/// Says what they mean, as `/metrics` says it.
pub(crate) fn describe() {
    for (name, words) in [
        ("usher_queue_rooms", "Waiting rooms"),
        ("usher_queue_people", "People in all waiting rooms, by state"),
        ("usher_queue_outflow_per_second", "People let in per second lately, by all rooms"),
    ] {
        metrics::describe_gauge!(name, words);
    }
    metrics::describe_counter!(
        "usher_queue_events_total",
        "What happened to places in waiting rooms: joined, called, admitted (a pass was claimed), \
         used, lapsed (a pass ran out), missed (a call was not answered), left, expelled"
    );
}
