//! An inventory under observation: whatever is done to it, what must always hold is checked.

use usher_engine::inventory::Goods;
use usher_engine::inventory::image::Image;
use usher_engine::seats::SeatStatus;
use usher_engine::{Command, Decision, Effect, Event, Inventory, MachineId, Outcome, Timestamp};

/// A live inventory beside two that must stay equal to it.
pub(crate) struct Watched {
    pub(crate) live: Inventory,
    /// Hears events only, from the first on.
    replayed: Inventory,
    /// Rebuilt from an image, then carried on: its decisions must be the same.
    restored: Inventory,
    /// The seats as somebody knows them who hears of changes only.
    shown: Vec<SeatStatus>,
    /// How many records pass between two full comparisons, which take time.
    compare_every: u64,
}

impl Watched {
    pub(crate) fn new(id: MachineId, compare_every: u64) -> Self {
        let vacant = || Inventory::vacant(id);
        let (live, replayed, restored) = (vacant(), vacant(), vacant());
        Self { live, replayed, restored, shown: Vec::new(), compare_every }
    }

    /// Executes a command, applies its events everywhere, and checks what always holds.
    pub(crate) fn run(&mut self, command: &Command, now: Timestamp) -> Decision {
        let decision = self.live.execute(command, now);
        let twin = self.restored.execute(command, now);
        assert_eq!(
            format!("{decision:?}"),
            format!("{twin:?}"),
            "a restored inventory decides otherwise about {command:?}"
        );
        assert_promises(command, &decision);
        if decision.events.is_empty() {
            return decision;
        }
        let version = self.live.version();
        for inventory in [&mut self.live, &mut self.replayed, &mut self.restored] {
            inventory.apply(&decision.events, now);
            inventory.assert_conserved();
        }
        assert_eq!(self.live.version(), version + 1, "one record, one version");
        self.show();
        if self.live.version().is_multiple_of(self.compare_every) {
            self.compare();
        }
        decision
    }

    fn show(&mut self) {
        let Goods::Seats(map) = self.live.goods() else { return };
        self.shown.resize(map.plan().seat_count() as usize, SeatStatus::Blocked);
        let shown = &mut self.shown;
        self.live.drain_changes(|seat, status| shown[seat.index()] = status);
    }

    /// Goes on from an image, as after a restart.
    pub(crate) fn restart(&mut self) {
        self.compare();
        self.live = Inventory::from_image(self.live.image()).expect("an image of our own");
    }

    /// Counts afresh, and compares with the replayed inventory and one rebuilt from the image.
    pub(crate) fn compare(&mut self) {
        assert_clean(&self.live);
        let image = self.live.image();
        assert_equal(&image, &self.replayed.image(), "replay differs");
        assert_equal(&image, &self.restored.image(), "what was restored went another way");
        self.restored = Inventory::from_image(image.clone()).expect("an image of our own");
        assert_equal(&image, &self.restored.image(), "an image does not survive its restore");
        self.restored.assert_conserved();
        assert_eq!(self.live.audit(), self.live.tally(), "the running counters went astray");
        assert_eq!(self.live.audit(), self.restored.audit());
        assert_eq!(self.live.unfinished(), self.restored.unfinished());
        if let Goods::Seats(map) = self.live.goods() {
            assert!(map.statuses().eq(self.shown.iter().copied()), "a change was not shown");
        }
    }
}

/// The recount must find nothing wrong, and its sum must be the whole.
pub(crate) fn assert_clean(inventory: &Inventory) {
    let audit = inventory.audit();
    assert!(audit.double_sold.is_empty(), "sold twice: {audit:?}");
    assert!(audit.paid_without_ticket.is_empty(), "paid without ticket: {audit:?}");
    assert!(audit.faults.is_empty(), "{audit:?}");
    assert_eq!(audit.tickets_issued, audit.sold, "one ticket per unit sold: {audit:?}");
    let here = audit.available + audit.held + audit.sold + audit.blocked;
    let signed = |units: u64| i64::try_from(units).expect("a small number");
    let moved = signed(audit.received) - signed(audit.lent);
    assert_eq!(signed(here), audit.capacity + moved, "units appeared or vanished: {audit:?}");
}

fn assert_equal(left: &Image, right: &Image, what: &str) {
    assert!(left == right, "{what}:\n{left:#?}\n{right:#?}");
}

/// What each kind of decision promises to the runtime, whatever it is about.
fn assert_promises(command: &Command, decision: &Decision) {
    let Decision { events, outcome, effects } = decision;
    match outcome {
        Outcome::Refused(_) => {
            let only_expiry = events.iter().all(|event| matches!(event, Event::Expired { .. }));
            assert!(only_expiry && effects.is_empty(), "a refusal did something: {decision:?}");
        }
        Outcome::Parked { .. } => {
            assert!(events.is_empty() && effects.is_empty(), "parked, yet done: {decision:?}");
        }
        Outcome::Done { replayed: true, .. } => {
            assert!(events.is_empty(), "a repeat is recorded: {decision:?}");
            let harmless =
                |effect: &Effect| matches!(effect, Effect::ConfirmLoan { .. } | Effect::WakeAt(_));
            assert!(effects.iter().all(harmless), "a repeat did something: {decision:?}");
        }
        Outcome::Done { replayed: false, .. } => {
            assert!(!events.is_empty(), "done, but nothing happened: {decision:?}");
        }
    }
    if let Command::PaymentMessage(_) = command {
        let parked = matches!(outcome, Outcome::Parked { .. });
        assert!(parked || !events.is_empty(), "a payment was not recorded: {decision:?}");
    }
}
