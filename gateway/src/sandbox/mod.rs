//! A payment provider for trying and testing, as unreliable as a real one.
//!
//! Somebody says how a payment ends (`POST /sandbox/payments/{paymentId}/{succeed,fail}`), and the
//! sandbox tells the gateway by a signed callback over HTTP, to the public address: late, twice or
//! never, as configured. It keeps no state but the callbacks under way, just as a gateway keeps
//! none: what a payment is about it is told with each call, from the order's owner.
//!
//! It runs on a thread of its own, so that it competes for the network like a stranger and not for
//! the threads that answer buyers.

pub mod routes;
mod trust;

use crate::config::SandboxConfig;
use crate::config::secrets::Secret;
use crate::payments::{NewPayment, NewRefund, PaymentProvider, ProviderError, signature};
use anyhow::Context as _;
use futures_util::future::BoxFuture;
use rand::RngExt as _;
use std::time::Duration;
use tokio::sync::mpsc;
use usher_wire::{CallbackRequest, PaymentAction, PaymentStatus, SandboxAnswer};

/// Callbacks that may wait for their time; more are refused.
const WAITING_MAX: usize = 65_536;
/// How often a callback is tried before the sandbox gives up, and how long it waits at first.
const TRIES_MAX: u32 = 6;
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// The provider's side that answers calls.
pub struct Sandbox {
    config: SandboxConfig,
    secret: Secret,
    public_url: String,
    callbacks: mpsc::Sender<Callback>,
}

struct Callback {
    delay: Duration,
    request: CallbackRequest,
}

/// As many callbacks wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxFull;

impl Sandbox {
    /// Starts the provider. `certificate` is the gateway's own, in PEM, where it speaks HTTPS.
    pub fn start(
        config: SandboxConfig,
        secret: Secret,
        public_url: &str,
        certificate: Option<&[u8]>,
    ) -> anyhow::Result<Self> {
        // Whoever installs one first does; no other is compiled in.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut client =
            reqwest::Client::builder().timeout(Duration::from_secs(30)).pool_max_idle_per_host(64);
        if let Some(pem) = certificate {
            client = client.tls_backend_preconfigured(trust::config(pem)?);
        }
        let client = client.build().context("make the sandbox's HTTP client")?;
        let url = format!("{public_url}/api/v1/payments/callback");
        let (callbacks, waiting) = mpsc::channel(WAITING_MAX);
        std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || run(client, url, waiting))
            .context("start the sandbox's thread")?;
        Ok(Self { config, secret, public_url: public_url.to_owned(), callbacks })
    }

    /// Ends a payment, and calls back about it.
    pub fn end(
        &self,
        payment: &NewPayment,
        status: PaymentStatus,
    ) -> Result<SandboxAnswer, SandboxFull> {
        let mut random = rand::rng();
        let count = match () {
            () if random.random_bool(self.config.loss_share) => 0,
            () if random.random_bool(self.config.duplicate_share) => 2,
            () => 1,
        };
        if count == 0 {
            count_callback("lost");
        }
        for number in 0..count {
            let request = signature::signed(
                &self.secret,
                payment.payment_id.clone(),
                payment.order_id.clone(),
                status,
                payment.amount_cents,
            );
            // The second one comes as a late repeat would.
            let delay = self.config.delay * (number + 1);
            self.callbacks.try_send(Callback { delay, request }).map_err(|_| SandboxFull)?;
        }
        Ok(SandboxAnswer {
            payment_id: payment.payment_id.clone(),
            status,
            callbacks: count,
            delay_ms: u64::try_from(self.config.delay.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl PaymentProvider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn begin<'a>(
        &'a self,
        payment: &'a NewPayment,
    ) -> BoxFuture<'a, Result<Vec<PaymentAction>, ProviderError>> {
        let action = |name: &str| PaymentAction {
            name: name.to_owned(),
            method: "POST".to_owned(),
            url: format!("{}/sandbox/payments/{}/{name}", self.public_url, payment.payment_id),
        };
        let actions = vec![action("succeed"), action("fail")];
        Box::pin(std::future::ready(Ok(actions)))
    }

    fn give_back<'a>(&'a self, refund: &'a NewRefund) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            tokio::time::sleep(self.config.delay).await;
            tracing::debug!(
                payment = refund.payment_id,
                cents = refund.amount_cents,
                "the sandbox gave money back"
            );
            Ok(())
        })
    }
}

/// Sends callbacks when their time comes, until the sandbox is dropped.
fn run(client: reqwest::Client, url: String, mut waiting: mpsc::Receiver<Callback>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for the sandbox");
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async move {
        // A callback under way keeps its place, so that their number stays bounded.
        let places = std::sync::Arc::new(tokio::sync::Semaphore::new(WAITING_MAX));
        while let Some(callback) = waiting.recv().await {
            let place = places.clone().acquire_owned().await.expect("never closed");
            let (client, url) = (client.clone(), url.clone());
            tokio::task::spawn_local(async move {
                tokio::time::sleep(callback.delay).await;
                send(&client, &url, &callback.request).await;
                drop(place);
            });
        }
    });
}

/// Tells it until somebody listens, as providers do.
async fn send(client: &reqwest::Client, url: &str, request: &CallbackRequest) {
    let mut delay = RETRY_DELAY;
    for attempt in 1..=TRIES_MAX {
        match client.post(url).json(request).send().await {
            Ok(response) if response.status().is_success() => return count_callback("answered"),
            Ok(response) if response.status().is_client_error() => {
                tracing::warn!(status = response.status().as_u16(), "a callback was refused");
                return count_callback("refused");
            }
            Ok(response) => {
                tracing::debug!(status = response.status().as_u16(), attempt, "a callback failed");
            }
            Err(error) => tracing::debug!(%error, attempt, "a callback failed"),
        }
        if attempt < TRIES_MAX {
            tokio::time::sleep(delay).await;
            delay *= 3;
        }
    }
    tracing::warn!(payment = request.payment_id, "gave up calling back");
    count_callback("failed");
}

fn count_callback(outcome: &'static str) {
    metrics::counter!("usher_sandbox_callbacks_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, HttpResponse, HttpServer, web};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Seen {
        callbacks: Mutex<Vec<CallbackRequest>>,
        /// How many callbacks still get a 503.
        failures: AtomicU32,
    }

    /// A certificate that no authority stands behind.
    struct Certificate {
        pem: String,
        key_pem: String,
    }

    impl Certificate {
        fn make() -> Self {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
            Self { pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() }
        }

        fn server(&self) -> rustls::ServerConfig {
            let dir = tempfile::tempdir().expect("a directory");
            let (chain, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
            std::fs::write(&chain, &self.pem).expect("written");
            std::fs::write(&key, &self.key_pem).expect("written");
            crate::server::tls::read(&chain, &key).expect("they belong together")
        }
    }

    async fn callback(seen: web::Data<Seen>, body: web::Json<CallbackRequest>) -> HttpResponse {
        let failing =
            seen.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if failing.is_ok() {
            return HttpResponse::ServiceUnavailable().finish();
        }
        seen.callbacks.lock().expect("whole").push(body.into_inner());
        HttpResponse::Ok().finish()
    }

    /// Ends one payment and says what came back within a while.
    async fn check(config: SandboxConfig, failures: u32, expected: usize) {
        check_with(None, config, failures, expected).await;
    }

    async fn check_with(
        certificate: Option<Certificate>,
        config: SandboxConfig,
        failures: u32,
        expected: usize,
    ) {
        let secret = Secret::new("a secret of the provider");
        let failures = AtomicU32::new(failures);
        let seen = web::Data::new(Seen { callbacks: Mutex::default(), failures });
        let shared = seen.clone();
        let server = HttpServer::new(move || {
            let route = web::post().to(callback);
            App::new().app_data(shared.clone()).route("/api/v1/payments/callback", route)
        });
        let server = server.workers(1);
        let (server, scheme) = match &certificate {
            None => (server.bind("127.0.0.1:0"), "http"),
            Some(made) => (server.bind_rustls_0_23("127.0.0.1:0", made.server()), "https"),
        };
        let server = server.expect("a port");
        let url = format!("{scheme}://{}", server.addrs()[0]);
        let server = server.disable_signals().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);

        let pem = certificate.as_ref().map(|made| made.pem.as_bytes());
        let sandbox = Sandbox::start(config, secret.clone(), &url, pem).expect("started");
        let payment = NewPayment {
            payment_id: "p_1".into(),
            order_id: "o_1".into(),
            amount_cents: 4_200,
            currency: "EUR".into(),
        };
        let actions = sandbox.begin(&payment).await.expect("begun");
        assert_eq!(actions[0].url, format!("{url}/sandbox/payments/p_1/succeed"));
        let answer = sandbox.end(&payment, PaymentStatus::Success).expect("room");
        assert_eq!(answer.callbacks as usize, expected);
        for _ in 0..200 {
            if expected > 0 && seen.callbacks.lock().expect("whole").len() >= expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let callbacks = seen.callbacks.lock().expect("whole").clone();
        assert_eq!(callbacks.len(), expected);
        assert!(callbacks.iter().all(|callback| signature::is_authentic(&secret, callback)));
        handle.stop(false).await;
    }

    fn config(duplicate_share: f64, loss_share: f64) -> SandboxConfig {
        SandboxConfig { delay: Duration::from_millis(5), duplicate_share, loss_share }
    }

    #[actix_web::test]
    async fn a_callback_comes_once_signed() {
        check(config(0.0, 0.0), 0, 1).await;
    }

    #[actix_web::test]
    async fn a_callback_may_come_twice_or_never() {
        check(config(1.0, 0.0), 0, 2).await;
        check(config(1.0, 1.0), 0, 0).await;
    }

    #[actix_web::test]
    async fn a_callback_is_repeated_until_it_is_heard() {
        check(config(0.0, 0.0), 2, 1).await;
    }

    #[actix_web::test]
    async fn a_callback_comes_over_https_with_the_gateways_own_certificate() {
        check_with(Some(Certificate::make()), config(0.0, 0.0), 0, 1).await;
    }
}
