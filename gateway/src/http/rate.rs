//! How many writes a second one address may make.
//!
//! Off unless configured. Only what takes something from a sale counts: holds, orders, payments. A
//! payment provider and a gate's scanner come from one address and are never held up. Answers say
//! what is left (IETF draft httpapi-ratelimit-headers).

use super::problem::{ApiError, Code};
use actix_web::ResponseError as _;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// After so many checks, addresses that are idle are forgotten.
const FORGET_EVERY: u32 = 65_536;

type Buckets =
    RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// A bucket for every address.
pub struct Limiter {
    buckets: Buckets,
    per_second: NonZeroU32,
    checks: AtomicU32,
    clock: DefaultClock,
}

impl Limiter {
    /// So many writes a second, with bursts of as many; 0 counts as 1.
    pub fn new(per_second: u32) -> Self {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let buckets = RateLimiter::dashmap(Quota::per_second(per_second))
            .with_middleware::<StateInformationMiddleware>();
        Self { buckets, per_second, checks: AtomicU32::new(0), clock: DefaultClock::default() }
    }

    /// Takes one from the address's bucket. How many are left, or how many seconds to wait.
    fn take(&self, address: IpAddr) -> Result<u32, u32> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            self.buckets.retain_recent();
        }
        match self.buckets.check_key(&address) {
            Ok(left) => Ok(left.remaining_burst_capacity()),
            Err(later) => {
                let wait = later.wait_time_from(self.clock.now());
                Err(u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX))
            }
        }
    }

    fn describe(&self, headers: &mut HeaderMap, left: u32, reset_seconds: u32) {
        let policy = format!("\"writes\";q={};w=1", self.per_second);
        let state = format!("\"writes\";r={left};t={reset_seconds}");
        for (name, text) in [(RATELIMIT_POLICY, policy), (RATELIMIT, state)] {
            headers.insert(name, HeaderValue::from_str(&text).expect("digits and quotes"));
        }
    }
}

/// Refuses what is more than an address may do.
pub async fn limit<B: MessageBody + 'static>(
    limiter: Option<&Limiter>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let address = request.peer_addr().map(|address| address.ip());
    let (Some(limiter), Some(address)) = (limiter.filter(|_| counts(&request)), address) else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    match limiter.take(address) {
        Ok(left) => {
            let mut response = next.call(request).await?;
            limiter.describe(response.headers_mut(), left, 1);
            Ok(response.map_into_left_body())
        }
        Err(seconds) => {
            let error = ApiError::new(Code::RateLimited)
                .limit(u64::from(limiter.per_second.get()))
                .retry_after(seconds);
            let mut response = error.error_response();
            limiter.describe(response.headers_mut(), 0, seconds);
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

fn counts(request: &ServiceRequest) -> bool {
    let path = request.path();
    request.method() == Method::POST
        && !path.ends_with("/payments/callback")
        && !path.ends_with("/checkins")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_bucket_of_its_own() {
        let limiter = Limiter::new(3);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert_eq!(
            [limiter.take(one), limiter.take(one), limiter.take(one)],
            [Ok(2), Ok(1), Ok(0)]
        );
        assert_eq!(limiter.take(one), Err(1));
        assert_eq!(limiter.take(other), Ok(2));
    }
}
