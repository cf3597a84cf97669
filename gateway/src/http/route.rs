//! Routes that know their name, and what was counted of them.
//!
//! A request's route is a label of its metrics. actix-web can tell it afterwards, but only by
//! trying all patterns once more; so each resource carries its name, and beside it the counters
//! that were used before, so that counting is an addition and no search. Each HTTP thread has
//! resources, and so counters, of its own.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, Resource};
use metrics::{Counter, Histogram, SharedString};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// What no route answered is counted under this name.
const NO_ROUTE: &str = "none";

/// A resource at a pattern within a scope.
pub fn at(scope: &str, pattern: &str) -> Resource {
    actix_web::web::resource(pattern).app_data(Route::new(&format!("{scope}{pattern}")))
}

/// A resource at the same path, outside of any scope, for what is called most: a scope routes by
/// itself once more, which costs a request as much as all else that is done around it.
pub fn whole(scope: &str, pattern: &str) -> Resource {
    let path = format!("{scope}{pattern}");
    actix_web::web::resource(path.as_str()).app_data(Route::new(&path))
}

/// The name of a route and what was counted of it on this thread.
pub struct Route {
    name: Arc<str>,
    counted: RefCell<Vec<Counted>>,
}

/// One method and status of a route: few in all, and the first of them is nearly always the one.
struct Counted {
    method: &'static str,
    status: u16,
    requests: Counter,
    seconds: Histogram,
}

impl Route {
    /// What counts requests that no route answers.
    pub fn none() -> Self {
        Self::new(NO_ROUTE)
    }

    /// Its name: scope and pattern.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What counts requests under this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), counted: RefCell::default() }
    }

    /// Counts a request that was answered.
    pub fn count(&self, method: &Method, status: StatusCode, took: Duration) {
        let (method, status) = (method_label(method), status.as_u16());
        let mut counted = self.counted.borrow_mut();
        let known = counted.iter().position(|one| one.method == method && one.status == status);
        let place = known.unwrap_or_else(|| {
            counted.push(self.register(method, status));
            counted.len() - 1
        });
        counted[place].requests.increment(1);
        counted[place].seconds.record(took.as_secs_f64());
    }

    fn register(&self, method: &'static str, status: u16) -> Counted {
        let labels = [
            ("method", SharedString::from(method)),
            ("route", SharedString::from(self.name.clone())),
            ("status", status.to_string().into()),
        ];
        Counted {
            method,
            status,
            requests: metrics::counter!("usher_http_requests_total", &labels),
            seconds: metrics::histogram!("usher_http_request_seconds", &labels[..2]),
        }
    }
}

/// Counts a request that was answered.
pub fn count(request: &HttpRequest, status: StatusCode, took: Duration) {
    if let Some(route) = request.app_data::<Route>() {
        route.count(request.method(), status, took);
    }
}

/// A method as a label: a caller may invent methods, but not labels.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
