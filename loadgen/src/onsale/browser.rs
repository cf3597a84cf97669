//! What stands between a visitor and the server: an address, a cookie, and what solves challenges.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use hyper::Method;
use hyper::header::HeaderValue;
use serde::de::DeserializeOwned;
use usher_wire::{Challenge, Problem};

use super::crowd::Kind;
use super::solve::solve;
use super::tally::SaleReport;
use crate::api::get;
use crate::http::{Client, Outcome, Reply, Request};
use crate::meter::Step;

/// The header that a solution goes into.
const SOLUTION: &str = "x-challenge-solution";
/// A request is repeated with a solution so often.
const SOLUTIONS_MAX: u32 = 3;

/// The cookies of all browsers.
pub(super) type Cookies = Rc<RefCell<HashMap<u64, HeaderValue>>>;

/// A browser in front of one visitor.
#[derive(Clone)]
pub(super) struct Browser {
    pub(super) client: Client,
    pub(super) kind: Kind,
    pub(super) address: Ipv4Addr,
    /// Several visitors may share one.
    pub(super) number: u64,
    pub(super) cookies: Cookies,
    pub(super) report: Rc<RefCell<SaleReport>>,
}

/// Why there is no answer as wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum No {
    /// The server's code.
    Refused(String),
    /// Nothing usable.
    Lost,
}

impl No {
    pub(super) fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(said) if said == code)
    }
}

impl Browser {
    /// Asks for a document. Whoever solves challenges solves what stands in the way.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        step: Step,
        request: Request,
    ) -> Result<T, No> {
        let mut request = request;
        for _ in 0..=SOLUTIONS_MAX {
            let reply = self.send(step, &request).await?;
            if (200..300).contains(&reply.status) {
                return serde_json::from_slice(&reply.body).map_err(|_| No::Lost);
            }
            let problem: Problem = serde_json::from_slice(&reply.body).unwrap_or_default();
            self.note_refusal(&problem);
            let Some(place) = problem.challenge else { return Err(No::Refused(problem.code)) };
            let Some(solution) = self.solution(&place).await else {
                return Err(No::Refused(problem.code));
            };
            request.headers.retain(|(name, _)| *name != SOLUTION);
            request = request.header(SOLUTION, solution);
        }
        Err(No::Lost)
    }

    fn note_refusal(&self, problem: &Problem) {
        let mut report = self.report.borrow_mut();
        let tally = report.of(self.kind);
        *tally.refusals.entry(problem.code.clone()).or_default() += 1;
        tally.asked += u64::from(problem.challenge.is_some());
    }

    /// A solution of the challenge at this place, from whoever bothers.
    async fn solution(&self, place: &str) -> Option<HeaderValue> {
        if matches!(self.kind, Kind::Hammer | Kind::Farm) {
            return None;
        }
        let reply = self.send(Step::Challenge, &get(place.to_owned())).await.ok()?;
        let challenge: Challenge = serde_json::from_slice(&reply.body).ok()?;
        let solution = solve(&challenge).await?;
        self.report.borrow_mut().of(self.kind).solved += 1;
        HeaderValue::from_str(&solution).ok()
    }

    /// Opens the page: a browser without a cookie gets one.
    pub(super) async fn open_page(&self) {
        if !self.cookies.borrow().contains_key(&self.number) && self.kind != Kind::Hammer {
            let request = get("/api/v1/challenge?purpose=join".to_owned());
            let _ = self.send(Step::Challenge, &request).await;
        }
    }

    async fn send(&self, step: Step, request: &Request) -> Result<Reply, No> {
        let from = HeaderValue::from_str(&self.address.to_string()).expect("digits and dots");
        let mut request = request.clone().header("x-forwarded-for", from);
        if let Some(cookie) = self.cookies.borrow().get(&self.number) {
            request = request.header("cookie", cookie.clone());
        }
        let Outcome::Answered(reply) = self.client.send(step, &request).await else {
            return Err(No::Lost);
        };
        let set = reply.headers.get("set-cookie").and_then(|set| set.to_str().ok());
        let pair = set.and_then(|set| set.split(';').next());
        if let Some(cookie) = pair.and_then(|pair| HeaderValue::from_str(pair).ok()) {
            self.cookies.borrow_mut().insert(self.number, cookie);
        }
        Ok(reply)
    }
}

/// A POST of a JSON body.
pub(super) fn post_json(path: String, body: &impl serde::Serialize) -> Request {
    Request::new(Method::POST, path).json(body)
}
