//! What a rush consists of, answered in front of actix-web.
//!
//! A hold waits for its owner and the journal, and hundreds wait at a time. In actix-web each keeps
//! its request meanwhile, with a table of headers, the path's parts, what handlers may leave there
//! and four boxes of stages around it: by the time that the answer comes none of it is in the
//! processor's caches any more, and all of it is touched once more to let it go. Here the request
//! is read, the owner is asked, and the request is let go of before anybody waits.
//!
//! Only the plain case is answered here: one path, on a server that lets no pages of other origins
//! call and does not look for bots among holds. Whatever else there is goes on to actix-web, where
//! the same call has a handler; both ways share all that they check, ask and answer ([`holds`]).
//! `tests/http/rush.rs` has both asked the same.

use super::stages;
use crate::app::App;
use crate::buyers::holds;
use crate::config::{Config, Cors};
use crate::http::body;
use crate::http::problem::ApiError;
use crate::http::request_id::Named;
use crate::http::route::Route;
use crate::identity::Caller;
use crate::limits::{self, Limited, Words};
use actix_http::{Message, Request, RequestHead, Response};
use actix_service::IntoServiceFactory;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{AppConfig, Payload, Service, ServiceFactory, ServiceResponse, forward_ready};
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError as _};
use futures_util::future::{Either, LocalBoxFuture, MapOk, TryFutureExt as _};
use std::pin::pin;
use std::rc::Rc;

/// The path of the call, around the show's id.
const PATH: (&str, &str) = ("/api/v1/shows/", "/holds");
/// Its name among the metrics, as actix-web's own route is called.
const ROUTE: &str = "/api/v1/shows/{showId}/holds";

/// The most that a request keeps while it waits: what is larger takes the allocator's slow way.
const BYTES_MAX: usize = 1_024;

/// Makes, for each thread, what stands in front of all other routes.
pub(super) struct Front<F> {
    app: Data<App>,
    routes: F,
}

impl<F: ServiceFactory<Request>> Front<F> {
    /// In front of these routes.
    pub(super) fn new(app: &Data<App>, routes: impl IntoServiceFactory<F, Request>) -> Self {
        Self { app: app.clone(), routes: routes.into_factory() }
    }
}

/// See [`Front`].
pub(super) struct Rush<S> {
    /// `None` where all goes on to actix-web.
    holds: Option<Rc<Holds>>,
    routes: S,
}

/// What answers holds.
struct Holds {
    app: Data<App>,
    route: Route,
}

/// What is answered, here or by the routes.
type Answer<B> = Response<EitherBody<BoxBody, B>>;
type ToAnswer<F, B> = MapOk<F, fn(ServiceResponse<B>) -> Answer<B>>;

impl<F, B> ServiceFactory<Request> for Front<F>
where
    F: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = actix_web::Error,
        >,
    F::Service: 'static,
    F::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Answer<B>;
    type Error = actix_web::Error;
    type Config = AppConfig;
    type Service = Rush<F::Service>;
    type InitError = F::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, Self::InitError>>;

    fn new_service(&self, config: AppConfig) -> Self::Future {
        let holds = is_plain(&self.app.config).then(|| Rc::new(Holds::new(&self.app)));
        let routes = self.routes.new_service(config);
        Box::pin(async move { Ok(Rush { holds, routes: routes.await? }) })
    }
}

/// Whether this server answers holds of whoever asks for them.
fn is_plain(config: &Config) -> bool {
    config.http.cors == Cors::Off && !config.risk_holds
}

impl<S, B> Service<Request> for Rush<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Answer<B>;
    type Error = actix_web::Error;
    type Future = Either<
        LocalBoxFuture<'static, Result<Self::Response, Self::Error>>,
        ToAnswer<S::Future, B>,
    >;

    forward_ready!(routes);

    fn call(&self, request: Request) -> Self::Future {
        match &self.holds {
            Some(holds) if show_id(request.head()).is_some() => {
                let (head, body) = request.into_parts();
                let answer = holds.clone().answer(head, body);
                debug_assert!(size_of_val(&answer) <= BYTES_MAX, "{}", size_of_val(&answer));
                Either::Left(Box::pin(answer))
            }
            _ => {
                let to_answer: fn(ServiceResponse<B>) -> Answer<B> =
                    |response| Response::from(response).map_body(|_, body| EitherBody::right(body));
                Either::Right(self.routes.call(request).map_ok(to_answer))
            }
        }
    }
}

/// The show of which a request wants to hold something; `None` where it wants something else, or
/// says it in an unusual way.
fn show_id(request: &RequestHead) -> Option<&str> {
    let is_plain = request.method == Method::POST && request.uri.query().is_none();
    let path = is_plain.then(|| request.uri.path())?;
    let id = path.strip_prefix(PATH.0)?.strip_suffix(PATH.1)?;
    // Whether it is an id is looked at where it is looked up.
    (!id.is_empty() && !id.contains(['/', '%'])).then_some(id)
}

impl Holds {
    fn new(app: &Data<App>) -> Self {
        Self { app: Data::new(App::clone(app)), route: Route::new(ROUTE) }
    }

    /// Names, counts and answers a request.
    async fn answer<B>(
        self: Rc<Self>,
        head: Message<RequestHead>,
        body: Payload,
    ) -> Result<Answer<B>, actix_web::Error> {
        let mut name = Named::begin(&head);
        let mut response = name.within(pin!(self.counted(head, body))).await;
        let status = response.status();
        let took = name.end(status, response.headers_mut());
        self.route.count(&Method::POST, status, took);
        Ok(Response::from(response).map_body(|_, body| EitherBody::left(body)))
    }

    async fn counted(&self, head: Message<RequestHead>, body: Payload) -> HttpResponse {
        let Some(_in_flight) = self.app.lifecycle.begin() else { return stages::draining() };
        let (words, begun) = match &self.app.limits {
            Some(limits) => limits::begin(limits, &head),
            None => (None, Ok(())),
        };
        let mut words = words.map(Box::new);
        let asked = match begun {
            Ok(()) => self.ask(head, body, words.as_deref_mut()).await,
            Err(error) => Err(error),
        };
        let answer = match asked {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        let mut response = answer.unwrap_or_else(|error| {
            stages::count_refusal(&error);
            error.error_response()
        });
        if let Some(words) = &words {
            limits::describe(words, response.headers_mut());
        }
        response
    }

    /// Reads a request and asks the owner. Nothing of the request is kept by who waits then.
    async fn ask(
        &self,
        head: Message<RequestHead>,
        body: Payload,
        words: Option<&mut Words>,
    ) -> Result<impl Future<Output = Result<HttpResponse, ApiError>> + use<>, ApiError> {
        let Self { app, route } = self;
        let caller = Caller::of(&app.identity, &app.secrets, head.headers())?;
        let (bytes_max, patience) = (app.config.bodies.bytes_max, app.config.http.client_timeout);
        let body = body::collected(head.headers(), body, bytes_max, patience).await?;
        let asked = body::from_json(&body)?;
        let limits = app.limits.as_ref();
        let limited = limits.zip(words).map(|(limits, words)| {
            let call = route.name();
            Limited { limits, call, words }
        });
        let show_id = show_id(&head).expect("it was looked at before");
        holds::ask_at_once(app, show_id, &caller, head.headers(), &asked, limited)
    }
}
