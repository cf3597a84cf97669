//! Every setting there is, in one table.
//!
//! The command line's flags, the environment's names, the file's keys, the help text and the check
//! for unknown names are all made from this table, so none of them can forget a setting or call it
//! differently. A setting `hold_seconds_max` is `--hold-seconds-max`, `USHER_HOLD_SECONDS_MAX`, and
//! in the file either `hold_seconds_max` or `seconds_max` in a table `[hold]`.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name in the file; the others follow from it.
    pub key: &'static str,
    /// What it is where nobody says anything. Empty means "not given".
    pub default: &'static str,
    /// What it does, for the help text: one sentence, with the unit.
    pub help: &'static str,
    /// Whether it must not be seen: no flag (other users see those), never printed.
    pub secret: bool,
}

impl Setting {
    /// The name in the environment.
    pub fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.key.to_ascii_uppercase())
    }

    /// The name on the command line, without its dashes.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }
}

/// What every name in the environment starts with.
pub const ENV_PREFIX: &str = "USHER_";
/// The variable that names the configuration file.
pub const ENV_CONFIG: &str = "USHER_CONFIG";

/// All settings, in the order of the help text.
pub const SETTINGS: &[Setting] = &[
    open("data_dir", "usher-data", "Directory that holds everything the server must not lose"),
    open("listen", "127.0.0.1:8080", "Address for buyers and organisers"),
    open("ops_listen", "127.0.0.1:9090", "Address for operators; keep it off the internet"),
    open(
        "public_url",
        "",
        "URL under which buyers and the payment provider reach `listen`; made from it where not given",
    ),
    secret("organiser_key", "Bearer key of organisers; made at the first start where not given"),
    secret("operator_key", "Bearer key of operators; made at the first start where not given"),
    secret(
        "callback_secret",
        "Secret that signs payment callbacks; made at the first start where not given",
    ),
    open("shards", "0", "Threads that own inventories; 0 is one per processor"),
    open("http_workers", "0", "Threads that speak HTTP; 0 is one per processor"),
    open("connections_max", "20000", "Connections per HTTP thread; more wait in the listen queue"),
    open("streams_max", "20000", "Event streams at once; more get 503"),
    open(
        "rate_limit_address_per_second",
        "100",
        "Writes per second and address before 429, IPv6 by its /64; 0 is no limit",
    ),
    open("rate_limit_user_per_second", "5", "Holds and orders per second and user; 0 is no limit"),
    open("rate_limit_show_per_second", "0", "Holds per second and show; 0 is no limit"),
    open(
        "rate_limit_section_per_second",
        "0",
        "Holds per second of seats of one section of a show; 0 is no limit",
    ),
    open("rate_limit_call_per_second", "0", "Requests per second and kind of write; 0 is no limit"),
    open(
        "rate_limit_exempt",
        "127.0.0.0/8, ::1",
        "Addresses and networks without these limits, comma-separated, such as those of load tests",
    ),
    open(
        "rate_limit_clients_max",
        "262144",
        "Addresses, and users, that are remembered, 16 bytes each; more push out the idle",
    ),
    open(
        "identity",
        "open, token, key",
        "How a buyer's call says who buys: `open` anybody names any user, `token` users log in, `key` \
         integrators with the scope to sell name the user; comma-separated",
    ),
    open("token_issuer", "usher", "Who issues access tokens, as they say in `iss`"),
    open(
        "reset_hook_url",
        "",
        "Who is told of tokens that reset a password, and sends them to the owner's address; nobody \
         where not given",
    ),
    open(
        "oidc_issuer",
        "",
        "Another issuer (OpenID Connect) whose tokens are taken, as they say in `iss`",
    ),
    open("oidc_audience", "", "What tokens of that issuer must say in `aud`"),
    open(
        "oidc_jwks",
        "",
        "Where that issuer's JWK set is: a file, or an address beginning with https://",
    ),
    open("access_token_seconds", "3600", "How long an access token lives"),
    open("session_days", "30", "How long a log-in lives unless it is renewed"),
    open(
        "token_cache_max",
        "65536",
        "Verified tokens that are remembered, some 250 bytes each; more push out the idle",
    ),
    open("password_memory_kib", "19456", "Memory of one password hash (Argon2id), in KiB"),
    open("password_passes", "2", "Passes of a password hash over that memory"),
    open(
        "password_threads",
        "1",
        "Password hashes at once; 0 is one per processor, but then logins slow down sales",
    ),
    open("password_waiting_max", "64", "Log-ins that may wait for their hash; more get 503"),
    open(
        "trusted_proxies",
        "",
        "Addresses and networks whose X-Forwarded-For is believed, comma-separated",
    ),
    open(
        "challenge_when",
        "risky",
        "When who joins or registers must solve a challenge: `never`, `risky` or `always`",
    ),
    open(
        "challenge_method",
        "altcha",
        "Which challenge: `altcha` (proof of work), `hcaptcha` or `turnstile`",
    ),
    open(
        "challenge_difficulty",
        "50000",
        "Largest number that a proof of work looks for at level 0; each level is 4 times harder",
    ),
    open("challenge_seconds", "300", "How long a proof of work counts after it was asked for"),
    open(
        "challenge_used_max",
        "262144",
        "Solved challenges that are remembered, about 40 bytes each",
    ),
    open("challenge_site_key", "", "Public key of this site at the provider of captchas"),
    secret("challenge_secret", "Secret of this site at the provider of captchas"),
    open(
        "challenge_verify_url",
        "",
        "Where captchas are checked; the provider's own where not given",
    ),
    open(
        "risk_clients_max",
        "65536",
        "Addresses, devices and users, each, of which risks are remembered, 48 bytes each",
    ),
    open(
        "risk_holds",
        "false",
        "Whether holds are looked at for risks as well, and not only who joins, registers or logs in",
    ),
    open("hold_seconds_default", "600", "How long a hold lives where the show does not say"),
    open("hold_seconds_max", "3600", "The longest that a show may let holds live"),
    open("seats_per_hold_max", "20", "Seats or tickets that one hold may ask for, at most 32"),
    open("pay_seconds", "900", "How long an order waits for its payment to start"),
    open(
        "pay_extension_seconds",
        "600",
        "The least time that starting a payment leaves for paying, once per order",
    ),
    open("lane_payments_capacity", "8192", "Payments and check-ins that may wait at one shard"),
    open("lane_buyers_capacity", "8192", "Requests of buyers that may wait at one shard"),
    open(
        "lane_control_capacity",
        "1024",
        "Requests of organisers and operators that may wait at one shard",
    ),
    open("body_plan_bytes_max", "64000000", "Largest seating plan, in bytes, unpacked"),
    open("body_admin_bytes_max", "4000000", "Largest other request of an organiser, in bytes"),
    open("body_bytes_max", "65536", "Largest request of a buyer, in bytes"),
    open("request_seconds_max", "10", "How long a request waits for its owner before 504"),
    open(
        "client_seconds_max",
        "5",
        "How long a client may take for a request's head, and for a body that comes below 4 KiB/s",
    ),
    open("keep_alive_seconds", "75", "How long an idle connection is kept"),
    open("shutdown_seconds_max", "30", "How long requests may take to finish after SIGTERM"),
    open(
        "drain_seconds",
        "0",
        "How long to go on serving after SIGTERM with readiness failing, for load balancers to notice",
    ),
    open(
        "cors_origins",
        "",
        "Origins that browsers may call from, comma-separated, or `*`; none where not given",
    ),
    open("tls_cert", "", "PEM file with the certificate chain; HTTPS and HTTP/2 where given"),
    open("tls_key", "", "PEM file with the certificate's private key"),
    open("log_format", "auto", "`human`, `json`, or `auto`: human on a terminal"),
    open(
        "log_level",
        "info,actix_server=warn,actix_http::h1=off",
        "`error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,usher_shards=debug`",
    ),
    open("sandbox_enabled", "true", "Whether payments go to the built-in sandbox provider"),
    open(
        "sandbox_delay_ms",
        "50",
        "How long the sandbox waits before it calls back, in milliseconds",
    ),
    open("sandbox_duplicate_share", "0", "Share of sandbox callbacks that are sent twice, 0 to 1"),
    open("sandbox_loss_share", "0", "Share of sandbox callbacks that are never sent, 0 to 1"),
    open(
        "snapshot_journal_bytes",
        "268435456",
        "Journal growth after which a snapshot is written and a new journal directory begun, in bytes",
    ),
    open(
        "journal_keep_generations",
        "2",
        "Journal directories kept beyond those that recovery needs",
    ),
    open(
        "journal_cache_bytes",
        "16777216",
        "Memory that the journal may use for its cache, in bytes",
    ),
    open("logbook_files_max", "64", "Files of the logbook that are kept, of 16 MiB each"),
    open("disk_reserve_bytes", "67108864", "Free space below which writes get 503, in bytes"),
];

const fn open(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, help, secret: false }
}

const fn secret(key: &'static str, help: &'static str) -> Setting {
    Setting { key, default: "", help, secret: true }
}

/// The setting of this key.
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}
