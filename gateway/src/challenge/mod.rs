//! What is asked of who joins a queue or registers, so that it costs something to do it many times.
//!
//! ```text
//!   GET /api/v1/challenge ──► Verifier::ask     altcha   proof of work, checked here
//!   join, register ─ require ─► Verifier::check  hosted   captchas of others, who are asked
//!                                                used     each solution counts once
//! ```
//!
//! A proof of work does not tell people from bots: it makes each join cost some time of a
//! processor, which one person does not notice and who wants ten thousand places pays for. How hard
//! it is rises with the risk of the request ([`crate::risk`]).

mod altcha;
mod hosted;
mod routes;
mod used;

use std::net::IpAddr;
use std::time::Duration;

use actix_web::HttpRequest;
use futures_util::future::BoxFuture;
use usher_engine::BuyerId;
use usher_wire::{Challenge, ChallengePurpose};

use crate::app::App;
use crate::http::problem::{ApiError, Code};
use crate::risk::{self, DeviceId, Verdict, Visitor};

pub use altcha::AltchaConfig;
pub use hosted::HostedConfig;
pub(crate) use routes::__path_show;
pub(crate) use routes::show;

/// The header that a solution comes in.
pub const SOLUTION_HEADER: &str = "X-Challenge-Solution";

/// When a challenge is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Never.
    Never,
    /// Where a request is risky.
    Risky,
    /// Always.
    Always,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Method {
    /// This server, for work.
    Altcha(AltchaConfig),
    /// Somebody else, for a captcha.
    Hosted(HostedConfig),
}

/// Challenges as configured.
#[derive(Debug, Clone)]
pub struct ChallengeConfig {
    /// When.
    pub when: When,
    /// By whom.
    pub method: Method,
}

/// How hard a proof of work is, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub u8);

impl Level {
    /// The hardest.
    pub const MAX: Self = Self(2);
}

/// What a solution must be for.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// The call.
    pub purpose: ChallengePurpose,
    /// At least so hard.
    pub level: Level,
    /// The browser that the solution comes from.
    pub device: Option<DeviceId>,
    /// The address that it comes from.
    pub address: Option<IpAddr>,
}

/// Why a solution does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It is no solution at all.
    #[error("it cannot be read")]
    Malformed,
    /// The challenge was not given out here, or by a process before this one.
    #[error("its challenge was not given out here, or before the last restart")]
    Forged,
    /// The number or the captcha is wrong.
    #[error("it is wrong")]
    Unsolved,
    /// It came too late.
    #[error("its challenge has expired")]
    Expired,
    /// It came before.
    #[error("it was used before")]
    Used,
    /// It is for another call.
    #[error("its challenge is for another call")]
    OtherPurpose,
    /// Another browser asked for the challenge.
    #[error("its challenge was given to another device")]
    OtherDevice,
    /// More is asked for by now.
    #[error("a harder one is asked for")]
    TooEasy,
    /// Whoever could tell does not answer.
    #[error("it cannot be checked at the moment")]
    Unavailable,
}

/// Gives out challenges, and says whether a solution is one.
pub trait Verifier: Send + Sync {
    /// A new challenge.
    fn ask(&self, demand: &Demand) -> Challenge;

    /// Checks a solution and uses it up.
    fn check<'a>(
        &'a self,
        solution: &'a str,
        demand: &'a Demand,
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Who wants to do what. An integrator who speaks for many users (a trusted front) is not to be
/// asked: all of them would seem to come from one address.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    /// The call.
    pub purpose: ChallengePurpose,
    /// For whom, where that is known.
    pub user: Option<BuyerId>,
    /// How long the user's account has been there, where that is known.
    pub account_age: Option<Duration>,
}

/// Challenges of one gateway.
pub struct Challenges {
    when: When,
    verifier: Box<dyn Verifier>,
}

impl Challenges {
    /// # Errors
    /// Where a captcha's provider could not be asked for want of certificates.
    pub fn new(config: &ChallengeConfig) -> anyhow::Result<Self> {
        let verifier: Box<dyn Verifier> = match &config.method {
            Method::Altcha(config) => Box::new(altcha::Altcha::new(*config)),
            Method::Hosted(config) => Box::new(hosted::Hosted::new(config.clone())?),
        };
        Ok(Self { when: config.when, verifier })
    }

    /// A new challenge.
    #[must_use]
    pub fn ask(&self, demand: &Demand) -> Challenge {
        self.verifier.ask(demand)
    }

    /// Lets a request pass that brings a solution.
    async fn check(&self, request: &HttpRequest, demand: &Demand) -> Result<(), ApiError> {
        let Some(solution) = request.headers().get(SOLUTION_HEADER) else {
            count("asked");
            let words = format!("bring a solution in the header {SOLUTION_HEADER}");
            let error = ApiError::new(Code::ChallengeRequired).detail(words);
            return Err(error.challenge(place(demand)));
        };
        let checked = match solution.to_str() {
            Ok(solution) => self.verifier.check(solution.trim(), demand).await,
            Err(_) => Err(Failure::Malformed),
        };
        let Err(failure) = checked else {
            count("solved");
            return Ok(());
        };
        count("failed");
        Err(match failure {
            Failure::Unavailable => ApiError::new(Code::Busy).detail(failure.to_string()),
            _ => ApiError::new(Code::ChallengeFailed)
                .detail(failure.to_string())
                .challenge(place(demand)),
        })
    }
}

/// Lets a visit pass, or says which challenge it must bring the solution of. To be called before
/// anything is done for it. Addresses that are exempt from limits are asked for nothing.
///
/// # Errors
/// [`Code::ChallengeRequired`], [`Code::ChallengeFailed`], [`Code::RiskRefused`], and
/// [`Code::Busy`] where a solution cannot be checked now.
pub async fn require(app: &App, request: &HttpRequest, visit: &Visit) -> Result<(), ApiError> {
    let Some(visitor) = visitor(app, request, visit) else { return Ok(()) };
    let assessment = app.risk.assess(&visitor);
    let level = match (assessment.verdict, app.challenges.when) {
        (Verdict::Refuse, _) => {
            let error = ApiError::new(Code::RiskRefused);
            risk::note(app, request, &visitor, &assessment, "refused", error.code().status()).await;
            return Err(error);
        }
        (_, When::Never) | (Verdict::Pass, When::Risky) => return Ok(()),
        (Verdict::Pass, When::Always) => Level(0),
        (Verdict::Challenge(level), _) => level,
    };
    let (device, address) = (visitor.device, Some(visitor.address));
    let demand = Demand { purpose: visit.purpose, level, device, address };
    let Err(error) = app.challenges.check(request, &demand).await else { return Ok(()) };
    if error.code() == Code::ChallengeFailed {
        app.risk.failed(&visitor);
    }
    // Where everybody is asked, being asked is no decision.
    if assessment.verdict != Verdict::Pass || error.code() == Code::ChallengeFailed {
        let decision = if error.code() == Code::ChallengeRequired { "asked" } else { "failed" };
        risk::note(app, request, &visitor, &assessment, decision, error.code().status()).await;
    }
    Err(error)
}

/// Counts a login, a token or a signature that was wrong, so that who tries many is asked for more.
pub fn failed(app: &App, request: &HttpRequest, user: Option<BuyerId>) {
    let visit = Visit { purpose: ChallengePurpose::Login, user, account_age: None };
    if let Some(visitor) = visitor(app, request, &visit) {
        app.risk.failed(&visitor);
    }
}

/// Who asks; `None` where the address is exempt.
fn visitor(app: &App, request: &HttpRequest, visit: &Visit) -> Option<Visitor> {
    let clients = &app.config.limits.clients;
    let (counted, address) = (clients.counted_of(request)?, clients.of(request)?);
    let Visit { user, account_age, .. } = *visit;
    Some(Visitor { address, counted, device: app.devices.of(request), user, account_age })
}

/// Where to ask for what is demanded.
fn place(demand: &Demand) -> String {
    format!("/api/v1/challenge?purpose={}&level={}", word(demand.purpose), demand.level.0)
}

fn word(purpose: ChallengePurpose) -> &'static str {
    match purpose {
        ChallengePurpose::Join => "join",
        ChallengePurpose::Register => "register",
        ChallengePurpose::Login => "login",
        ChallengePurpose::Hold => "hold",
    }
}

fn count(result: &'static str) {
    metrics::counter!("usher_challenges_total", "result" => result).increment(1);
}
