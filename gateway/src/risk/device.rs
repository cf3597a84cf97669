//! Which browser a request comes from: a signed cookie.
//!
//! A device id says nothing about a person; it is a random number that the same browser brings
//! again. Its signature only keeps anybody from making up devices without asking for them, and each
//! that is asked for counts for the address that asks. The cookie is no credential: whoever sends
//! another one is another device, and may do nothing else.

use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderValue};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::config::secrets::random_bytes;

/// The name of the cookie.
pub const COOKIE_NAME: &str = "usher_device";
/// How long a browser keeps it, in seconds: a year.
const AGE_SECONDS_MAX: u32 = 365 * 24 * 3_600;
const ID_BYTES: usize = 16;
/// A forger has one chance in 2¹²⁸ per try.
const TAG_BYTES: usize = 16;

/// A browser, as far as its cookie tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceId(pub [u8; ID_BYTES]);

/// Makes and reads the cookie.
pub struct Devices {
    key: Hmac<Sha256>,
    is_https: bool,
}

impl Devices {
    /// Cookies under a key that is made of this server's secret. `is_https` keeps browsers from
    /// sending it over anything else.
    #[must_use]
    pub fn new(secret: &[u8], is_https: bool) -> Self {
        let mut derive = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
        derive.update(b"usher-device-cookie");
        let derived = derive.finalize().into_bytes();
        let key = Hmac::new_from_slice(&derived).expect("any length will do");
        Self { key, is_https }
    }

    /// The device of a request; `None` where it has no cookie of ours.
    #[must_use]
    pub fn of(&self, request: &HttpRequest) -> Option<DeviceId> {
        let lines = request.headers().get_all(COOKIE).filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let mut ours = pairs.filter(|(name, _)| name.trim() == COOKIE_NAME);
        ours.find_map(|(_, value)| self.read(value.trim()))
    }

    /// A new device, and the `Set-Cookie` that makes a browser be it.
    #[must_use]
    pub fn issue(&self) -> (DeviceId, HeaderValue) {
        let device = DeviceId(random_bytes());
        let secure = if self.is_https { "; Secure" } else { "" };
        let cookie = format!(
            "{COOKIE_NAME}={}; Path=/; Max-Age={AGE_SECONDS_MAX}; HttpOnly; SameSite=Lax{secure}",
            self.write(device)
        );
        (device, HeaderValue::from_str(&cookie).expect("letters and digits"))
    }

    fn write(&self, DeviceId(id): DeviceId) -> String {
        let tag = self.key.clone().chain_update(id).finalize().into_bytes();
        let mut bytes = [0; ID_BYTES + TAG_BYTES];
        bytes[..ID_BYTES].copy_from_slice(&id);
        bytes[ID_BYTES..].copy_from_slice(&tag[..TAG_BYTES]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    fn read(&self, value: &str) -> Option<DeviceId> {
        let bytes = BASE64URL_NOPAD.decode(value.as_bytes()).ok()?;
        let bytes: [u8; ID_BYTES + TAG_BYTES] = bytes.try_into().ok()?;
        let (id, tag) = bytes.split_first_chunk::<ID_BYTES>()?;
        self.key.clone().chain_update(id).verify_truncated_left(tag).ok()?;
        Some(DeviceId(*id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    /// What the server reads of a cookie line.
    fn read(devices: &Devices, line: &str) -> Option<DeviceId> {
        devices.of(&TestRequest::default().insert_header((COOKIE, line)).to_http_request())
    }

    #[test]
    fn a_device_comes_back_and_a_made_up_one_does_not() {
        let devices = Devices::new(b"a secret of this server", false);
        let (device, cookie) = devices.issue();
        let pair = cookie.to_str().expect("text").split(';').next().expect("a pair").to_owned();
        assert_eq!(read(&devices, &pair), Some(device));
        assert_eq!(read(&devices, &format!("theme=dark; {pair}; x=y")), Some(device));

        let other = Devices::new(b"a secret of another server", false);
        let (name, value) = pair.split_once('=').expect("a pair");
        let altered =
            format!("{name}={}{}", if value.starts_with('A') { 'B' } else { 'A' }, &value[1..]);
        for bad in [altered.as_str(), &pair[..pair.len() - 1], "usher_device=", "usher_device", ""]
        {
            assert_eq!(read(&devices, bad), None, "{bad}");
        }
        assert_eq!(read(&other, &pair), None, "signed by somebody else");
    }

    #[test]
    fn a_cookie_over_https_stays_there() {
        let is_secure = |is_https| {
            let (_, cookie) = Devices::new(b"secret", is_https).issue();
            cookie.to_str().expect("text").ends_with("; Secure")
        };
        assert!(is_secure(true) && !is_secure(false));
    }
}
