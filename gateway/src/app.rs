//! What every handler of this process shares. All of it can be made again from the data directory
//! and the configuration, so any gateway answers any request.

use std::sync::Arc;

use usher_persistence::seal::Keyring;
use usher_shards::{Compactor, Router};

use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::ids::IdCodec;
use crate::payments::PaymentProvider;
use crate::plan_store::PlanStore;
use crate::sandbox::Sandbox;
use crate::tickets::TicketKeys;

/// Shared by reference (`web::Data<App>`).
pub struct App {
    /// As checked at start.
    pub config: Config,
    /// Keys of organisers, operators and the payment provider.
    pub secrets: Secrets,
    /// Reaches the owners of all inventories, the published views, and the replica.
    pub router: Router,
    /// Compacts the journal on demand.
    pub compactor: Compactor,
    /// Turns routes into public ids and back.
    pub ids: IdCodec,
    /// Uploaded seating plans.
    pub plans: Arc<PlanStore>,
    /// Seals and opens contacts.
    pub keyring: Arc<Keyring>,
    /// Signs and verifies tickets.
    pub tickets: TicketKeys,
    /// Collects money and gives it back.
    pub provider: Arc<dyn PaymentProvider>,
    /// The sandbox provider, where it is switched on.
    pub sandbox: Option<Arc<Sandbox>>,
}
