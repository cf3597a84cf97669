//! A small show on a fixed clock: sixteen seats, and ten standing tickets in two segments.

use std::sync::Arc;

use usher_engine::command::TicketNonces;
use usher_engine::id::TicketNonce;
use usher_engine::plan::{PlanId, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::show::{
    NewPool, NewShow, SaleMove, SegmentTerms, ShowDetails, Stage as Sale, Terms,
};
use usher_engine::{
    Cents, Command, Currency, Decision, Effect, MachineId, Outcome, ShowKey, Timestamp,
};

use super::inventory::Watched;

/// Sections end with a colon; a row is its name and a letter per seat: `p`remium or `s`tandard. A
/// space is an aisle.
const HALL: &str = "
    stalls:
        A ppp ppp
        B ssssss
    balcony:
        C ssss";

/// When the sale starts; scripts count seconds from here.
const SALE_STARTS_AT: Timestamp = Timestamp(1_000_000_000);

/// What a script may choose about its show.
pub(crate) struct Setting {
    pub(crate) open: bool,
    pub(crate) seats: bool,
    pub(crate) units_per_buyer_max: u32,
    pub(crate) units_per_document_max: u32,
    pub(crate) hold_seconds: u64,
    pub(crate) sale_ends_at: i64,
    pub(crate) stock: u32,
    pub(crate) segments: u16,
    pub(crate) compare_every: u64,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            open: true,
            seats: true,
            units_per_buyer_max: 6,
            units_per_document_max: 0,
            hold_seconds: 600,
            sale_ends_at: 1_000_000,
            stock: 10,
            segments: 2,
            compare_every: 1,
        }
    }
}

impl Setting {
    /// Words: `draft`, `standing` (no seats), `limit=N`, `hold=SECONDS`, `ends=SECONDS`,
    /// `stock=TICKETS/SEGMENTS`.
    pub(crate) fn parse(words: &str) -> Self {
        let mut setting = Self::default();
        for word in words.split_whitespace() {
            match word.split_once('=').unwrap_or((word, "")) {
                ("draft", _) => setting.open = false,
                ("standing", _) => setting.seats = false,
                ("limit", n) => setting.units_per_buyer_max = n.parse().expect(word),
                ("documents", n) => setting.units_per_document_max = n.parse().expect(word),
                ("hold", n) => setting.hold_seconds = n.parse().expect(word),
                ("ends", n) => setting.sale_ends_at = n.parse().expect(word),
                ("stock", n) => {
                    let (stock, segments) = n.split_once('/').expect(word);
                    setting.stock = stock.parse().expect(word);
                    setting.segments = segments.parse().expect(word);
                }
                _ => panic!("no such setting: {word}"),
            }
        }
        setting
    }
}

/// The inventories of one show, and the clock that they are handed.
pub(crate) struct Stage {
    pub(crate) house: Watched,
    pub(crate) segments: Vec<Watched>,
    pub(crate) plan: Arc<SeatPlan>,
    pub(crate) now: Timestamp,
    nonces_given: u64,
}

impl Stage {
    /// A show with its segments told, and open unless the setting says otherwise.
    pub(crate) fn new(setting: &Setting) -> Self {
        let show = ShowKey(7);
        let watched = |id| Watched::new(id, setting.compare_every);
        let segment = |segment| watched(MachineId::segment(show, 0, segment));
        let mut stage = Self {
            house: watched(MachineId::house(show)),
            segments: (0..setting.segments).map(segment).collect(),
            plan: hall(HALL),
            now: moment(-1_000),
            nonces_given: 0,
        };
        let create = Command::CreateShow(Box::new(stage.new_show(setting)));
        stage.must(&create);
        if setting.open {
            stage.must(&Command::MoveSale(SaleMove::Open));
        }
        stage.now = SALE_STARTS_AT;
        stage
    }

    pub(crate) fn new_show(&self, setting: &Setting) -> NewShow {
        NewShow {
            details: ShowDetails {
                public_id: "winter".into(),
                title: "A Winter's Tale".into(),
                description: String::new(),
                venue: "The Barn".into(),
                city: "Stratford".into(),
                category: "theatre".into(),
                performers: vec!["The Players".into()],
                starts_at: moment(2_000_000),
                document_verifier: String::new(),
            },
            terms: Terms {
                stage: Sale::Draft,
                paused_by_organiser: false,
                paused_by_operator: false,
                pass_required: false,
                hoarding: None,
                sale_starts_at: SALE_STARTS_AT,
                sale_ends_at: moment(setting.sale_ends_at),
                currency: Currency::new("EUR").expect("a currency"),
                units_per_buyer_max: setting.units_per_buyer_max,
                units_per_document_max: setting.units_per_document_max,
                hold_ms: setting.hold_seconds * 1_000,
                prices: if setting.seats { vec![Cents(50_00), Cents(30_00)] } else { vec![] },
            },
            plan: setting.seats.then(|| self.plan.clone()),
            pools: vec![NewPool {
                name: "standing".into(),
                quantity: setting.stock,
                price: Cents(20_00),
                segments: setting.segments,
            }],
        }
    }

    /// Runs a command on the house that must work.
    pub(crate) fn must(&mut self, command: &Command) -> Decision {
        let decision = self.run(None, command);
        assert!(matches!(decision.outcome, Outcome::Done { .. }), "{command:?}: {decision:?}");
        decision
    }

    /// Runs a command on the house, or on a segment. What the house says to its segments is
    /// carried over at once.
    pub(crate) fn run(&mut self, segment: Option<u16>, command: &Command) -> Decision {
        let now = self.now;
        let decision = self.at(segment).run(command, now);
        if decision.effects.contains(&Effect::TellSegments) {
            for terms in self.house.live.segment_terms() {
                self.tell(terms);
            }
        }
        decision
    }

    /// Tells a segment how things stand.
    pub(crate) fn tell(&mut self, terms: SegmentTerms) -> Decision {
        let segment = terms.segment;
        self.run(Some(segment), &Command::SetTerms(Box::new(terms)))
    }

    /// The house, or a segment.
    pub(crate) fn at(&mut self, segment: Option<u16>) -> &mut Watched {
        match segment {
            None => &mut self.house,
            Some(segment) => &mut self.segments[usize::from(segment)],
        }
    }

    /// Nonces that were never given before.
    pub(crate) fn nonces(&mut self) -> TicketNonces {
        self.nonces_given += 1;
        let mut nonces = [TicketNonce([0; 10]); 32];
        for (place, nonce) in (0..).zip(&mut nonces) {
            nonce.0[..8].copy_from_slice(&self.nonces_given.to_be_bytes());
            nonce.0[9] = place;
        }
        TicketNonces(Box::new(nonces))
    }
}

/// A moment, in seconds from the start of the sale.
pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp(SALE_STARTS_AT.0.checked_add_signed(seconds * 1_000).expect("a moment"))
}

/// Seconds from the start of the sale.
pub(crate) fn seconds(at: Timestamp) -> String {
    let ms = i128::from(at.0) - i128::from(SALE_STARTS_AT.0);
    if ms % 1_000 == 0 {
        format!("{}", ms / 1_000)
    } else {
        format!("{}.{:03}", ms / 1_000, ms % 1_000)
    }
}

/// The name of an idempotency key, or of a body: FNV-1a, since any hash will do.
pub(crate) fn key_hash(text: &str) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Builds a plan from text; see [`HALL`].
pub(crate) fn hall(text: &str) -> Arc<SeatPlan> {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "hall");
    let premium = builder.category("premium").expect("a category");
    let standard = builder.category("standard").expect("a category");
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(section) = line.strip_suffix(':') {
            builder.section(section, section).expect("a section");
            continue;
        }
        let (row, seats) = line.split_once(' ').expect("a row and its seats");
        builder.row(row).expect("a row");
        let places = (0_u16..).zip(seats.chars()).filter(|(_, letter)| *letter != ' ');
        for (number, (x, letter)) in (1..).zip(places) {
            builder
                .seat(SeatSpec {
                    label: &format!("{row}{number}"),
                    number: &format!("{number}"),
                    category: if letter == 'p' { premium } else { standard },
                    x: f64::from(x),
                    y: 0.0,
                })
                .expect("a seat");
        }
    }
    Arc::new(builder.build().expect("a plan"))
}
