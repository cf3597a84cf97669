//! What every handler of this process shares. All of it can be made again from the data directory
//! and the configuration, so any gateway answers any request.

use std::ops::Deref;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use usher_persistence::seal::Keyring;
use usher_shards::{Compactor, OnFatal, Router};

use crate::attendees::Attendees;
use crate::buyers::Feeds;
use crate::challenge::Challenges;
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::identity::Identity;
use crate::ids::IdCodec;
use crate::limits::Limits;
use crate::logbook::Logbook;
use crate::payments::PaymentProvider;
use crate::plans::Plans;
use crate::risk::{Devices, Risk};
use crate::room::Rooms;
use crate::sandbox::Sandbox;
use crate::server::lifecycle::Lifecycle;
use crate::tickets::TicketKeys;

/// A way to what all share. Each thread that answers requests has one of its own, which its
/// handlers share by reference (`web::Data<App>`): a counter of who has it that all threads had in
/// common would go from processor to processor with each request.
#[derive(Clone)]
pub struct App(Arc<Shared>);

impl App {
    /// The first way to it.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What all share.
pub struct Shared {
    /// As checked at start.
    pub config: Config,
    /// Keys of organisers, operators and the payment provider.
    pub secrets: Secrets,
    /// Reaches the owners of all inventories, the published views, and the replica.
    pub router: Router,
    /// Compacts the journal and makes backups on demand.
    pub compactor: Compactor,
    /// Turns routes into public ids and back.
    pub ids: IdCodec,
    /// Uploaded seating plans.
    pub plans: Arc<Plans>,
    /// Seals and opens contacts.
    pub keyring: Arc<Keyring>,
    /// Checks and hashes the documents of people whom orders name.
    pub attendees: Attendees,
    /// Signs and verifies tickets.
    pub tickets: TicketKeys,
    /// Collects money and gives it back.
    pub provider: Arc<dyn PaymentProvider>,
    /// The sandbox provider, where it is switched on.
    pub sandbox: Option<Arc<Sandbox>>,
    /// Whether the process takes requests, drains, or stops.
    pub lifecycle: Arc<Lifecycle>,
    /// Places for event streams; a stream holds one permit for as long as it lives.
    pub streams: Arc<Semaphore>,
    /// What watchers of seats are told, written once per show.
    pub feeds: Arc<Feeds>,
    /// Bounds how much one caller may do, where anything is bounded.
    pub limits: Option<Limits>,
    /// What is asked of who joins or registers.
    pub challenges: Challenges,
    /// Knows browsers again.
    pub devices: Devices,
    /// How risky requests are.
    pub risk: Risk,
    /// Who people are, and what they may do.
    pub identity: Identity,
    /// Signs places and passes of waiting rooms, and measures how they let people in.
    pub rooms: Rooms,
    /// Who did what.
    pub logbook: Logbook,
    /// Renders what was counted.
    pub metrics: PrometheusHandle,
    /// Ends the process, so that its next start recovers from the disk.
    pub on_fatal: OnFatal,
}
