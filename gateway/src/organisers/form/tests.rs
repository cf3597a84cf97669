//! Tables of what is wrong with a show, and where.

use super::*;
use std::time::Duration;
use usher_engine::plan::{PlanId, SeatPlanBuilder, SeatSpec};
use usher_engine::show::Pool;

const SALE: SaleConfig = SaleConfig {
    hold_seconds_default: 600,
    hold_seconds_max: 3_600,
    seats_per_hold_max: 20,
    pay: Duration::from_secs(900),
    pay_extension: Duration::from_secs(600),
};

/// One seat in each of two price categories.
fn plan() -> Arc<SeatPlan> {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "Hall");
    builder.section("Stalls", "st").expect("a section");
    builder.row("A").expect("a row");
    for (x, label) in ["Red", "B/w"].into_iter().enumerate() {
        let category = builder.category(label).expect("a category");
        let spec = SeatSpec { label, number: "", category, x: x as f64, y: 0.0 };
        builder.seat(spec).expect("a seat");
    }
    Arc::new(builder.build().expect("a plan"))
}

fn request() -> ShowRequest {
    let time = |text: &str| text.parse().expect("a time");
    ShowRequest {
        show_id: None,
        title: "Hamlet".into(),
        description: Some("A prince\nthinks".into()),
        venue: "Hall".into(),
        city: "Tainan".into(),
        category: None,
        performers: vec!["Ensemble".into()],
        starts_at: time("2030-05-01T19:30:00Z"),
        sale_starts_at: time("2030-01-01T00:00:00Z"),
        sale_ends_at: time("2030-05-01T19:00:00Z"),
        currency: "TWD".into(),
        plan_id: None,
        prices: [("Red".into(), 3_000), ("B/w".into(), 1_000)].into(),
        stock: vec![stock("Floor", 1_200)],
        max_per_user: 4,
        hold_seconds: None,
        identity: None,
        hoarding: None,
    }
}

fn stock(name: &str, quantity: u32) -> StockRequest {
    StockRequest { name: name.into(), quantity, price_cents: 500, segments: None }
}

#[track_caller]
fn check_fault(told: Result<impl std::fmt::Debug, ApiError>, pointer: &str) {
    let error = format!("{:?}", told.expect_err(pointer));
    assert!(error.contains(&format!("pointer: Some({pointer:?})")), "{pointer}: {error}");
}

#[track_caller]
fn check(change: impl FnOnce(&mut ShowRequest), pointer: Option<&str>) {
    let mut asked = request();
    change(&mut asked);
    let told = new_show(&asked, "hamlet".into(), Some(plan()), &SALE);
    match pointer {
        None => drop(told.expect("a show")),
        Some(pointer) => check_fault(told, pointer),
    }
}

#[test]
fn a_show_is_what_its_organiser_wrote() {
    let show = new_show(&request(), "hamlet".into(), Some(plan()), &SALE).expect("a show");
    assert_eq!(show.details.public_id, "hamlet");
    assert_eq!(show.terms.prices, [Cents(3_000), Cents(1_000)], "in the plan's order");
    assert_eq!(show.terms.hold_ms, 600_000, "the server's default");
    assert_eq!(show.pools[0].segments, 2, "500 tickets each at least");
    assert_eq!(default_segments(1), 1);
    assert_eq!(default_segments(STOCK_MAX), 8);
}

#[test]
fn each_fault_of_a_show_has_its_pointer() {
    check(|_| {}, None);
    check(|show| show.title = String::new(), Some("/title"));
    check(|show| show.title = "a\nb".into(), Some("/title"));
    check(|show| show.description = Some("\u{7}".into()), Some("/description"));
    check(|show| show.venue = "x".repeat(201), Some("/venue"));
    check(|show| show.city = " ".into(), Some("/city"));
    check(|show| show.category = Some("x".repeat(65)), Some("/category"));
    check(|show| show.performers = vec!["x".into(); 51], Some("/performers"));
    check(|show| show.performers.push(String::new()), Some("/performers/1"));
    check(|show| show.currency = "twd".into(), Some("/currency"));
    check(|show| show.starts_at = jiff::Timestamp::MIN, Some("/startsAt"));
    check(|show| show.sale_ends_at = show.sale_starts_at, Some("/saleEndsAt"));
    check(|show| show.max_per_user = 0, Some("/maxPerUser"));
    check(|show| show.hold_seconds = Some(0), Some("/holdSeconds"));
    check(|show| show.hold_seconds = Some(3_601), Some("/holdSeconds"));
    check(
        |show| {
            show.prices.remove("B/w");
        },
        Some("/prices/B~1w"),
    );
    check(
        |show| {
            show.prices.insert("Blue".into(), 1);
        },
        Some("/prices/Blue"),
    );
    check(
        |show| {
            show.prices.insert("Red".into(), u64::MAX);
        },
        Some("/prices/Red"),
    );
    check(|show| show.prices = [("Red".into(), 0), ("B/w".into(), 0)].into(), None);
    check(|show| show.stock.push(stock("Floor", 1)), Some("/stock/1/name"));
    check(|show| show.stock.push(stock("", 1)), Some("/stock/1/name"));
    // 64 of these have 256 bytes, and a ticket counts them in one byte.
    check(|show| show.stock.push(stock(&"🎫".repeat(63), 1)), None);
    check(|show| show.stock.push(stock(&"🎫".repeat(64), 1)), Some("/stock/1/name"));
    check(|show| show.stock[0].quantity = 0, Some("/stock/0/quantity"));
    check(|show| show.stock[0].quantity = STOCK_MAX + 1, Some("/stock/0/quantity"));
    check(|show| show.stock[0].price_cents = u64::MAX, Some("/stock/0/priceCents"));
    check(|show| show.stock[0].segments = Some(0), Some("/stock/0/segments"));
    check(|show| show.stock[0].segments = Some(65), Some("/stock/0/segments"));
    check(
        |show| show.stock = (0..33).map(|number| stock(&number.to_string(), 1)).collect(),
        Some("/stock"),
    );
    let empty = ShowRequest { stock: Vec::new(), prices: BTreeMap::new(), ..request() };
    check_fault(new_show(&empty, "hamlet".into(), None, &SALE), "");
    check_fault(new_show(&request(), "hamlet".into(), None, &SALE), "/prices/B~1w");
    check_fault(show_id(Some("a b")), "/showId");
    check_fault(show_id(Some("..")), "/showId");
    assert_eq!(show_id(Some("hamlet")).expect("good"), "hamlet");
    assert!(ids::is_show_id(&show_id(None).expect("made")));
}

fn face() -> Face {
    let NewShow { details, terms, pools, .. } =
        new_show(&request(), "hamlet".into(), Some(plan()), &SALE).expect("a show");
    let pool = |new: NewPool| Pool {
        name: new.name,
        price: new.price,
        // 100 of them were withdrawn since.
        quantity: new.quantity + 100,
        on_sale: 0,
        segments: new.segments,
    };
    Face { details, terms, pools: pools.into_iter().map(pool).collect(), terms_version: 1 }
}

fn changed(asked: &ShowPatch) -> Result<Change, ApiError> {
    change(asked, &face(), Some(&plan()), &[1_200], &SALE)
}

fn pool_patch(quantity: Option<u32>, price_cents: Option<u64>) -> ShowPatch {
    let patch = StockPatch { name: "Floor".into(), quantity, price_cents };
    ShowPatch { stock: Some(vec![patch]), ..ShowPatch::default() }
}

#[test]
fn what_is_not_named_stays() {
    assert_eq!(changed(&ShowPatch::default()).expect("nothing"), Change::default());
    let asked = ShowPatch { title: Some("Hamlet".into()), ..ShowPatch::default() };
    assert_eq!(changed(&asked).expect("the same"), Change::default());
    let asked = ShowPatch {
        city: Some("Taipei".into()),
        prices: Some([("B/w".into(), 7)].into()),
        ..ShowPatch::default()
    };
    let show = changed(&asked).expect("a change").show;
    let details = show.details.expect("changed");
    assert_eq!((details.title.as_str(), details.city.as_str()), ("Hamlet", "Taipei"));
    assert_eq!(show.prices.expect("changed"), [Cents(3_000), Cents(7)]);
}

#[test]
fn a_pool_grows_at_its_house_and_shrinks_at_its_segments() {
    let grown = changed(&pool_patch(Some(1_500), Some(9))).expect("more");
    let pool = PoolChange { pool: 0, add: 300, price: Some(Cents(9)) };
    assert_eq!((grown.show.pools, grown.withdrawals), (vec![pool], vec![]));
    let shrunk = changed(&pool_patch(Some(1_000), None)).expect("fewer");
    let withdrawal = Withdrawal { pool: 0, quantity: 200, place: 0 };
    assert_eq!((shrunk.show.pools, shrunk.withdrawals), (vec![], vec![withdrawal]));
    assert_eq!(changed(&pool_patch(Some(1_200), None)).expect("the same"), Change::default());
}

#[test]
fn each_fault_of_a_change_has_its_pointer() {
    let patch = |change: fn(&mut ShowPatch)| {
        let mut asked = pool_patch(Some(1), None);
        change(&mut asked);
        asked
    };
    let cases = [
        (patch(|p| p.title = Some(String::new())), "/title"),
        (patch(|p| p.sale_ends_at = Some(jiff::Timestamp::UNIX_EPOCH)), "/saleEndsAt"),
        (patch(|p| p.sale_starts_at = Some(jiff::Timestamp::MAX)), "/saleStartsAt"),
        (patch(|p| p.max_per_user = Some(0)), "/maxPerUser"),
        (patch(|p| p.hold_seconds = Some(u32::MAX)), "/holdSeconds"),
        (patch(|p| p.prices = Some([("Blue".into(), 1)].into())), "/prices/Blue"),
        (pool_patch(Some(0), None), "/stock/0/quantity"),
        // All that it ever had counts, so this would be 100 too many.
        (pool_patch(Some(STOCK_MAX), None), "/stock/0/quantity"),
        (pool_patch(None, Some(u64::MAX)), "/stock/0/priceCents"),
        (patch(|p| p.stock.as_mut().expect("one")[0].name = "Roof".into()), "/stock/0/name"),
        (
            patch(|p| {
                let stock = p.stock.as_mut().expect("one");
                stock.push(stock[0].clone());
            }),
            "/stock/1/name",
        ),
    ];
    for (asked, pointer) in cases {
        check_fault(changed(&asked), pointer);
    }
}
