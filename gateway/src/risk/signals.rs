//! What is known of one request, as numbers.

use usher_wire::RiskSignal;

use super::memory::Counts;
use super::{Risk, Rules, Visitor};

/// What is known of one request. Counts are of the window that the rules name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signals {
    /// About how many users this device asked for.
    pub accounts_of_device: u32,
    /// About how many users this address asked for.
    pub accounts_of_address: u32,
    /// Devices that this address was given.
    pub devices_of_address: u32,
    /// What failed from this address.
    pub failures_of_address: u32,
    /// What failed for this user.
    pub failures_of_user: u32,
    /// Holds of this user that became no order.
    pub drops_of_user: u32,
    /// The account is new.
    pub is_new_account: bool,
    /// There is no cookie of a device.
    pub has_no_device: bool,
    /// The address belongs to a data centre.
    pub is_data_centre: bool,
}

impl Signals {
    /// The value that rules compare.
    #[must_use]
    pub fn value(&self, signal: RiskSignal) -> u32 {
        match signal {
            RiskSignal::AccountsOfDevice => self.accounts_of_device,
            RiskSignal::AccountsOfAddress => self.accounts_of_address,
            RiskSignal::DevicesOfAddress => self.devices_of_address,
            RiskSignal::FailuresOfAddress => self.failures_of_address,
            RiskSignal::FailuresOfUser => self.failures_of_user,
            RiskSignal::DropsOfUser => self.drops_of_user,
            RiskSignal::NewAccount => u32::from(self.is_new_account),
            RiskSignal::NoDevice => u32::from(self.has_no_device),
            RiskSignal::DataCentre => u32::from(self.is_data_centre),
        }
    }
}

impl Risk {
    /// Counts the user for address and device, and says what is known then.
    pub(super) fn measure(&self, rules: &Rules, visitor: &Visitor) -> Signals {
        let (now, window) = (self.now(), rules.window_seconds());
        if let Some(user) = visitor.user {
            let add = |memory: &super::Memory, counts: &mut Counts| {
                counts.add_user(memory.bit_of(&user));
            };
            let addresses = &self.addresses;
            addresses.count(&visitor.counted, now, window, |counts| add(addresses, counts));
            if let Some(device) = visitor.device {
                let devices = &self.devices;
                devices.count(&device, now, window, |counts| add(devices, counts));
            }
        }
        self.known(rules, visitor)
    }

    /// What is known, without counting anything.
    pub(super) fn known(&self, rules: &Rules, visitor: &Visitor) -> Signals {
        let (now, window) = (self.now(), rules.window_seconds());
        let address = self.addresses.look(&visitor.counted, now, window);
        let device = visitor.device.map(|device| self.devices.look(&device, now, window));
        let user = visitor.user.map(|user| self.users.look(&user, now, window));
        let user = user.unwrap_or_default();
        let new_seconds = u64::from(rules.new_account_seconds());
        Signals {
            accounts_of_device: device.map_or(0, |counts| counts.users()),
            accounts_of_address: address.users(),
            devices_of_address: address.devices.into(),
            failures_of_address: address.failures.into(),
            failures_of_user: user.failures.into(),
            drops_of_user: user.holds.saturating_sub(user.orders).into(),
            is_new_account: visitor.account_age.is_some_and(|age| age.as_secs() < new_seconds),
            has_no_device: visitor.device.is_none(),
            is_data_centre: rules.is_data_centre(visitor.address),
        }
    }
}
