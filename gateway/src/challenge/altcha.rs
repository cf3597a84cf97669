//! Proof of work as the ALTCHA widget does it (its protocol 1): find the number that a hash was
//! made of.
//!
//! ```text
//!   salt       <random>?expires=<unix seconds>&purpose=join&level=1&device=<tag>&
//!   challenge  SHA-256(salt ‖ number)
//!   signature  HMAC-SHA-256(key, challenge)
//! ```
//!
//! Nothing is remembered of a challenge that is given out: all that matters is in its salt, and the
//! signature covers it. The salt ends in `&`, or its last digits could be taken for the number's
//! first and so a later end be made up (CVE-2025-68113). The key lives as long as the process, and
//! so does the memory of what was used: what an earlier process gave out is asked for again.

use std::time::{Duration, Instant, SystemTime};

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use usher_wire::{Challenge, ChallengeMethod, ProofOfWork, ProofOfWorkSolution};

use super::used::{Spent, Used};
use super::{Demand, Failure, Level, Verifier, word};
use crate::config::secrets::random_bytes;
use crate::risk::DeviceId;

/// The one algorithm that we take.
const ALGORITHM: &str = "SHA-256";
const SALT_BYTES: usize = 12;
/// Each level is so many times harder than the one before.
const LEVEL_FACTOR: u64 = 4;
const DEVICE_TAG_BYTES: usize = 8;

/// How hard it is, and for how long it counts.
#[derive(Debug, Clone, Copy)]
pub struct AltchaConfig {
    /// The largest number to be found at the lowest level; half of it are tried on average.
    pub maxnumber: u64,
    /// From giving out to solving.
    pub lifetime: Duration,
    /// Solved challenges that are remembered.
    pub used_max: usize,
}

/// Gives out proofs of work, and checks them.
pub(super) struct Altcha {
    config: AltchaConfig,
    key: Hmac<Sha256>,
    used: Used,
    /// Time goes on from here with the monotonic clock: what was used must not live again because
    /// somebody set the clock back.
    started: Instant,
    started_unix_seconds: u64,
}

/// What a salt says.
#[derive(Debug, PartialEq, Eq)]
struct Terms {
    expires: u64,
    purpose: String,
    level: u8,
    device: Option<String>,
}

impl Altcha {
    pub(super) fn new(config: AltchaConfig) -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            config,
            key: Hmac::new_from_slice(&random_bytes::<32>()).expect("any length will do"),
            used: Used::new(config.used_max, config.lifetime.as_secs()),
            started: Instant::now(),
            started_unix_seconds: unix.map_or(0, |unix| unix.as_secs()),
        }
    }

    fn now(&self) -> u64 {
        self.started_unix_seconds + self.started.elapsed().as_secs()
    }

    fn ask_at(&self, demand: &Demand, now: u64) -> ProofOfWork {
        let maxnumber = self.config.maxnumber * LEVEL_FACTOR.pow(u32::from(demand.level.0));
        let mut random = rand::rng();
        let number = random.random_range(0..=maxnumber);
        let nonce = HEXLOWER.encode(&random.random::<[u8; SALT_BYTES]>());
        let expires = now + self.config.lifetime.as_secs();
        let (purpose, level) = (word(demand.purpose), demand.level.0);
        let device = demand.device.map(|device| format!("&device={}", self.tag(device)));
        let device = device.unwrap_or_default();
        let salt = format!("{nonce}?expires={expires}&purpose={purpose}&level={level}{device}&");
        let challenge = HEXLOWER.encode(&hash(&salt, number));
        let signature = self.key.clone().chain_update(&challenge).finalize().into_bytes();
        let signature = HEXLOWER.encode(&signature);
        ProofOfWork { algorithm: ALGORITHM.to_owned(), challenge, maxnumber, salt, signature }
    }

    fn check_at(&self, solution: &str, demand: &Demand, now: u64) -> Result<(), Failure> {
        let bytes = BASE64.decode(solution.as_bytes()).map_err(|_| Failure::Malformed)?;
        let solution: ProofOfWorkSolution =
            serde_json::from_slice(&bytes).map_err(|_| Failure::Malformed)?;
        let decode = |hex: &str| HEXLOWER_PERMISSIVE.decode(hex.as_bytes());
        let signature = decode(&solution.signature).map_err(|_| Failure::Malformed)?;
        let challenge = decode(&solution.challenge).map_err(|_| Failure::Malformed)?;
        if solution.algorithm != ALGORITHM {
            return Err(Failure::Malformed);
        }
        let signed = self.key.clone().chain_update(HEXLOWER.encode(&challenge));
        signed.verify_slice(&signature).map_err(|_| Failure::Forged)?;
        if hash(&solution.salt, solution.number)[..] != challenge[..] {
            return Err(Failure::Unsolved);
        }
        let terms = terms(&solution.salt).ok_or(Failure::Forged)?;
        if now >= terms.expires {
            return Err(Failure::Expired);
        }
        self.check_terms(&terms, demand)?;
        let name = u128::from_be_bytes(challenge[..16].try_into().expect("a SHA-256 has 32 bytes"));
        let given_out = terms.expires - self.config.lifetime.as_secs();
        self.used.spend(name, given_out, now).map_err(|spent| match spent {
            Spent::Already => Failure::Used,
            Spent::Forgotten => Failure::Expired,
        })
    }

    fn check_terms(&self, terms: &Terms, demand: &Demand) -> Result<(), Failure> {
        if terms.purpose != word(demand.purpose) {
            return Err(Failure::OtherPurpose);
        }
        let is_theirs = |tag: &String| demand.device.is_some_and(|one| self.tag(one) == *tag);
        if !terms.device.as_ref().is_none_or(is_theirs) {
            return Err(Failure::OtherDevice);
        }
        if Level(terms.level) < demand.level {
            return Err(Failure::TooEasy);
        }
        Ok(())
    }

    /// Stands for a device in a salt.
    fn tag(&self, DeviceId(id): DeviceId) -> String {
        let tag = self.key.clone().chain_update(b"device").chain_update(id).finalize();
        HEXLOWER.encode(&tag.into_bytes()[..DEVICE_TAG_BYTES])
    }
}

impl Verifier for Altcha {
    fn ask(&self, demand: &Demand) -> Challenge {
        let work = Some(self.ask_at(demand, self.now()));
        Challenge { method: ChallengeMethod::Altcha, site_key: None, work }
    }

    fn check<'a>(
        &'a self,
        solution: &'a str,
        demand: &'a Demand,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(self.check_at(solution, demand, self.now())))
    }
}

fn hash(salt: &str, number: u64) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(number.to_string()).finalize().into()
}

/// Reads a salt of ours. `None` where its end was made one with the number.
fn terms(salt: &str) -> Option<Terms> {
    let (_, query) = salt.strip_suffix('&')?.split_once('?')?;
    let mut terms = Terms { expires: 0, purpose: String::new(), level: 0, device: None };
    for pair in query.split('&') {
        match pair.split_once('=')? {
            ("expires", value) => terms.expires = value.parse().ok()?,
            ("purpose", value) => value.clone_into(&mut terms.purpose),
            ("level", value) => terms.level = value.parse().ok()?,
            ("device", value) => terms.device = Some(value.to_owned()),
            _ => return None,
        }
    }
    Some(terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_wire::ChallengePurpose as Purpose;

    const NOW: u64 = 1_800_000_000;
    const DEMAND: Demand =
        Demand { purpose: Purpose::Join, level: Level(0), device: None, address: None };
    const DEVICE: Option<DeviceId> = Some(DeviceId([7; 16]));

    fn altcha() -> Altcha {
        let lifetime = Duration::from_secs(300);
        Altcha::new(AltchaConfig { maxnumber: 500, lifetime, used_max: 100 })
    }

    /// What the widget does.
    fn solve(asked: &ProofOfWork) -> ProofOfWorkSolution {
        let found = |number: &u64| HEXLOWER.encode(&hash(&asked.salt, *number)) == asked.challenge;
        let number = (0..=asked.maxnumber).find(found).expect("it is within the bound");
        let ProofOfWork { algorithm, challenge, salt, signature, .. } = asked.clone();
        ProofOfWorkSolution { algorithm, challenge, number, salt, signature }
    }

    fn pack(solution: &ProofOfWorkSolution) -> String {
        BASE64.encode(&serde_json::to_vec(solution).expect("plain data"))
    }

    /// Asked as `asked`, changed, and handed in as `demand` after so many seconds.
    #[track_caller]
    fn check(
        asked: Demand,
        change: impl FnOnce(&mut ProofOfWorkSolution),
        demand: Demand,
        after: u64,
        expected: Result<(), Failure>,
    ) {
        let altcha = altcha();
        let mut solution = solve(&altcha.ask_at(&asked, NOW));
        change(&mut solution);
        assert_eq!(altcha.check_at(&pack(&solution), &demand, NOW + after), expected);
    }

    #[test]
    fn what_is_solved_counts_once() {
        let altcha = altcha();
        let solution = solve(&altcha.ask_at(&DEMAND, NOW));
        let packed = pack(&solution);
        assert_eq!(altcha.check_at(&packed, &DEMAND, NOW + 1), Ok(()));
        assert_eq!(altcha.check_at(&packed, &DEMAND, NOW + 2), Err(Failure::Used));
        let shouted = ProofOfWorkSolution {
            challenge: solution.challenge.to_ascii_uppercase(),
            signature: solution.signature.to_ascii_uppercase(),
            ..solution
        };
        assert_eq!(altcha.check_at(&pack(&shouted), &DEMAND, NOW + 3), Err(Failure::Used));
    }

    #[test]
    fn what_is_altered_borrowed_or_late_does_not_count() {
        let same = |_: &mut ProofOfWorkSolution| {};
        check(DEMAND, same, DEMAND, 299, Ok(()));
        check(DEMAND, same, DEMAND, 300, Err(Failure::Expired));
        let number = |s: &mut ProofOfWorkSolution| s.number += 1;
        check(DEMAND, number, DEMAND, 0, Err(Failure::Unsolved));
        let later = |s: &mut ProofOfWorkSolution| s.salt = s.salt.replace("=18", "=19");
        check(DEMAND, later, DEMAND, 0, Err(Failure::Unsolved));
        let own = |s: &mut ProofOfWorkSolution| {
            s.salt = s.salt.replace("=18", "=19");
            s.challenge = HEXLOWER.encode(&hash(&s.salt, s.number));
        };
        check(DEMAND, own, DEMAND, 0, Err(Failure::Forged));
        let weak = |s: &mut ProofOfWorkSolution| s.algorithm = "SHA-1".to_owned();
        check(DEMAND, weak, DEMAND, 0, Err(Failure::Malformed));

        let register = Demand { purpose: Purpose::Register, ..DEMAND };
        check(register, same, DEMAND, 0, Err(Failure::OtherPurpose));
        let harder = Demand { level: Level(1), ..DEMAND };
        check(DEMAND, same, harder, 0, Err(Failure::TooEasy));
        check(harder, same, DEMAND, 0, Ok(()));
        let here = Demand { device: DEVICE, ..DEMAND };
        let there = Demand { device: Some(DeviceId([8; 16])), ..DEMAND };
        check(here, same, here, 0, Ok(()));
        check(here, same, there, 0, Err(Failure::OtherDevice));
        check(here, same, DEMAND, 0, Err(Failure::OtherDevice));
        check(DEMAND, same, here, 0, Ok(()));
    }

    #[test]
    fn digits_cannot_move_between_the_end_and_the_number() {
        let altcha = altcha();
        let mut solution = solve(&altcha.ask_at(&DEMAND, NOW));
        while solution.number < 10 {
            solution = solve(&altcha.ask_at(&DEMAND, NOW));
        }
        let digits = solution.number.to_string();
        solution.salt.push_str(&digits[..1]);
        solution.number = digits[1..].parse().expect("digits");
        let moved = altcha.check_at(&pack(&solution), &DEMAND, NOW);
        // A zero at the start is lost on the way, and then it is another hash.
        assert!(matches!(moved, Err(Failure::Forged | Failure::Unsolved)), "{moved:?}");
        assert_eq!(terms("00?expires=1&purpose=join&level=0"), None);
        assert_eq!(terms("00?expires=1&purpose=join&level=0&5"), None);
    }

    #[test]
    fn rubbish_is_no_solution() {
        let altcha = altcha();
        for text in
            ["", "e30=", "!!!", "W10=", &BASE64.encode(b"{\"number\":1}"), &"A".repeat(9_999)]
        {
            assert_eq!(altcha.check_at(text, &DEMAND, NOW), Err(Failure::Malformed), "{text}");
        }
    }

    #[test]
    fn a_higher_level_is_harder() {
        let altcha = altcha();
        let hard = |level| altcha.ask_at(&Demand { level: Level(level), ..DEMAND }, NOW).maxnumber;
        assert_eq!((hard(0), hard(1), hard(2)), (500, 2_000, 8_000));
    }
}
