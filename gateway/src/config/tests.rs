//! What the configuration accepts, what it refuses, and with which words.

use super::raw::{RawConfig, with_flags};
use super::secrets::{GivenSecrets, Secrets};
use super::settings::SETTINGS;
use super::{Config, ConfigError, Cors};
use std::ffi::OsString;
use std::path::Path;

fn load(file: &str, env: &[(&str, &str)], flags: &[&str]) -> Result<Config, ConfigError> {
    let args = std::iter::once("serve").chain(flags.iter().copied());
    let matches = with_flags(clap::Command::new("serve")).get_matches_from(args);
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let file = (!file.is_empty()).then_some((Path::new("usher.toml"), file));
    Config::check(&RawConfig::gather(file, env, &matches)?)
}

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let listen = |file, env: &[_], flags: &[_]| {
        load(file, env, flags).expect("a configuration").http.listen.port()
    };
    let file = "listen = '127.0.0.1:1001'";
    let env = [("USHER_LISTEN", "127.0.0.1:1002")];
    let flags = ["--listen", "127.0.0.1:1003"];
    assert_eq!(listen("", &[], &[]), 8080);
    assert_eq!(listen(file, &[], &[]), 1001);
    assert_eq!(listen(file, &env, &[]), 1002);
    assert_eq!(listen(file, &env, &flags), 1003);
    assert_eq!(listen("", &[], &flags), 1003);
}

#[test]
fn tables_and_lists_are_other_ways_to_write_the_same() {
    let config = load(
        "cors_origins = ['https://a.example', 'https://b.example']\n[sandbox]\ndelay_ms = 7",
        &[],
        &[],
    )
    .expect("a configuration");
    assert_eq!(config.sandbox.expect("on by default").delay.as_millis(), 7);
    let origins = ["https://a.example", "https://b.example"].map(str::to_owned);
    assert_eq!(config.http.cors, Cors::Origins(origins.to_vec()));
}

#[test]
fn the_public_url_follows_from_the_address() {
    let url = |flags: &[_]| load("", &[], flags).expect("a configuration").http.public_url();
    assert_eq!(url(&[]), "http://127.0.0.1:8080");
    assert_eq!(url(&["--listen", "0.0.0.0:80"]), "http://127.0.0.1:80");
    assert_eq!(url(&["--listen", "[::]:80"]), "http://[::1]:80");
    assert_eq!(url(&["--tls-cert", "c", "--tls-key", "k"]), "https://127.0.0.1:8080");
    assert_eq!(url(&["--public-url", "https://t.example/"]), "https://t.example");
}

/// Refused with these words.
fn check(file: &str, env: &[(&str, &str)], flags: &[&str], words: &str) {
    let error = load(file, env, flags).expect_err(words).to_string();
    assert!(error.starts_with(words), "`{error}` does not start with `{words}`");
}

#[test]
fn a_bad_value_or_an_unknown_name_is_refused_by_its_name() {
    check(
        "hold_secnds_max = 1",
        &[],
        &[],
        "unknown setting `hold_secnds_max` in usher.toml; did you mean `hold_seconds_max`?",
    );
    check("[sandbox]\nfoo = 1", &[], &[], "unknown setting `sandbox_foo` in usher.toml");
    check("a = ", &[], &[], "usher.toml is not TOML");
    check("cors_origins = [1]", &[], &[], "cors_origins (in usher.toml): must be a list");
    check(
        "",
        &[("USHER_LISTN", "x")],
        &[],
        "unknown setting `USHER_LISTN` in the environment; did you mean `listen`?",
    );
    check("", &[("USHER_SHARDS", "many")], &[], "USHER_SHARDS: `many`: invalid digit");
    check("", &[], &["--shards", "-1"], "--shards: `-1`: invalid digit");
    check("", &[], &["--shards", "5000"], "--shards: 5000 is not between 0 and 1024");
    check("", &[], &["--listen", "here"], "--listen: `here`: invalid socket address");
    check("", &[], &["--sandbox-loss-share", "2"], "--sandbox-loss-share: 2 is not between");
    check("", &[], &["--sandbox-loss-share", "NaN"], "--sandbox-loss-share: NaN is not between");
    check("", &[], &["--sandbox-enabled", "yes"], "--sandbox-enabled: `yes`");
    check("", &[], &["--log-format", "xml"], "--log-format: `xml` is not auto, human or json");
    check("", &[], &["--tls-cert", "c.pem"], "--tls-cert: needs tls_key beside it");
    check("", &[], &["--public-url", "tickets"], "--public-url: `tickets` is not an http(s) URL");
    check(
        "",
        &[],
        &["--cors-origins", "a.example"],
        "--cors-origins: `a.example` is not an origin",
    );
    check(
        "",
        &[],
        &["--hold-seconds-default", "4000"],
        "--hold-seconds-default: 4000 is not between 1 and 3600",
    );
    check("", &[], &["--seats-per-hold-max", "33"], "--seats-per-hold-max: 33 is not between");
    check(
        "organiser_key = 'short'",
        &[],
        &[],
        "organiser_key (in usher.toml): must have at least 16 characters",
    );
    check(
        "",
        &[("USHER_OPERATOR_KEY", "with a space in it")],
        &[],
        "USHER_OPERATOR_KEY: must be printable ASCII",
    );
    check("", &[], &["--data-dir", ""], "--data-dir: must not be empty");
}

#[test]
fn the_help_text_explains_every_setting_and_its_default() {
    let help = with_flags(clap::Command::new("serve")).render_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in SETTINGS {
        assert!(help.contains(&setting.env()), "{} is not explained", setting.key);
        assert_eq!(help.contains(&format!("--{} ", setting.flag())), !setting.secret);
        let default = format!("[default: {}] [env: {}]", setting.default, setting.env());
        assert!(setting.default.is_empty() || help.contains(&default), "{}", setting.key);
    }
}

#[test]
fn keys_are_made_once_for_the_owner_only_and_never_printed() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    let first = Secrets::load_or_make(dir.path(), &GivenSecrets::default()).expect("made");
    assert_eq!(first.made.len(), 6);
    for path in &first.made {
        assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    }
    assert!(!format!("{first:?}").contains(first.organiser_key.reveal()));

    let second = Secrets::load_or_make(dir.path(), &GivenSecrets::default()).expect("read");
    assert!(second.made.is_empty());
    assert!(second.organiser_key.is(first.organiser_key.reveal()));
    assert_eq!(second.id_key, first.id_key);
    assert!(!second.organiser_key.is("something else"));

    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&first.made[0], open).expect("opened");
    let error = Secrets::load_or_make(dir.path(), &GivenSecrets::default()).expect_err("refused");
    assert!(error.to_string().contains("can be read by others"), "{error}");
}

#[test]
fn a_given_key_is_not_written_down() {
    let key = "an-organiser-key-of-ours";
    let config = load("", &[("USHER_ORGANISER_KEY", key)], &[]).expect("a configuration");
    let dir = tempfile::tempdir().expect("a directory");
    let secrets = Secrets::load_or_make(dir.path(), &config.given_secrets).expect("made");
    assert!(secrets.organiser_key.is(key));
    assert!(!dir.path().join("keys/organiser_key").exists());
    assert!(dir.path().join("keys/operator_key").exists());
}
