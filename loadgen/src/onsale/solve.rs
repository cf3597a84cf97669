//! Solving a challenge, as the ALTCHA widget does in a browser.

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};
use usher_wire::{Challenge, ProofOfWork, ProofOfWorkSolution};

/// Numbers that are tried before others get their turn on this thread.
const SLICE: u64 = 5_000;

/// What goes into the header; `None` where it is a captcha, which takes a person.
pub(super) async fn solve(challenge: &Challenge) -> Option<String> {
    let work = challenge.work.as_ref()?;
    let wanted = HEXLOWER.decode(work.challenge.as_bytes()).ok()?;
    let salted = Sha256::new().chain_update(&work.salt);
    for number in 0..=work.maxnumber {
        if number % SLICE == SLICE - 1 {
            tokio::task::yield_now().await;
        }
        let digest = salted.clone().chain_update(number.to_string()).finalize();
        if digest[..] == wanted[..] {
            return Some(pack(work, number));
        }
    }
    None
}

fn pack(work: &ProofOfWork, number: u64) -> String {
    let ProofOfWork { algorithm, challenge, salt, signature, .. } = work.clone();
    let solution = ProofOfWorkSolution { algorithm, challenge, number, salt, signature };
    BASE64.encode(&serde_json::to_vec(&solution).expect("plain data"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_wire::ChallengeMethod;

    #[tokio::test(flavor = "current_thread")]
    async fn the_number_is_found() {
        let salt = "00?expires=1&purpose=join&level=0&".to_owned();
        let hash = |number: u64| HEXLOWER.encode(&Sha256::digest(format!("{salt}{number}")));
        let challenge = |challenge: String| Challenge {
            method: ChallengeMethod::Altcha,
            site_key: None,
            work: Some(ProofOfWork {
                algorithm: "SHA-256".to_owned(),
                challenge,
                maxnumber: 20_000,
                salt: salt.clone(),
                signature: "00".to_owned(),
            }),
        };
        for number in [0, 1, 4_999, 5_000, 20_000] {
            let solution = solve(&challenge(hash(number))).await.expect("it is within the bound");
            let json = BASE64.decode(solution.as_bytes()).expect("base64");
            let solution: ProofOfWorkSolution = serde_json::from_slice(&json).expect("JSON");
            assert_eq!(solution.number, number);
        }
        assert_eq!(solve(&challenge(hash(20_001))).await, None);
        let captcha = Challenge { method: ChallengeMethod::Turnstile, site_key: None, work: None };
        assert_eq!(solve(&captcha).await, None);
    }
}
