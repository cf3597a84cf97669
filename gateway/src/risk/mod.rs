//! How likely it is that a request does not come from somebody who wants a ticket.
//!
//! ```text
//!   device    which browser, by a signed cookie
//!   memory    what was counted of addresses, devices and users, in bounded memory
//!   signals   what is known of one request
//!   rules     points for signals, as an organiser wrote them ─┐
//!   (others)  any other Model                                 ├─► points ─► pass, challenge, refuse
//!   routes    reading and changing the rules, and asking what somebody would get
//! ```
//!
//! Rules are read by people: each decision lists the signals that led to it, and what was asked for
//! or refused is in the logbook. A model that was learned adds its own reasons beside the rules.
//! Everything here is a guess; what must hold (limits, passes, one document one ticket) is decided
//! by the owners of the state and does not depend on it.

mod device;
mod memory;
mod networks;
mod notes;
mod routes;
mod rules;
mod signals;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use usher_engine::BuyerId;
use usher_wire::RiskRules;

use crate::challenge::Level;
use crate::config::secrets::{read_private, write_private};
use crate::http::problem::ApiError;

pub use device::{COOKIE_NAME, DeviceId, Devices};
use memory::Memory;
use notes::Throttle;
pub(crate) use notes::note;
pub(crate) use routes::{__path_change, __path_explain, __path_show, change, explain, show};
use rules::Listed;
pub use rules::{Rules, default_rules};
pub use signals::Signals;

/// The rules in the data directory, once somebody has changed them.
const FILE: &str = "risk.json";

/// Something that weighs what is known of a request.
pub trait Model: Send + Sync {
    /// The reasons to find it risky; their points add up.
    fn weigh(&self, signals: &Signals) -> Vec<Reason>;
}

/// One reason to find a request risky.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The signal, or what a model calls it.
    pub what: &'static str,
    /// What was measured.
    pub value: u32,
    /// What it counts.
    pub points: u32,
}

/// What is to be done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Pass,
    /// A challenge at least this hard.
    Challenge(Level),
    /// Send it away.
    Refuse,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Visitor {
    /// From where.
    pub address: IpAddr,
    /// The same, IPv6 cut to its prefix: what is counted.
    pub counted: IpAddr,
    /// With which browser.
    pub device: Option<DeviceId>,
    /// For whom.
    pub user: Option<BuyerId>,
    /// How long the account has been there, where that is known.
    pub account_age: Option<Duration>,
}

/// A decision, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// What is to be done.
    pub verdict: Verdict,
    /// The sum.
    pub points: u32,
    /// What it is made of.
    pub reasons: Vec<Reason>,
}

/// What one gateway knows of risks.
pub struct Risk {
    rules: RwLock<Arc<Rules>>,
    /// Models beside the rules.
    models: Vec<Box<dyn Model>>,
    addresses: Memory,
    devices: Memory,
    users: Memory,
    notes: Throttle,
    started: Instant,
    path: PathBuf,
    /// Held while rules are written, so that file and memory agree.
    writing: Mutex<()>,
}

impl Risk {
    /// Reads the rules, where somebody has changed them. At least `clients_max` addresses, devices
    /// and users each are remembered.
    ///
    /// # Errors
    /// Where the file cannot be read, or has no rules.
    pub fn open(data_dir: &Path, clients_max: usize) -> anyhow::Result<Self> {
        let path = data_dir.join(FILE);
        let written = match read_private(&path)? {
            None => default_rules(),
            Some(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} has no rules", path.display()))?,
        };
        let rules = Rules::check(written).with_context(|| format!("{}", path.display()))?;
        Ok(Self {
            rules: RwLock::new(Arc::new(rules)),
            models: Vec::new(),
            addresses: Memory::new(clients_max),
            devices: Memory::new(clients_max),
            users: Memory::new(clients_max),
            notes: Throttle::default(),
            started: Instant::now(),
            path,
            writing: Mutex::default(),
        })
    }

    /// As this, with a model beside the rules.
    #[must_use]
    pub fn with_model(mut self, model: Box<dyn Model>) -> Self {
        self.models.push(model);
        self
    }

    /// The rules as they are.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts others in their place, on the disk first. Blocks.
    ///
    /// # Errors
    /// [`crate::http::problem::Code::InvalidField`], and faults of the disk.
    pub fn change(&self, written: RiskRules) -> Result<(), ApiError> {
        let rules = Arc::new(Rules::check(written)?);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let json = serde_json::to_vec_pretty(rules.written()).expect("plain data");
        write_private(&self.path, &json)
            .map_err(|error| ApiError::internal(format!("{error:#}")))?;
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }

    /// Counts a visit, and says what is to be done with it and why.
    #[must_use]
    pub fn assess(&self, visitor: &Visitor) -> Assessment {
        let rules = self.rules();
        self.decide(&rules, visitor, || self.measure(&rules, visitor))
    }

    /// What [`Risk::assess`] would say, without counting anything.
    #[must_use]
    pub fn look(&self, visitor: &Visitor) -> Assessment {
        let rules = self.rules();
        self.decide(&rules, visitor, || self.known(&rules, visitor))
    }

    fn decide(
        &self,
        rules: &Rules,
        visitor: &Visitor,
        signals: impl FnOnce() -> Signals,
    ) -> Assessment {
        match rules.listed(visitor.address, visitor.user) {
            Some(Listed::Allowed) => {
                return Assessment { verdict: Verdict::Pass, points: 0, reasons: Vec::new() };
            }
            Some(Listed::Blocked(what)) => {
                let reasons = vec![Reason { what, value: 1, points: 0 }];
                return Assessment { verdict: Verdict::Refuse, points: 0, reasons };
            }
            None => {}
        }
        let signals = signals();
        let mut reasons = rules.weigh(&signals);
        self.models.iter().for_each(|model| reasons.extend(model.weigh(&signals)));
        let points = reasons.iter().fold(0, |sum: u32, reason| sum.saturating_add(reason.points));
        Assessment { verdict: rules.verdict(points), points, reasons }
    }

    /// A challenge, a login or a signature of this visitor was wrong.
    pub fn failed(&self, visitor: &Visitor) {
        let (now, window) = (self.now(), self.rules().window_seconds());
        self.addresses.count(&visitor.counted, now, window, |counts| {
            counts.failures = counts.failures.saturating_add(1);
        });
        if let Some(user) = visitor.user {
            self.users.count(&user, now, window, |counts| {
                counts.failures = counts.failures.saturating_add(1);
            });
        }
    }

    /// An address was given a new device.
    pub fn gave_device(&self, counted: IpAddr) {
        let (now, window) = (self.now(), self.rules().window_seconds());
        self.addresses.count(&counted, now, window, |counts| {
            counts.devices = counts.devices.saturating_add(1);
        });
    }

    /// A user holds something.
    pub fn held(&self, user: BuyerId) {
        let (now, window) = (self.now(), self.rules().window_seconds());
        self.users.count(&user, now, window, |counts| {
            counts.holds = counts.holds.saturating_add(1);
        });
    }

    /// A hold of a user became an order.
    pub fn ordered(&self, user: BuyerId) {
        let (now, window) = (self.now(), self.rules().window_seconds());
        self.users.count(&user, now, window, |counts| {
            counts.orders = counts.orders.saturating_add(1);
        });
    }

    /// Seconds since the start.
    fn now(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}
