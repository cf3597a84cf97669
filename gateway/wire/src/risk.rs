//! The rules by which requests are found risky, as an organiser reads and writes them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that is measured about a request. What is counted, is counted within the window.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum RiskSignal {
    /// Users for whom one device asked.
    AccountsOfDevice,
    /// Users for whom one address asked.
    AccountsOfAddress,
    /// Devices that one address became.
    DevicesOfAddress,
    /// Failed challenges, logins and forgeries from one address.
    FailuresOfAddress,
    /// The same of one user, from anywhere.
    FailuresOfUser,
    /// Holds of one user that became no order.
    DropsOfUser,
    /// 1 where the account is younger than `newAccountSeconds`.
    NewAccount,
    /// 1 where there is no cookie of a device.
    NoDevice,
    /// 1 where the address is in `dataCentres`.
    DataCentre,
}

/// Points for one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RiskRule {
    /// What is looked at.
    pub signal: RiskSignal,
    /// From this value on.
    #[schema(minimum = 1)]
    pub at_least: u32,
    /// So many points. Of several rules for one signal, all that apply count.
    #[schema(maximum = 1000)]
    pub score: u32,
}

/// All rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RiskRules {
    /// From so many points on a challenge is asked for; halfway to `refuseAt` a harder one.
    #[schema(minimum = 1)]
    pub challenge_at: u32,
    /// From so many points on requests are refused.
    #[schema(minimum = 1)]
    pub refuse_at: u32,
    /// How far back is counted, in seconds.
    #[schema(minimum = 60, maximum = 86400)]
    pub window_seconds: u32,
    /// How old an account must be not to be new, in seconds.
    pub new_account_seconds: u32,
    /// Points for signals.
    #[schema(max_items = 100)]
    pub rules: Vec<RiskRule>,
    /// Addresses and networks that always pass.
    #[serde(default)]
    #[schema(max_items = 10000)]
    pub allow: Vec<String>,
    /// Addresses and networks that are always refused.
    #[serde(default)]
    #[schema(max_items = 10000)]
    pub block: Vec<String>,
    /// User ids that are always refused.
    #[serde(default)]
    #[schema(max_items = 10000)]
    pub block_users: Vec<String>,
    /// Networks of data centres, where few buyers live.
    #[serde(default)]
    #[schema(max_items = 100000)]
    pub data_centres: Vec<String>,
}

/// What somebody would get, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RiskAnswer {
    /// `PASS`, `CHALLENGE` or `REFUSE`.
    pub decision: String,
    /// How hard a challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// The sum of the points.
    pub score: u32,
    /// What it is made of.
    pub reasons: Vec<RiskReason>,
}

/// One reason to find a request risky.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RiskReason {
    /// The signal, the list, or what a model calls it.
    pub signal: String,
    /// What was measured.
    pub value: u32,
    /// The points for it.
    pub score: u32,
}
