//! The one checked configuration of a server.
//!
//! Texts come from the command line, the environment and a file ([`raw`]); they are turned into
//! this type once, at the start, and every fault is told with the name of the setting and where it
//! was set. Whoever holds a [`Config`] need not check anything again. Keys that nobody gave are
//! made at the first start ([`secrets`]), since that needs the data directory.

mod challenge;
mod identity;
pub mod raw;
pub mod secrets;
pub mod settings;
#[cfg(test)]
mod tests;

use crate::challenge::ChallengeConfig;
use crate::identity::IdentityConfig;
use crate::limits::{Clients, LimitConfig};
use ipnet::IpNet;
use raw::RawConfig;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use usher_engine::limits::{HOLD_MS_MAX, UNITS_PER_HOLD_MAX};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A name that is in no table.
    #[error("unknown setting `{name}` {place}{hint}")]
    UnknownKey {
        /// As it was written.
        name: String,
        /// Where it was written.
        place: String,
        /// What it may have meant, or nothing.
        hint: String,
    },
    /// A value that will not do.
    #[error("{name}: {reason}")]
    BadValue {
        /// The setting as the person who set it called it.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{file} is not TOML: {reason}")]
    File {
        /// Which file.
        file: String,
        /// What the parser says.
        reason: String,
    },
}

/// Everything that can be chosen about a server, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory that holds everything the server must not lose.
    pub data_dir: PathBuf,
    /// Keys that were given; the others are made at the first start.
    pub given_secrets: secrets::GivenSecrets,
    /// Threads that own inventories.
    pub shards: NonZeroUsize,
    /// Sockets, threads and times of HTTP.
    pub http: HttpConfig,
    /// How much one caller may do.
    pub limits: LimitConfig,
    /// What is asked of who joins or registers.
    pub challenge: ChallengeConfig,
    /// Whether holds are looked at for risks as well.
    pub risk_holds: bool,
    /// Addresses, devices and users, each, of which risks are remembered.
    pub risk_clients_max: usize,
    /// How people say who they are.
    pub identity: IdentityConfig,
    /// Files of the logbook that are kept.
    pub logbook_files_max: usize,
    /// How long and how much buyers may hold.
    pub sale: SaleConfig,
    /// How much may wait at one shard.
    pub lanes: LaneConfig,
    /// How large requests may be.
    pub bodies: BodyConfig,
    /// How the journal uses disk and memory.
    pub journal: JournalConfig,
    /// The payment provider for trying and testing; none where it is switched off.
    pub sandbox: Option<SandboxConfig>,
    /// How and what to log.
    pub log: LogConfig,
}

/// Sockets, threads and times of HTTP.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Address for buyers and organisers.
    pub listen: SocketAddr,
    /// Address for operators.
    pub ops_listen: SocketAddr,
    /// URL under which `listen` is reached, where somebody gave it; see [`HttpConfig::public_url`].
    pub given_public_url: Option<String>,
    /// Threads that speak HTTP.
    pub workers: NonZeroUsize,
    /// Connections per HTTP thread.
    pub connections_max: usize,
    /// Event streams at once.
    pub streams_max: usize,
    /// How long a request waits for its owner.
    pub request_timeout: Duration,
    /// How long a client may take to send its request's head.
    pub client_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long to go on serving after SIGTERM with readiness failing.
    pub drain: Duration,
    /// How long requests may take to finish after that.
    pub shutdown_timeout: Duration,
    /// Who may call from a browser.
    pub cors: Cors,
    /// Certificate chain and private key as PEM files; plain HTTP where there are none.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// Which browsers' pages may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cors {
    /// None.
    Off,
    /// Any.
    Any,
    /// Those of these origins.
    Origins(Vec<String>),
}

/// How long and how much buyers may hold.
#[derive(Debug, Clone, Copy)]
pub struct SaleConfig {
    /// How long a hold lives where the show does not say.
    pub hold_seconds_default: u32,
    /// The longest that a show may let holds live.
    pub hold_seconds_max: u32,
    /// Seats or tickets that one hold may ask for.
    pub seats_per_hold_max: u32,
    /// How long an order waits for its payment to start.
    pub pay: Duration,
    /// The least time that starting a payment leaves for paying.
    pub pay_extension: Duration,
}

/// How much may wait at one shard.
#[derive(Debug, Clone, Copy)]
pub struct LaneConfig {
    /// Payments and check-ins.
    pub payments_capacity: usize,
    /// Requests of buyers.
    pub buyers_capacity: usize,
    /// Requests of organisers and operators.
    pub control_capacity: usize,
}

/// How large requests may be, in bytes, unpacked.
#[derive(Debug, Clone, Copy)]
pub struct BodyConfig {
    /// A seating plan.
    pub plan_bytes_max: usize,
    /// Another request of an organiser.
    pub admin_bytes_max: usize,
    /// A request of a buyer.
    pub bytes_max: usize,
}

/// How the journal uses disk and memory.
#[derive(Debug, Clone, Copy)]
pub struct JournalConfig {
    /// Growth after which a snapshot is written.
    pub snapshot_bytes: u64,
    /// Directories kept beyond those that recovery needs.
    pub keep_generations: usize,
    /// Memory for the journal's cache.
    pub cache_bytes: u64,
    /// Free space below which writes are refused.
    pub reserve_bytes: u64,
}

/// How the sandbox payment provider behaves.
#[derive(Debug, Clone, Copy)]
pub struct SandboxConfig {
    /// How long it waits before it calls back.
    pub delay: Duration,
    /// Share of callbacks that are sent twice, 0 to 1.
    pub duplicate_share: f64,
    /// Share of callbacks that are never sent, 0 to 1.
    pub loss_share: f64,
}

/// How and what to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// One line per event for people, or JSON for machines.
    pub format: LogFormat,
    /// A level, or directives as `tracing-subscriber` reads them.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// For machines.
    Json,
}

impl Config {
    /// Checks what was said.
    pub fn check(raw: &RawConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            data_dir: required(raw, "data_dir")?.into(),
            given_secrets: secrets::GivenSecrets::check(raw)?,
            shards: threads(raw, "shards")?,
            http: http(raw)?,
            limits: limits(raw)?,
            challenge: challenge::challenge(raw)?,
            risk_holds: parse(raw, "risk_holds")?,
            risk_clients_max: within(raw, "risk_clients_max", 1, 1 << 28)?,
            identity: identity::check(raw)?,
            logbook_files_max: within(raw, "logbook_files_max", 1, 1 << 20)?,
            sale: sale(raw)?,
            lanes: LaneConfig {
                payments_capacity: within(raw, "lane_payments_capacity", 1, 1 << 20)?,
                buyers_capacity: within(raw, "lane_buyers_capacity", 1, 1 << 20)?,
                control_capacity: within(raw, "lane_control_capacity", 1, 1 << 20)?,
            },
            bodies: BodyConfig {
                plan_bytes_max: within(raw, "body_plan_bytes_max", 1_024, 1 << 30)?,
                admin_bytes_max: within(raw, "body_admin_bytes_max", 1_024, 1 << 30)?,
                bytes_max: within(raw, "body_bytes_max", 1_024, 1 << 24)?,
            },
            journal: JournalConfig {
                snapshot_bytes: within(raw, "snapshot_journal_bytes", 1 << 16, 1 << 40)?,
                keep_generations: within(raw, "journal_keep_generations", 0, 1_000)?,
                cache_bytes: within(raw, "journal_cache_bytes", 1 << 20, 1 << 36)?,
                reserve_bytes: within(raw, "disk_reserve_bytes", 0, 1 << 44)?,
            },
            sandbox: sandbox(raw)?,
            log: LogConfig { format: log_format(raw)?, level: required(raw, "log_level")?.into() },
        })
    }
}

impl HttpConfig {
    /// URL under which `listen` is reached, without a slash at its end: the one given, else made
    /// from the address.
    pub fn public_url(&self) -> String {
        if let Some(url) = &self.given_public_url {
            return url.clone();
        }
        let host = match self.listen.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", SocketAddr::new(host, self.listen.port()))
    }
}

fn http(raw: &RawConfig) -> Result<HttpConfig, ConfigError> {
    Ok(HttpConfig {
        listen: parse(raw, "listen")?,
        ops_listen: parse(raw, "ops_listen")?,
        given_public_url: public_url(raw)?,
        workers: threads(raw, "http_workers")?,
        connections_max: within(raw, "connections_max", 1, 1 << 20)?,
        streams_max: within(raw, "streams_max", 0, 1 << 20)?,
        request_timeout: seconds(raw, "request_seconds_max", 1, 300)?,
        client_timeout: seconds(raw, "client_seconds_max", 1, 300)?,
        keep_alive: seconds(raw, "keep_alive_seconds", 1, 3_600)?,
        drain: seconds(raw, "drain_seconds", 0, 600)?,
        shutdown_timeout: seconds(raw, "shutdown_seconds_max", 1, 600)?,
        cors: cors(raw)?,
        tls: tls(raw)?,
    })
}

fn limits(raw: &RawConfig) -> Result<LimitConfig, ConfigError> {
    let per_second = |key| within(raw, key, 0, 1 << 20).map(NonZeroU32::new);
    Ok(LimitConfig {
        address: per_second("rate_limit_address_per_second")?,
        user: per_second("rate_limit_user_per_second")?,
        show: per_second("rate_limit_show_per_second")?,
        section: per_second("rate_limit_section_per_second")?,
        call: per_second("rate_limit_call_per_second")?,
        clients_max: within(raw, "rate_limit_clients_max", 1, 1 << 28)?,
        clients: Clients {
            trusted_proxies: networks(raw, "trusted_proxies")?,
            exempt: networks(raw, "rate_limit_exempt")?,
        },
    })
}

/// A list of networks; an address is a network of one.
fn networks(raw: &RawConfig, key: &str) -> Result<Vec<IpNet>, ConfigError> {
    let texts = raw.get(key).0.split(',').map(str::trim).filter(|text| !text.is_empty());
    texts
        .map(|text| {
            let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
            text.parse().ok().or_else(address).ok_or_else(|| {
                bad(raw, key, format!("`{text}` is not an address or a network such as 10.0.0.0/8"))
            })
        })
        .collect()
}

fn sale(raw: &RawConfig) -> Result<SaleConfig, ConfigError> {
    let day = u32::try_from(HOLD_MS_MAX / 1_000).expect("a day has fewer than 2^32 seconds");
    let hold_seconds_max = within(raw, "hold_seconds_max", 1, day)?;
    Ok(SaleConfig {
        hold_seconds_default: within(raw, "hold_seconds_default", 1, hold_seconds_max)?,
        hold_seconds_max,
        seats_per_hold_max: within(raw, "seats_per_hold_max", 1, UNITS_PER_HOLD_MAX)?,
        pay: seconds(raw, "pay_seconds", 1, u64::from(day))?,
        pay_extension: seconds(raw, "pay_extension_seconds", 0, u64::from(day))?,
    })
}

fn sandbox(raw: &RawConfig) -> Result<Option<SandboxConfig>, ConfigError> {
    let config = SandboxConfig {
        delay: Duration::from_millis(within(raw, "sandbox_delay_ms", 0, 600_000)?),
        duplicate_share: within(raw, "sandbox_duplicate_share", 0.0, 1.0)?,
        loss_share: within(raw, "sandbox_loss_share", 0.0, 1.0)?,
    };
    Ok(parse::<bool>(raw, "sandbox_enabled")?.then_some(config))
}

fn log_format(raw: &RawConfig) -> Result<LogFormat, ConfigError> {
    match raw.get("log_format").0 {
        "auto" => Ok(LogFormat::Auto),
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        other => Err(bad(raw, "log_format", format!("`{other}` is not auto, human or json"))),
    }
}

fn cors(raw: &RawConfig) -> Result<Cors, ConfigError> {
    let (text, _) = raw.get("cors_origins");
    match text {
        "" => return Ok(Cors::Off),
        "*" => return Ok(Cors::Any),
        _ => {}
    }
    let origins: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
    match origins.iter().find(|origin| !is_origin(origin)) {
        None => Ok(Cors::Origins(origins)),
        Some(origin) => Err(bad(
            raw,
            "cors_origins",
            format!("`{origin}` is not an origin such as https://tickets.example"),
        )),
    }
}

/// Whether this is what a browser writes into `Origin`: scheme and host, no path.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*']))
}

fn tls(raw: &RawConfig) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
    let (cert, key) = (raw.get("tls_cert").0, raw.get("tls_key").0);
    match (cert, key) {
        ("", "") => Ok(None),
        ("", _) => Err(bad(raw, "tls_key", "needs tls_cert beside it".to_owned())),
        (_, "") => Err(bad(raw, "tls_cert", "needs tls_key beside it".to_owned())),
        (cert, key) => Ok(Some((cert.into(), key.into()))),
    }
}

fn public_url(raw: &RawConfig) -> Result<Option<String>, ConfigError> {
    let (text, _) = raw.get("public_url");
    if text.is_empty() {
        return Ok(None);
    }
    let url = text.trim_end_matches('/');
    let uri = actix_web::http::Uri::from_str(url).ok();
    let is_whole = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    match is_whole {
        true => Ok(Some(url.to_owned())),
        false => Err(bad(raw, "public_url", format!("`{text}` is not an http(s) URL"))),
    }
}

/// A number of threads, where 0 is one per processor.
fn threads(raw: &RawConfig, key: &str) -> Result<NonZeroUsize, ConfigError> {
    let count: usize = within(raw, key, 0, 1_024)?;
    Ok(NonZeroUsize::new(count)
        .unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)))
}

fn seconds(raw: &RawConfig, key: &str, min: u64, max: u64) -> Result<Duration, ConfigError> {
    within(raw, key, min, max).map(Duration::from_secs)
}

fn within<T>(raw: &RawConfig, key: &str, min: T, max: T) -> Result<T, ConfigError>
where
    T: FromStr + PartialOrd + std::fmt::Display + Copy,
    T::Err: std::fmt::Display,
{
    let value: T = parse(raw, key)?;
    if value >= min && value <= max {
        Ok(value)
    } else {
        Err(bad(raw, key, format!("{value} is not between {min} and {max}")))
    }
}

fn required<'a>(raw: &'a RawConfig, key: &str) -> Result<&'a str, ConfigError> {
    match raw.get(key).0 {
        "" => Err(bad(raw, key, "must not be empty".to_owned())),
        text => Ok(text),
    }
}

fn parse<T: FromStr>(raw: &RawConfig, key: &str) -> Result<T, ConfigError>
where
    T::Err: std::fmt::Display,
{
    let (text, _) = raw.get(key);
    text.trim().parse().map_err(|error: T::Err| bad(raw, key, format!("`{text}`: {error}")))
}

fn bad(raw: &RawConfig, key: &str, reason: String) -> ConfigError {
    ConfigError::BadValue { name: raw.get(key).1.to_string(), reason }
}
