//! Rules against hoarding, as organisers write and everybody reads them. They are shown with the
//! show, so that who is refused for one can know it.

use usher_engine::hoarding::{Hoarding, LapseRule, NewAccountRule};
use usher_engine::limits::HOLDS_PER_BUYER_MAX;
use usher_wire::{HoardingRules, NewAccountsRule, PauseRule};

use crate::http::problem::ApiError;

const PAUSE_SECONDS_MAX: u32 = 86_400;

/// What an organiser wrote, in the engine's words.
///
/// # Errors
/// [`crate::http::Code::InvalidField`] at the field that is wrong.
pub(super) fn read(asked: &HoardingRules) -> Result<Hoarding, ApiError> {
    let HoardingRules { holds_per_user, pause, new_accounts } = asked;
    let holds_max = holds_per_user.map(|max| within(max, HOLDS_PER_BUYER_MAX, "holdsPerUser"));
    Ok(Hoarding {
        holds_max: holds_max.transpose()?,
        lapses: pause.as_ref().map(lapse_rule).transpose()?,
        new_accounts: new_accounts.as_ref().map(new_account_rule).transpose()?,
    })
}

fn lapse_rule(rule: &PauseRule) -> Result<LapseRule, ApiError> {
    let first = within(rule.seconds, PAUSE_SECONDS_MAX, "pause/seconds")?;
    let longest = within(rule.max_seconds, PAUSE_SECONDS_MAX, "pause/maxSeconds")?;
    Ok(LapseRule {
        free: within(rule.after_expired, u32::MAX, "pause/afterExpired")?,
        pause_ms: ms(first),
        pause_ms_max: ms(longest.max(first)),
    })
}

fn new_account_rule(rule: &NewAccountsRule) -> Result<NewAccountRule, ApiError> {
    let age = within(rule.younger_than_seconds, u32::MAX, "newAccounts/youngerThanSeconds")?;
    within(rule.share_percent.into(), 100, "newAccounts/sharePercent")?;
    Ok(NewAccountRule {
        younger_than_ms: ms(age),
        share_percent: rule.share_percent,
        strangers: rule.unknown_accounts,
    })
}

/// The rules of a show as they are read.
pub(crate) fn describe(rules: &Hoarding) -> HoardingRules {
    let Hoarding { holds_max, lapses, new_accounts } = rules;
    HoardingRules {
        holds_per_user: *holds_max,
        pause: lapses.as_ref().map(|rule| PauseRule {
            after_expired: rule.free,
            seconds: seconds(rule.pause_ms),
            max_seconds: seconds(rule.pause_ms_max),
        }),
        new_accounts: new_accounts.as_ref().map(|rule| NewAccountsRule {
            younger_than_seconds: seconds(rule.younger_than_ms),
            share_percent: rule.share_percent,
            unknown_accounts: rule.strangers,
        }),
    }
}

fn within(value: u32, max: u32, field: &str) -> Result<u32, ApiError> {
    match (1..=max).contains(&value) {
        true => Ok(value),
        false => {
            Err(ApiError::field(format!("/hoarding/{field}"), format!("it must be 1 to {max}")))
        }
    }
}

fn ms(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000
}

fn seconds(ms: u64) -> u32 {
    u32::try_from(ms / 1_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> HoardingRules {
        HoardingRules {
            holds_per_user: Some(2),
            pause: Some(PauseRule { after_expired: 3, seconds: 30, max_seconds: 600 }),
            new_accounts: Some(NewAccountsRule {
                younger_than_seconds: 86_400,
                share_percent: 20,
                unknown_accounts: true,
            }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let read = read(&rules()).expect("good rules");
        assert_eq!(read.check(), Ok(()));
        assert_eq!(describe(&read), rules());
        assert!(super::read(&HoardingRules::default()).expect("no rule").is_empty());
    }

    #[test]
    fn each_bound_is_told_at_its_field() {
        let pause = |change: fn(&mut PauseRule)| {
            let mut rules = rules();
            change(rules.pause.as_mut().expect("a pause"));
            rules
        };
        let new = |change: fn(&mut NewAccountsRule)| {
            let mut rules = rules();
            change(rules.new_accounts.as_mut().expect("a share"));
            rules
        };
        for (wrong, field) in [
            (HoardingRules { holds_per_user: Some(0), ..rules() }, "holdsPerUser"),
            (HoardingRules { holds_per_user: Some(17), ..rules() }, "holdsPerUser"),
            (pause(|rule| rule.after_expired = 0), "pause/afterExpired"),
            (pause(|rule| rule.seconds = 0), "pause/seconds"),
            (pause(|rule| rule.max_seconds = 86_401), "pause/maxSeconds"),
            (new(|rule| rule.younger_than_seconds = 0), "newAccounts/youngerThanSeconds"),
            (new(|rule| rule.share_percent = 0), "newAccounts/sharePercent"),
            (new(|rule| rule.share_percent = 101), "newAccounts/sharePercent"),
        ] {
            let told = format!("{:?}", read(&wrong).expect_err(field));
            assert!(told.contains(&format!("/hoarding/{field}")), "{told}");
        }
        // What is allowed by itself is allowed together: the engine refuses nothing of it.
        let short = read(&pause(|rule| rule.max_seconds = 1)).expect("the first counts");
        assert_eq!(short.check(), Ok(()));
        assert_eq!(short.lapses.map(|rule| rule.pause_ms_max), Some(30_000));
    }
}
