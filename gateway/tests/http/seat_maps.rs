//! Reading seats: whole, compact, changed, streamed; and that a buyer sees what a buyer did.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use usher_wire::seatmap::{CompactSeatMap, SEAT_MAP_MEDIA_TYPE};
use usher_wire::{SeatMap, SeatStatus};

use crate::shop::{Reply, Shop, plan, show};

async fn hold(shop: &Shop, show_id: &str, user_id: &str, seats: &[&str]) -> u64 {
    let hold = shop.hold(show_id, user_id, &json!({"seatIds": seats})).await.expect(201);
    hold["version"].as_u64().expect("a version")
}

#[actix_web::test]
async fn a_map_is_read_whole_compact_by_section_and_by_what_changed() {
    let shop = Shop::open();
    let show_id = shop.seated("hamlet").await;
    let path = format!("/api/v1/shows/{show_id}/seats");
    let version = hold(&shop, &show_id, "ada", &["A-2", "D-10"]).await;

    let reply = shop.ask(Method::GET, &path).send().await;
    let map: SeatMap = reply.read(200);
    assert!(map.version >= version && map.since.is_none());
    assert_eq!(map.seats.len(), 40);
    let held: Vec<_> = map.seats.iter().filter(|seat| seat.status == SeatStatus::Held).collect();
    assert_eq!(held.iter().map(|seat| &seat.seat_id[..]).collect::<Vec<_>>(), ["A-2", "D-10"]);
    assert_eq!(held.iter().map(|seat| seat.price_cents).collect::<Vec<_>>(), [5_000, 3_000]);

    let tag = reply.header("etag").to_owned();
    assert_eq!(tag, format!("\"{}\"", map.version));
    let same = shop.ask(Method::GET, &path).header("if-none-match", &tag).send().await;
    assert_eq!((same.status, same.body.len()), (304, 0));

    let compact = shop.ask(Method::GET, &path).header("accept", SEAT_MAP_MEDIA_TYPE).send().await;
    assert_eq!(compact.header("content-type"), SEAT_MAP_MEDIA_TYPE);
    let read = CompactSeatMap::parse(&compact.body).expect("a compact map");
    let expected: Vec<_> = map.seats.iter().map(|seat| seat.status).collect();
    assert_eq!(read.iter().collect::<Vec<_>>(), expected);

    let newer = hold(&shop, &show_id, "bob", &["B-1"]).await;
    let ask = format!("{path}?since={}&atLeast={newer}", map.version);
    let changes: SeatMap = shop.ask(Method::GET, &ask).send().await.read(200);
    assert_eq!((changes.since, changes.version), (Some(map.version), newer));
    assert_eq!(changes.seats.len(), 1);
    assert_eq!((&changes.seats[0].seat_id[..], changes.seats[0].status), ("B-1", SeatStatus::Held));
    let changed = shop.ask(Method::GET, &path).header("if-none-match", &tag).send().await;
    assert_eq!(changed.status, 200);

    // A version from the future sets nobody wrong: the whole map comes.
    let whole: SeatMap =
        shop.ask(Method::GET, &format!("{path}?since=99999999")).send().await.read(200);
    assert_eq!((whole.since, whole.seats.len()), (None, 40));
    let begun = Instant::now();
    shop.ask(Method::GET, &format!("{path}?atLeast=99999999")).send().await.expect(200);
    assert!(begun.elapsed() >= Duration::from_millis(100), "it waits, but not for ever");
    let section: SeatMap =
        shop.ask(Method::GET, &format!("{path}?section=stalls")).send().await.read(200);
    assert_eq!(section.seats.len(), 40);
}

#[actix_web::test]
async fn geometry_is_the_document_and_cacheable_for_ever() {
    let mut shop = Shop::open();
    // Written by hand, so that spaces and unknown fields show whether bytes are kept.
    let document = plan("Hall", 2, 30)
        .to_string()
        .replace("\"name\":\"Hall\"", "\"x\" :1, \"name\":  \"Hall\"");
    let reply = shop.admin(Method::POST, "/admin/v1/plans").body(document.clone()).send().await;
    let path = format!("/api/v1/plans/{}", reply.expect(201)["planId"].as_str().expect("an id"));
    shop.kill_and_restart();
    let reply = shop.ask(Method::GET, &path).send().await;
    assert_eq!((reply.status, &reply.body[..]), (200, document.as_bytes()));
    assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
    let tag = reply.header("etag");
    assert!(tag.starts_with('"'), "a strong tag, not {tag}");
    let same = shop.ask(Method::GET, &path).header("if-none-match", tag).send().await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    for encoding in ["gzip", "br"] {
        let small = shop.ask(Method::GET, &path).header("accept-encoding", encoding).send().await;
        assert_eq!(small.header("content-encoding"), encoding);
        assert!(small.body.len() < document.len() / 4, "{encoding}: {}", small.body.len());
    }
    let head = shop.ask(Method::HEAD, &path).send().await;
    assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, tag));
}

/// Keeps the state that a stream of events tells.
#[derive(Default)]
struct Watcher {
    seats: Vec<u8>,
    labels: BTreeMap<String, usize>,
    id: Option<u64>,
    text: String,
}

impl Watcher {
    fn new(labels: &[String]) -> Self {
        let labels = labels.iter().enumerate().map(|(n, label)| (label.clone(), n)).collect();
        Self { labels, ..Self::default() }
    }

    /// Takes bytes in and gives the names of the events that they completed.
    fn hear(&mut self, bytes: &[u8]) -> Vec<String> {
        self.text.push_str(std::str::from_utf8(bytes).expect("whole characters"));
        let mut events = Vec::new();
        while let Some(end) = self.text.find("\n\n") {
            let frame: String = self.text.drain(..end + 2).collect();
            assert!(frame.len() <= 4_096, "a frame of {} bytes", frame.len());
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
            if let Some(id) = field("id: ") {
                let id = id.parse().expect("a version");
                assert!(Some(id) >= self.id, "from {:?} back to {id}", self.id);
                self.id = Some(id);
            }
            if let Some(event) = field("event: ") {
                let data = serde_json::from_str(field("data: ").expect("data")).expect("JSON");
                self.apply(event, &data);
                events.push(event.to_owned());
            }
        }
        events
    }

    fn apply(&mut self, event: &str, data: &Value) {
        if event == "snapshot" {
            let states = data["states"].as_str().expect("text").as_bytes();
            let packed = data_encoding::BASE64.decode(states).expect("base64");
            let first = data["first"].as_u64().expect("a number") as usize;
            self.seats.resize(data["seats"].as_u64().expect("a number") as usize, 0);
            for (n, seat) in self.seats[first..].iter_mut().enumerate().take(packed.len() * 4) {
                *seat = packed[n / 4] >> (n % 4 * 2) & 0b11;
            }
            return;
        }
        for (status, name) in (0..).zip(["available", "held", "sold", "blocked"]) {
            for label in data[name].as_array().into_iter().flatten() {
                let place = self.labels[label.as_str().expect("a label")];
                self.seats[place] = status;
            }
        }
    }
}

async fn states(shop: &Shop, show_id: &str) -> (u64, Vec<u8>, Vec<String>) {
    let path = format!("/api/v1/shows/{show_id}/seats");
    let reply: Reply = shop.ask(Method::GET, &path).send().await;
    let map: SeatMap = reply.read(200);
    let states = map.seats.iter().map(|seat| seat.status as u8).collect();
    (map.version, states, map.seats.into_iter().map(|seat| seat.seat_id).collect())
}

/// Reads a stream until it has told everything up to a version.
async fn follow(
    stream: &mut reqwest::Response,
    watcher: &mut Watcher,
    version: u64,
) -> Vec<String> {
    let mut events = Vec::new();
    while watcher.id.is_none_or(|id| id < version) {
        let piece = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
        let piece =
            piece.expect("something is told").expect("it goes on").expect("it does not end");
        events.extend(watcher.hear(&piece));
    }
    events
}

#[actix_web::test]
async fn a_stream_tells_all_that_happens_and_resumes_without_a_gap() {
    let shop = Shop::open();
    let plan_id = shop.add_plan(&plan("Hall", 20, 100)).await;
    let mut body = show("long", Some(&plan_id), &json!([]));
    body["maxPerUser"] = 2_000.into();
    let show_id = shop.open_show(&body).await;
    let path = format!("/api/v1/shows/{show_id}/seats/stream");
    let (_, _, labels) = states(&shop, &show_id).await;

    let mut stream = shop.ask(Method::GET, &path).stream().await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut watcher = Watcher::new(&labels);
    let events = follow(&mut stream, &mut watcher, 1).await;
    assert!(events.iter().all(|event| event == "snapshot"), "{events:?}");
    for round in 0..20_usize {
        let user_id = format!("user-{}", round / 4);
        let seats: Vec<_> = labels[round * 20..(round + 1) * 20].iter().map(|l| &l[..]).collect();
        hold(&shop, &show_id, &user_id, &seats).await;
    }
    let (version, now, _) = states(&shop, &show_id).await;
    let events = follow(&mut stream, &mut watcher, version).await;
    assert!(events.iter().all(|event| event == "changes"), "{events:?}");
    assert_eq!(watcher.seats, now);

    // Gone for a while, and back from where it was.
    drop(stream);
    let last = hold(&shop, &show_id, "user-9", &["T-1", "T-100"]).await;
    let id = watcher.id.expect("seen").to_string();
    let mut stream = shop.ask(Method::GET, &path).header("last-event-id", &id).stream().await;
    let events = follow(&mut stream, &mut watcher, last).await;
    assert!(events.iter().all(|event| event == "changes"), "{events:?}");
    assert_eq!(watcher.seats, states(&shop, &show_id).await.1);

    // What was never an id of ours gets a snapshot.
    for id in ["0", "rubbish", "99999999"] {
        let mut stream = shop.ask(Method::GET, &path).header("last-event-id", id).stream().await;
        let mut watcher = Watcher::new(&labels);
        let events = follow(&mut stream, &mut watcher, last).await;
        assert_eq!(events[0], "snapshot", "{id}");
        assert_eq!(watcher.seats, states(&shop, &show_id).await.1);
    }
}

#[actix_web::test]
async fn streams_are_bounded_in_number() {
    let shop = Shop::open_with(&["--streams-max", "2"]);
    let show_id = shop.seated("hamlet").await;
    let path = format!("/api/v1/shows/{show_id}/seats/stream");
    let open =
        [shop.ask(Method::GET, &path).stream().await, shop.ask(Method::GET, &path).stream().await];
    assert!(open.iter().all(|stream| stream.status() == 200));
    let refused = shop.ask(Method::GET, &path).send().await;
    refused.refused(503, "BUSY");
    assert_eq!(refused.header("retry-after"), "10");
    // Everything else goes on.
    hold(&shop, &show_id, "ada", &["A-1"]).await;
}

#[actix_web::test]
async fn a_stream_is_not_packed_and_a_head_of_one_ends() {
    let shop = Shop::open_with(&["--streams-max", "1"]);
    let show_id = shop.seated("hamlet").await;
    let path = format!("/api/v1/shows/{show_id}/seats/stream");
    for _ in 0..3 {
        let head = shop.ask(Method::HEAD, &path).send().await;
        assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
        // On the same connection, which must be free again, and so must be the stream's place.
        assert_eq!(shop.get("/api/v1/keys").await["keys"][0]["kty"], "OKP");
    }
    let ask = shop.ask(Method::GET, &path).header("accept-encoding", "gzip, br");
    let mut stream = ask.stream().await;
    assert_eq!(stream.headers()["content-encoding"], "identity");
    let first = tokio::time::timeout(Duration::from_secs(5), stream.chunk()).await;
    let first = first.expect("at once").expect("read").expect("bytes");
    assert!(first.starts_with(b"retry: "), "{first:?}");
}
