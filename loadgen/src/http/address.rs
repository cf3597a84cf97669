//! Where a server is: the host and port of a plain `http` URL.

use hyper::header::HeaderValue;

/// The address of a server, as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Host and port to connect to.
    pub authority: String,
    /// The same, as every request names it.
    pub host: HeaderValue,
}

impl Address {
    /// Reads `http://HOST[:PORT]`. A path is not allowed: the contract fixes all paths.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, in a sentence.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").ok_or_else(|| {
            format!("`{url}` does not begin with http:// (TLS ends before the server under test)")
        })?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
            return Err(format!("`{url}` is not http://HOST:PORT"));
        }
        let has_port =
            authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = HeaderValue::from_str(authority)
            .map_err(|_| format!("`{url}` is not http://HOST:PORT"))?;
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority, host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_faults_named() {
        let authority = |url: &str| Address::parse(url).map(|address| address.authority).ok();
        assert_eq!(authority("http://127.0.0.1:8080"), Some("127.0.0.1:8080".into()));
        assert_eq!(authority("http://tickets.example/"), Some("tickets.example:80".into()));
        assert_eq!(authority("http://[::1]:8080"), Some("[::1]:8080".into()));
        for url in ["https://a:1", "127.0.0.1:80", "http://", "http://a:1/api", "http://u@a:1"] {
            assert_eq!(authority(url), None, "{url}");
        }
    }
}
