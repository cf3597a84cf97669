//! Writes the seeds of every corpus: `cargo run -p usher-fuzz-checks --example seeds`. Inputs that
//! the fuzzer found lie beside them and are kept.

use futures_util::FutureExt as _;
use std::fs;
use std::path::Path;
use usher_engine::id::TicketNonce;
use usher_engine::{HoldNo, MachineId, ShowKey};
use usher_gateway::ids::{HoldRoute, IdCodec, TicketRoute, plan_text};
use usher_gateway::tickets::{Admission, FileSigner, TicketBody};
use usher_persistence::Pending;
use usher_persistence::frame::Chain;
use usher_wire::SeatStatus::{Available, Blocked, Held, Sold};
use usher_wire::seatmap;

/// What records and images look like on disk, in hexadecimal, by their names.
const GOLDEN: &str = include_str!("../../../persistence/src/codec/tests/golden.txt");

/// Bodies of requests, and some that are almost such.
const BODIES: &[(&str, &str)] = &[
    ("hold_seats", r#"{"userId":"ada","seatIds":["A-1","A-2"],"holdSeconds":60}"#),
    (
        "hold_best",
        r#"{"userId":"ada","bestAvailable":{"quantity":2,"category":"Red","section":"st","adjacent":false}}"#,
    ),
    ("hold_stock", r#"{"userId":"ada","stock":{"name":"Floor","quantity":2}}"#),
    (
        "order",
        r#"{"holdId":"h_0","userId":"ada","contact":{"name":"Ada","phone":"1","email":"a@b"}}"#,
    ),
    (
        "order_named",
        r#"{"holdId":"h_0","contact":{"name":"Ada"},"attendees":[{"name":"\u738b","document":"A1-23"}]}"#,
    ),
    (
        "callback",
        r#"{"paymentId":"p_0","orderId":"o_0","status":"SUCCESS","amountCents":1,"signature":"00"}"#,
    ),
    (
        "checkin",
        r#"{"payload":"AQ","gate":"north","scannedAt":"2030-01-01T00:00:00Z","nonce":"1"}"#,
    ),
    (
        "show",
        r#"{"showId":"hamlet","title":"Hamlet","venue":"Teatro","city":"Taipei","performers":["x"],"startsAt":"2030-05-01T19:30:00Z","saleStartsAt":"2020-01-01T00:00:00Z","saleEndsAt":"2030-05-01T19:00:00+01:00","currency":"TWD","prices":{"Red":1},"stock":[{"name":"Floor","quantity":5,"priceCents":1,"segments":3}],"maxPerUser":6,"holdSeconds":300}"#,
    ),
    ("patch", r#"{"title":"Hamlet","stock":[{"name":"Floor","quantity":7}],"prices":{"Red":2}}"#),
    ("identity", r#"{"identity":{"required":true,"verifier":"tw-id","unitsPerDocument":2}}"#),
    ("put_on_sale", r#"{"section":"st","quantity":3,"at":"2030-01-01T00:00:00.5Z"}"#),
    ("counter", r#"{"seatIds":["A-1"],"contact":{"name":"\ud83c\udfab"}}"#),
    ("refund", r#"{"reason":"rain"}"#),
    ("numbers", r#"{"seconds":1e0}"#),
    ("cut", r#"{"userId":"ada","seatIds":["#),
];

const PLAN: &str = r##"{"name":"Hall","categories":[{"name":"Red","color":"#f00"},{"name":"Blue"}],
"zones":[{"name":"Stalls","zone_id":"st","position":{"x":1,"y":2},"rows":[{"row_number":"A",
"position":{"x":0,"y":0},"seats":[{"seat_guid":"A-1","seat_number":"1","position":{"x":0,"y":0},
"category":"Red"},{"seat_guid":"A-2","position":{"x":1.5,"y":-0.5},"category":"Blue"}]}]}]}"##;

const CONFIGS: &[(&str, &str)] = &[
    ("flat", "listen = '0.0.0.0:80'\nhold_seconds_max = 60\nhold_seconds_default = 30\n"),
    ("table", "cors_origins = ['https://a.example']\n[sandbox]\ndelay_ms = 7\nloss_share = 0.5\n"),
    ("environment", "\0USHER_SHARDS=4\nUSHER_PUBLIC_URL=https://tickets.example/\nHOME=/\n"),
    ("tls", "tls_cert = 'a'\ntls_key = 'b'\nlog_format = 'json'\nlog_level = 'debug'\n"),
    ("wrong", "shards = -1\nlistn = ''\n"),
];

fn main() {
    for line in GOLDEN.lines().filter(|line| !line.trim().is_empty()) {
        let (name, hex) = line.split_once(": ").expect("a name and its bytes");
        let bytes = unhex(hex.trim());
        let is_image = matches!(name, "house" | "segment");
        let corpus = if is_image { "image" } else { "record" };
        seed(corpus, &name.replace([' ', '\''], "_"), &bytes);
    }
    let mut frames = Vec::new();
    let pending = [&b"one"[..], b"", b"three"].map(|payload| (0_u16, payload));
    let pending: Vec<Pending<'_>> = (1..)
        .zip(pending)
        .map(|(partition_seq, (partition, payload))| Pending { partition, partition_seq, payload })
        .collect();
    Chain::genesis().frame_all(&pending, &mut frames).expect("without gaps");
    seed("frame", "three", &frames);
    seed("frame", "parts", b"\x07\0\0\0\0\0\0\0\x01\0\x03abc\x02\0\0\x01\0\x02de");
    seed(
        "snapshot",
        "flipped",
        b"\x21\x05\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x01\0\x03\0\0\0\0\0\0\0\x02ab",
    );
    seed(
        "snapshot",
        "cut",
        b"\x02\x30\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x01\0\x03\0\0\0\0\0\0\0\x02ab",
    );
    seed("snapshot", "longer", b"\x03\x22\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0");
    seed("snapshot", "rubbish", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0USHRSNAP");
    seed(
        "seat_map",
        "five",
        &seatmap::encode(7, [Available, Held, Sold, Blocked, Sold].into_iter()),
    );
    seed("seat_map", "none", &seatmap::encode(u64::MAX, [].into_iter()));
    for (name, body) in BODIES {
        seed("request_body", name, body.as_bytes());
        seed("fault", name, body.as_bytes());
    }
    seed("plan", "hall", PLAN.as_bytes());
    seed("plan", "no_seats", br#"{"name":"Hall","categories":[],"zones":[]}"#);
    for (name, config) in CONFIGS {
        seed("config", name, config.as_bytes());
    }
    tickets_and_ids();
}

fn tickets_and_ids() {
    let body = TicketBody {
        show_id: "hamlet".into(),
        ticket_code: "t_abc".into(),
        admission: Admission::Seat("A-1".into()),
        issued_at_ms: 1_767_225_600_000,
        nonce: *b"0123456789abcdef",
    };
    let signer = FileSigner::from_seed(&[7; 32]);
    let payload = body.seal(&signer).now_or_never().expect("at once").expect("it signs");
    seed("ticket", "signed", payload.as_bytes());
    seed("ticket", "parts", b"\0\x05\0\x06hamlet\x05t_abc\x03A-1\0\0\0\0\0\0\0\0nonce");
    let codec = IdCodec::new(*b"0123456789abcdef");
    let inventory = MachineId { show: ShowKey(0x0102_0304_0506_0708), slot: 3 };
    let order = HoldRoute { inventory, number: HoldNo(77) };
    let ticket = TicketRoute { order, index: 5, nonce: TicketNonce(*b"randomness") };
    seed("ids", "hold", codec.hold(order).as_bytes());
    seed("ids", "order", codec.order(order).as_bytes());
    seed("ids", "ticket", codec.ticket(&ticket).to_uppercase().replace("T_", "t_").as_bytes());
    seed("ids", "plan", plan_text(usher_engine::plan::PlanId([7; 16])).as_bytes());
    seed("ids", "show", b"Hamlet_2026-01.05");
}

fn seed(corpus: &str, name: &str, bytes: &[u8]) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(corpus);
    fs::create_dir_all(&dir).expect("a directory");
    fs::write(dir.join(name), bytes).expect("room for a few bytes");
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(pair).collect()
}
