//! A shard panics behind the handlers: buyers are told to come again, operators what happened.
//!
//! Nothing that comes over HTTP is known to make a shard panic, so the server is opened in this
//! process, where its router can be given a command that no buyer can send.

use actix_web::web::Data;
use actix_web::{ResponseError as _, test};
use serde_json::Value;
use usher_engine::command::{HoldRequest, Wish};
use usher_engine::limits::EXPIRY_SLICE_MAX;
use usher_engine::show::{NewPool, NewShow, SaleMove, ShowDetails, Stage, Terms};
use usher_engine::{BuyerId, Cents, Command, Currency, HoldNo, MachineId, ShowKey, Timestamp};
use usher_gateway::config::Config;
use usher_gateway::config::raw::RawConfig;
use usher_gateway::http::problem::ApiError;
use usher_gateway::server::{Opened, mount, open};

const SHOW: ShowKey = ShowKey(11);
const HOUSE: MachineId = MachineId::house(SHOW);

/// Panics while it is decided: no timing wheel makes an expiry as large as this.
fn panics() -> Command {
    Command::Expire { holds: vec![HoldNo(1); EXPIRY_SLICE_MAX + 1] }
}

fn new_show() -> NewShow {
    let details = ShowDetails {
        public_id: "macbeth".into(),
        title: "Macbeth".into(),
        description: String::new(),
        venue: "The hall".into(),
        city: "Hsinchu".into(),
        category: String::new(),
        performers: Vec::new(),
        starts_at: Timestamp(4_000_000_000_000),
        document_verifier: String::new(),
    };
    let terms = Terms {
        stage: Stage::Draft,
        paused_by_organiser: false,
        paused_by_operator: false,
        pass_required: false,
        hoarding: None,
        sale_starts_at: Timestamp(0),
        sale_ends_at: Timestamp(4_000_000_000_000),
        currency: Currency::new("TWD").expect("a code"),
        units_per_buyer_max: 4,
        units_per_document_max: 0,
        hold_ms: 600_000,
        prices: Vec::new(),
    };
    let pool = NewPool { name: "Floor".into(), quantity: 10, price: Cents(50), segments: 1 };
    NewShow { details, terms, plan: None, pools: vec![pool] }
}

#[actix_web::test]
async fn a_panic_is_told_to_who_asked_and_to_operators() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut config = Config::check(&RawConfig::defaults()).expect("defaults");
    config.data_dir = dir.path().into();
    let Opened { app, runtime } = open(config).await.expect("opened");
    let app = Data::new(app);
    let create = Command::CreateShow(Box::new(new_show()));
    app.router.organise(SHOW, create).await.expect("created");
    app.router.organise(SHOW, Command::MoveSale(SaleMove::Open)).await.expect("open");

    for (status, code, retry) in [
        (503, "REBUILDING", Some("1")),
        (500, "COMMAND_QUARANTINED", None),
        (500, "COMMAND_QUARANTINED", None),
    ] {
        let error = app.router.execute(HOUSE, panics()).await.expect_err("a panic");
        let response = ApiError::from(error).error_response();
        let after =
            response.headers().get("retry-after").map(|value| value.to_str().expect("text"));
        assert_eq!((response.status().as_u16(), after), (status, retry));
        let body = actix_web::body::to_bytes(response.into_body()).await.expect("a body");
        let problem: Value = serde_json::from_slice(&body).expect("a problem");
        assert_eq!(problem["code"], code);
        // The shard is back before it takes what comes next.
        let wish = Wish::Stock { quantity: 1 };
        let buyer = BuyerId(u128::from(status));
        let hold = HoldRequest {
            buyer,
            wish,
            hold_ms: None,
            key: None,
            pass: None,
            account_made_at: None,
        };
        let segment = MachineId::segment(SHOW, 0, 0);
        app.router.execute(segment, Command::Hold(hold)).await.expect("others are served");
    }

    let operators = test::init_service(mount::operators(&app)).await;
    let key = std::fs::read_to_string(dir.path().join("keys/operator_key")).expect("made");
    let request = test::TestRequest::get()
        .uri("/ops/v1/shards")
        .insert_header(("authorization", format!("Bearer {}", key.trim())));
    let answer: Value = test::call_and_read_body_json(&operators, request.to_request()).await;
    let shards = answer["shards"].as_array().expect("shards");
    let fallen = shards.iter().find(|shard| shard["panics"] == 2).expect("the one that panicked");
    let quarantined = &fallen["quarantined"][0];
    assert_eq!(
        (&quarantined["showId"], &quarantined["inventory"]),
        (&"macbeth".into(), &"seats".into())
    );
    assert_eq!((&quarantined["command"], &quarantined["panics"]), (&"Expire".into(), &2.into()));
    assert!(fallen["lastRebuildSeconds"].as_f64() > Some(0.0), "{fallen}");
    let request = test::TestRequest::get().uri("/metrics").to_request();
    let metrics = test::call_and_read_body(&operators, request).await;
    let metrics = String::from_utf8(metrics.to_vec()).expect("text");
    let shard = &fallen["shard"];
    for line in ["panics_total", "quarantined_commands"] {
        let figure = if line == "panics_total" { 2 } else { 1 };
        let line = format!("usher_shard_{line}{{shard=\"{shard}\"}} {figure}");
        assert!(metrics.contains(&line), "no `{line}`");
    }
    tokio::task::spawn_blocking(move || runtime.stop()).await.expect("stopped");
}
