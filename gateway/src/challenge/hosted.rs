//! Captchas that others run: hCaptcha and Cloudflare Turnstile, which are asked in the same way.
//!
//! The browser solves what its provider shows and brings a token; the provider is asked once
//! whether it is good (`siteverify`). It says so only once for each token, so nothing is remembered
//! here. Where it does not answer in time, nobody can tell people from bots, and callers are asked
//! to come again: who could make the provider fail must not get in by that.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::sync::Semaphore;
use usher_wire::{Challenge, ChallengeMethod};

use super::{Demand, Failure, Verifier, word};
use crate::config::secrets::Secret;

/// The longest token that a provider gives out is far shorter.
const TOKEN_BYTES_MAX: usize = 8_192;
const ANSWER_BYTES_MAX: usize = 16_384;
const PATIENCE: Duration = Duration::from_secs(3);
/// Questions under way at once; more are refused at once, as everything that is full.
const QUESTIONS_MAX: usize = 256;

/// Which provider, and who we are there.
#[derive(Debug, Clone)]
pub struct HostedConfig {
    /// `Hcaptcha` or `Turnstile`.
    pub method: ChallengeMethod,
    /// Public key of this site.
    pub site_key: String,
    /// Its secret.
    pub secret: Secret,
    /// Where to ask; the provider's own address unless somebody gave another.
    pub verify_url: String,
}

/// Asks a provider.
pub(super) struct Hosted {
    config: HostedConfig,
    client: reqwest::Client,
    places: Semaphore,
}

/// What a provider answers, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Verdict {
    success: bool,
    /// What the page said that the token is for. Only Turnstile knows.
    #[serde(default)]
    action: Option<String>,
    #[serde(default, rename = "error-codes")]
    errors: Vec<String>,
}

impl Hosted {
    /// # Errors
    /// Where the system has no certificates to know others by.
    pub(super) fn new(config: HostedConfig) -> anyhow::Result<Self> {
        // Whoever installs one first does; no other is compiled in.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().timeout(PATIENCE);
        let client = client.redirect(reqwest::redirect::Policy::none()).build();
        let client = client.context("make the HTTP client for captchas")?;
        Ok(Self { config, client, places: Semaphore::new(QUESTIONS_MAX) })
    }

    async fn verdict(&self, token: &str, demand: &Demand) -> anyhow::Result<Verdict> {
        let question = self
            .client
            .post(&self.config.verify_url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(self.form(token, demand));
        let mut answer = question.send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            anyhow::ensure!(
                bytes.len() + chunk.len() <= ANSWER_BYTES_MAX,
                "the answer is too long"
            );
            bytes.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    fn form(&self, token: &str, demand: &Demand) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("secret", self.config.secret.reveal());
        form.append_pair("response", token);
        form.append_pair("sitekey", &self.config.site_key);
        if let Some(address) = demand.address {
            form.append_pair("remoteip", &address.to_string());
        }
        form.finish()
    }
}

impl Verifier for Hosted {
    fn ask(&self, _: &Demand) -> Challenge {
        let site_key = Some(self.config.site_key.clone());
        Challenge { method: self.config.method, site_key, work: None }
    }

    fn check<'a>(
        &'a self,
        solution: &'a str,
        demand: &'a Demand,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if solution.is_empty() || solution.len() > TOKEN_BYTES_MAX {
                return Err(Failure::Malformed);
            }
            let Ok(_place) = self.places.try_acquire() else { return Err(Failure::Unavailable) };
            let verdict = self.verdict(solution, demand).await.map_err(|error| {
                tracing::error!(error = format!("{error:#}"), "the captcha's provider fails");
                Failure::Unavailable
            })?;
            judge(&verdict, demand)
        })
    }
}

fn judge(verdict: &Verdict, demand: &Demand) -> Result<(), Failure> {
    if !verdict.success {
        let is_used = verdict.errors.iter().any(|code| {
            matches!(
                code.as_str(),
                "timeout-or-duplicate" | "already-seen-response" | "expired-input-response"
            )
        });
        return Err(if is_used { Failure::Used } else { Failure::Unsolved });
    }
    let action = verdict.action.as_deref().unwrap_or_default();
    if action.is_empty() || action == word(demand.purpose) {
        Ok(())
    } else {
        Err(Failure::OtherPurpose)
    }
}

#[cfg(test)]
mod tests;
