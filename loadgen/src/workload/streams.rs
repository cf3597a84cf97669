//! Readers of the seat map's stream, who stay for the whole run.

use std::time::{Duration, Instant};

use hyper::header::HeaderValue;

use crate::api::get;
use crate::meter::{Ending, Step, Streams};
use crate::sse::{Frame, Reader};
use crate::world::World;

/// After so many frames a reader drops its connection and resumes from the last one, as a phone
/// in a tunnel does.
const FRAMES_PER_CONNECTION: u64 = 200;
/// How long a reader waits before it connects again.
const REST: Duration = Duration::from_millis(200);
/// How often a reader looks whether the run is over.
const TICK: Duration = Duration::from_millis(250);

/// Reads the stream of the show's seats until the run stops.
pub async fn read_seat_stream(world: &World) {
    let mut last: Option<String> = None;
    while !world.stopping.get() {
        if connection(world, &mut last).await.is_err() {
            tokio::time::sleep(REST).await;
        }
    }
}

async fn connection(world: &World, last: &mut Option<String>) -> Result<(), ()> {
    let mut request = get(format!("/api/v1/shows/{}/seats/stream", world.show_id()))
        .header("accept", HeaderValue::from_static("text/event-stream"));
    let resumes = last.is_some();
    if let Some(id) = last.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
        request = request.header("last-event-id", id);
    }
    let since = Instant::now();
    let (status, mut stream) = match world.api.client().stream(&request).await {
        Ok(answer) => answer,
        Err(reason) => {
            world.meter.answer(Step::Stream, since, 0, false);
            world.meter.step(Step::Stream, since, Ending::Failed);
            world.meter.sample(|| format!("stream: {reason}"));
            return Err(());
        }
    };
    world.meter.answer(Step::Stream, since, status, false);
    if status != 200 {
        world.meter.step(Step::Stream, since, Ending::Failed);
        return Err(());
    }
    count(world, |streams| streams.resumed += u64::from(resumes));
    let (mut reader, mut frames) = (Reader::default(), 0);
    while frames < FRAMES_PER_CONNECTION && !world.stopping.get() {
        let Ok(bytes) = tokio::time::timeout(TICK, stream.next()).await else { continue };
        let Ok(Some(bytes)) = bytes else { return Err(()) };
        for frame in reader.push(&bytes).map_err(drop)? {
            if frames == 0 {
                world.meter.step(Step::Stream, since, Ending::Done);
            }
            frames += 1;
            seen(world, &frame, last);
        }
    }
    Ok(())
}

fn seen(world: &World, frame: &Frame, last: &mut Option<String>) {
    let version = |id: &str| id.parse::<u64>().ok();
    let before = last.as_deref().and_then(version);
    let backwards = before.zip(version(&frame.id)).is_some_and(|(before, now)| now < before);
    if backwards {
        world.meter.sample(|| format!("the stream went from {last:?} back to {}", frame.id));
    }
    count(world, |streams| {
        streams.frames += 1;
        streams.bytes += frame.bytes as u64;
        streams.frame_bytes_max = streams.frame_bytes_max.max(frame.bytes as u64);
        streams.backwards += u64::from(backwards);
    });
    if !frame.id.is_empty() {
        *last = Some(frame.id.clone());
    }
}

fn count(world: &World, change: impl FnOnce(&mut Streams)) {
    world.meter.with(|measured| change(&mut measured.streams));
}
