//! What rules make of visitors.

use super::*;
use usher_wire::{RiskRule, RiskSignal};

const HOME: [u8; 4] = [198, 51, 100, 1];

fn open(dir: &Path) -> Risk {
    Risk::open(dir, 1_024).expect("rules")
}

fn from(address: [u8; 4], user: u128) -> Visitor {
    let (address, device) = (IpAddr::from(address), Some(DeviceId([1; 16])));
    let user = Some(BuyerId(user));
    Visitor { address, counted: address, device, user, account_age: None }
}

/// Rules of one signal, with 10 points from each of these values on; 20 ask and 40 refuse.
fn rules(signal: RiskSignal, values: &[u32]) -> RiskRules {
    let rule = |&at_least: &u32| RiskRule { signal, at_least, score: 10 };
    RiskRules {
        challenge_at: 20,
        refuse_at: 40,
        rules: values.iter().map(rule).collect(),
        ..default_rules()
    }
}

fn points(risk: &Risk, visitor: &Visitor) -> u32 {
    risk.assess(visitor).points
}

#[test]
fn each_signal_is_measured() {
    let dir = tempfile::tempdir().expect("a directory");
    let risk = open(dir.path());
    let with = |signal, value| risk.change(rules(signal, &[value])).expect("rules");
    let address = |last| [203, 0, 113, last];

    with(RiskSignal::AccountsOfDevice, 10);
    let device = |n| Visitor { device: Some(DeviceId([n; 16])), ..from(address(n), n.into()) };
    (0..100).for_each(|n| assert_eq!(points(&risk, &device(n)), 0, "each with its own"));
    let shared = |n: u8| Visitor { device: Some(DeviceId([200; 16])), ..device(n) };
    let scores: Vec<u32> = (0..30).map(|n| points(&risk, &shared(n))).collect();
    assert_eq!((scores[0], scores[29]), (0, 10), "{scores:?}");

    with(RiskSignal::AccountsOfAddress, 10);
    let scores: Vec<u32> = (0..30).map(|n| points(&risk, &from(HOME, n))).collect();
    assert_eq!((scores[0], scores[29]), (0, 10), "{scores:?}");
    assert_eq!(points(&risk, &from(address(250), 1)), 0);

    with(RiskSignal::DevicesOfAddress, 3);
    let at = IpAddr::from(address(1));
    (0..2).for_each(|_| risk.gave_device(at));
    assert_eq!(points(&risk, &from(address(1), 1)), 0);
    risk.gave_device(at);
    assert_eq!(points(&risk, &from(address(1), 1)), 10);

    with(RiskSignal::FailuresOfAddress, 2);
    let failing = from(address(2), 2);
    risk.failed(&failing);
    assert_eq!(points(&risk, &failing), 0);
    risk.failed(&failing);
    assert_eq!(points(&risk, &failing), 10);
    assert_eq!(points(&risk, &from(address(3), 2)), 0);
    with(RiskSignal::FailuresOfUser, 2);
    assert_eq!(points(&risk, &from(address(3), 2)), 10, "from anywhere");

    with(RiskSignal::DropsOfUser, 3);
    let dropping = from(address(4), 4);
    (0..5).for_each(|_| risk.held(BuyerId(4)));
    assert_eq!(points(&risk, &dropping), 10);
    (0..3).for_each(|_| risk.ordered(BuyerId(4)));
    assert_eq!(points(&risk, &dropping), 0);

    with(RiskSignal::NewAccount, 1);
    let aged = |days: u64| Visitor {
        account_age: Some(Duration::from_secs(days * 86_400)),
        ..from(address(5), 5)
    };
    assert_eq!((points(&risk, &aged(0)), points(&risk, &aged(1))), (10, 0));

    with(RiskSignal::NoDevice, 1);
    let bare = Visitor { device: None, ..from(address(6), 6) };
    assert_eq!((points(&risk, &bare), points(&risk, &from(address(6), 6))), (10, 0));

    let rented = RiskRules {
        data_centres: vec!["203.0.113.128/25".to_owned()],
        ..rules(RiskSignal::DataCentre, &[1])
    };
    risk.change(rented).expect("rules");
    assert_eq!(points(&risk, &from(address(128), 7)), 10);
    assert_eq!(points(&risk, &from(address(127), 7)), 0);
}

#[test]
fn points_add_up_to_a_verdict() {
    let dir = tempfile::tempdir().expect("a directory");
    let risk = open(dir.path());
    risk.change(rules(RiskSignal::FailuresOfAddress, &[1, 2, 3, 4])).expect("rules");
    let visitor = from(HOME, 1);
    let expected = [
        (0, Verdict::Pass),
        (10, Verdict::Pass),
        (20, Verdict::Challenge(Level(1))),
        (30, Verdict::Challenge(Level(2))),
        (40, Verdict::Refuse),
    ];
    for (points, verdict) in expected {
        let assessment = risk.assess(&visitor);
        assert_eq!((assessment.points, assessment.verdict), (points, verdict));
        assert_eq!(assessment.reasons.len() as u32 * 10, points);
        risk.failed(&visitor);
    }
}

#[test]
fn lists_come_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let risk = open(dir.path());
    risk.change(RiskRules {
        allow: vec!["198.51.100.1".to_owned()],
        block: vec!["198.51.100.0/24".to_owned()],
        block_users: vec!["mallory".to_owned()],
        ..rules(RiskSignal::FailuresOfAddress, &[1, 1, 1, 1])
    })
    .expect("rules");
    risk.failed(&from(HOME, 1));
    assert_eq!(risk.assess(&from(HOME, 1)).verdict, Verdict::Pass);
    let blocked = risk.assess(&from([198, 51, 100, 2], 1));
    assert_eq!((blocked.verdict, blocked.reasons[0].what), (Verdict::Refuse, "block"));
    let mallory = Visitor { user: Some(crate::ids::buyer_id("mallory")), ..from(HOME, 0) };
    let blocked = risk.assess(&mallory);
    assert_eq!((blocked.verdict, blocked.reasons[0].what), (Verdict::Refuse, "blockUsers"));
}

#[test]
fn a_model_adds_its_reasons_to_those_of_the_rules() {
    struct Hunch;
    impl Model for Hunch {
        fn weigh(&self, signals: &Signals) -> Vec<Reason> {
            let points = if signals.has_no_device { 70 } else { 1 };
            vec![Reason { what: "hunch", value: points, points }]
        }
    }
    let dir = tempfile::tempdir().expect("a directory");
    let risk = open(dir.path()).with_model(Box::new(Hunch));
    assert_eq!(risk.assess(&from(HOME, 1)).verdict, Verdict::Pass);
    let bare = risk.assess(&Visitor { device: None, ..from(HOME, 1) });
    assert_eq!((bare.points, bare.verdict), (80, Verdict::Challenge(Level(2))));
    let words: Vec<_> = bare.reasons.iter().map(|reason| reason.what).collect();
    assert_eq!(words, ["noDevice", "hunch"]);
}

#[test]
fn rules_outlive_a_restart_and_nonsense_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = rules(RiskSignal::NoDevice, &[1, 2]);
    open(dir.path()).change(written.clone()).expect("rules");
    assert_eq!(*open(dir.path()).rules().written(), written);

    let check = |change: fn(&mut RiskRules), pointer: &str| {
        let mut bad = written.clone();
        change(&mut bad);
        let told = format!("{:?}", open(dir.path()).change(bad).expect_err(pointer));
        assert!(told.contains(&format!("pointer: Some(\"{pointer}\")")), "{told}");
    };
    check(|r| r.refuse_at = r.challenge_at, "/refuseAt");
    check(|r| r.challenge_at = 0, "/refuseAt");
    check(|r| r.window_seconds = 59, "/windowSeconds");
    check(|r| r.rules[1].at_least = 0, "/rules/1");
    check(|r| r.rules[0].score = 1_001, "/rules/0");
    check(|r| r.rules = vec![r.rules[0]; 101], "/rules");
    check(|r| r.block = vec!["::/0".into(), "x".into()], "/block/1");
    check(|r| r.data_centres = vec!["300.0.0.1".into()], "/dataCentres/0");
    check(|r| r.allow = vec!["::1".into(); 10_001], "/allow");
    assert_eq!(*open(dir.path()).rules().written(), written, "what was there stays");
}

#[test]
fn the_default_rules_are_rules() {
    let rules = Rules::check(default_rules()).expect("rules");
    let most = |signal| -> u32 {
        rules.written().rules.iter().filter(|r| r.signal == signal).map(|r| r.score).sum()
    };
    for rule in &rules.written().rules {
        let points = most(rule.signal);
        assert_ne!(rules.verdict(points), Verdict::Refuse, "{:?} alone refuses", rule.signal);
    }
}

#[test]
fn a_flood_of_addresses_and_users_takes_no_more_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let risk = open(dir.path());
    for stranger in 0..1_000_000_u32 {
        let address = IpAddr::from(stranger.to_be_bytes());
        let mut device = [0; 16];
        device[..4].copy_from_slice(&stranger.to_be_bytes());
        let (device, user) = (Some(DeviceId(device)), Some(BuyerId(stranger.into())));
        let visitor = Visitor { address, counted: address, device, user, account_age: None };
        let _ = risk.assess(&visitor);
        risk.failed(&visitor);
        risk.held(BuyerId(stranger.into()));
        risk.gave_device(address);
    }
    for memory in [&risk.addresses, &risk.devices, &risk.users] {
        assert!(memory.len() <= 1_024, "{}", memory.len());
    }
}
