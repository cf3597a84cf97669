//! Rules that a person can read: points for each signal, and what follows from their sum.

use std::collections::HashSet;
use std::net::IpAddr;

use usher_engine::BuyerId;
use usher_wire::{RiskRule, RiskRules, RiskSignal};

use super::networks::Networks;
use super::{Model, Reason, Signals, Verdict};
use crate::challenge::Level;
use crate::http::problem::ApiError;
use crate::ids;

const RULES_MAX: usize = 100;
const SCORE_MAX: u32 = 1_000;
const LIST_MAX: usize = 10_000;
const DATA_CENTRES_MAX: usize = 100_000;
const WINDOW_SECONDS: std::ops::RangeInclusive<u32> = 60..=86_400;

/// Rules, checked, with their lists ready to be asked.
pub struct Rules {
    written: RiskRules,
    allow: Networks,
    block: Networks,
    data_centres: Networks,
    block_users: HashSet<BuyerId>,
}

/// What is so whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Allowed,
    Blocked(&'static str),
}

impl Rules {
    /// Checks what an organiser wrote.
    ///
    /// # Errors
    /// [`crate::http::problem::Code::InvalidField`] with the pointer of the field.
    pub fn check(written: RiskRules) -> Result<Self, ApiError> {
        let RiskRules { challenge_at, refuse_at, window_seconds, .. } = written;
        if challenge_at == 0 || refuse_at <= challenge_at {
            let words = "it must be more than `challengeAt`, which must be at least 1";
            return Err(ApiError::field("/refuseAt", words));
        }
        if !WINDOW_SECONDS.contains(&window_seconds) {
            let (min, max) = WINDOW_SECONDS.into_inner();
            let words = format!("it is not between {min} and {max}");
            return Err(ApiError::field("/windowSeconds", words));
        }
        if written.rules.len() > RULES_MAX {
            return Err(ApiError::field("/rules", format!("there are more than {RULES_MAX}")));
        }
        for (place, rule) in written.rules.iter().enumerate() {
            if rule.at_least == 0 || rule.score > SCORE_MAX {
                let words = format!("`atLeast` is 0, or `score` is more than {SCORE_MAX}");
                return Err(ApiError::field(format!("/rules/{place}"), words));
            }
        }
        if written.block_users.len() > LIST_MAX {
            return Err(ApiError::field("/blockUsers", format!("there are more than {LIST_MAX}")));
        }
        Ok(Self {
            allow: networks(&written.allow, "/allow", LIST_MAX)?,
            block: networks(&written.block, "/block", LIST_MAX)?,
            data_centres: networks(&written.data_centres, "/dataCentres", DATA_CENTRES_MAX)?,
            block_users: written.block_users.iter().map(|user| ids::buyer_id(user)).collect(),
            written,
        })
    }

    /// As they were written.
    #[must_use]
    pub fn written(&self) -> &RiskRules {
        &self.written
    }

    pub(super) fn listed(&self, address: IpAddr, user: Option<BuyerId>) -> Option<Listed> {
        // Who is blocked by name is so from everywhere.
        if user.is_some_and(|user| self.block_users.contains(&user)) {
            return Some(Listed::Blocked("blockUsers"));
        }
        if self.allow.contains(address) {
            return Some(Listed::Allowed);
        }
        self.block.contains(address).then_some(Listed::Blocked("block"))
    }

    pub(super) fn is_data_centre(&self, address: IpAddr) -> bool {
        self.data_centres.contains(address)
    }

    pub(super) fn window_seconds(&self) -> u32 {
        self.written.window_seconds
    }

    pub(super) fn new_account_seconds(&self) -> u32 {
        self.written.new_account_seconds
    }

    /// What follows from so many points.
    pub(super) fn verdict(&self, points: u32) -> Verdict {
        let RiskRules { challenge_at, refuse_at, .. } = self.written;
        let halfway = challenge_at + (refuse_at - challenge_at) / 2;
        match points {
            points if points < challenge_at => Verdict::Pass,
            points if points < halfway => Verdict::Challenge(Level(1)),
            points if points < refuse_at => Verdict::Challenge(Level(2)),
            _ => Verdict::Refuse,
        }
    }
}

impl Model for Rules {
    fn weigh(&self, signals: &Signals) -> Vec<Reason> {
        let rules = self.written.rules.iter();
        rules.filter_map(|rule| reason(rule, signals.value(rule.signal))).collect()
    }
}

fn reason(rule: &RiskRule, value: u32) -> Option<Reason> {
    let applies = value >= rule.at_least && rule.score > 0;
    applies.then(|| Reason { what: word(rule.signal), value, points: rule.score })
}

fn networks(texts: &[String], pointer: &str, count_max: usize) -> Result<Networks, ApiError> {
    if texts.len() > count_max {
        return Err(ApiError::field(pointer, format!("there are more than {count_max}")));
    }
    Networks::read(texts).map_err(|place| {
        let words = "it is not an address or a network such as 10.0.0.0/8";
        ApiError::field(format!("{pointer}/{place}"), words)
    })
}

/// A signal's name, as rules and the logbook write it.
fn word(signal: RiskSignal) -> &'static str {
    match signal {
        RiskSignal::AccountsOfDevice => "accountsOfDevice",
        RiskSignal::AccountsOfAddress => "accountsOfAddress",
        RiskSignal::DevicesOfAddress => "devicesOfAddress",
        RiskSignal::FailuresOfAddress => "failuresOfAddress",
        RiskSignal::FailuresOfUser => "failuresOfUser",
        RiskSignal::DropsOfUser => "dropsOfUser",
        RiskSignal::NewAccount => "newAccount",
        RiskSignal::NoDevice => "noDevice",
        RiskSignal::DataCentre => "dataCentre",
    }
}

/// What holds until an organiser says otherwise. No single signal refuses anybody: a household, a
/// school or a mobile network looks like many accounts at one address.
#[must_use]
pub fn default_rules() -> RiskRules {
    use RiskSignal as S;
    let rule = |signal, at_least, score| RiskRule { signal, at_least, score };
    RiskRules {
        challenge_at: 20,
        refuse_at: 100,
        window_seconds: 3_600,
        new_account_seconds: 86_400,
        rules: vec![
            rule(S::AccountsOfDevice, 4, 30),
            rule(S::AccountsOfDevice, 12, 40),
            rule(S::AccountsOfAddress, 30, 20),
            rule(S::AccountsOfAddress, 200, 20),
            rule(S::DevicesOfAddress, 60, 20),
            rule(S::FailuresOfAddress, 20, 30),
            rule(S::FailuresOfUser, 5, 20),
            rule(S::DropsOfUser, 12, 30),
            rule(S::NewAccount, 1, 5),
            rule(S::NoDevice, 1, 10),
            rule(S::DataCentre, 1, 30),
        ],
        allow: Vec::new(),
        block: Vec::new(),
        block_users: Vec::new(),
        data_centres: Vec::new(),
    }
}
