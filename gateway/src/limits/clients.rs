//! Whose request it is, as far as an address can tell.
//!
//! A proxy's word for its client counts only where the proxy is known: anybody can write a header.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};
use ipnet::IpNet;

/// A home or an office has at least this much of IPv6 to itself (RFC 6177), and could come from
/// another address with every request.
const IPV6_PREFIX_BITS: u32 = 64;

/// Which addresses are proxies of ours, and which are never limited.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Addresses without limits, such as those that load tests come from.
    pub exempt: Vec<IpNet>,
}

impl Clients {
    /// Where a request came from, as far as our proxies say.
    #[must_use]
    pub fn of(&self, request: &HttpRequest) -> Option<IpAddr> {
        request.peer_addr().map(|peer| self.client(peer.ip(), request.headers()))
    }

    /// As [`Clients::of`], IPv6 cut to its prefix; `None` where the address is exempt.
    #[must_use]
    pub fn counted_of(&self, request: &HttpRequest) -> Option<IpAddr> {
        self.counted(request.peer_addr()?.ip(), request.headers())
    }

    /// The address that a request counts for, IPv6 cut to its prefix; `None` where it is exempt.
    pub(super) fn counted(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let client = self.client(peer, headers);
        (!contains(&self.exempt, client)).then(|| prefix_of(client))
    }

    /// The last address that is not one of our proxies: each of them adds whom it heard, at the
    /// end, and what stands before that anybody may have written.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !contains(&self.trusted_proxies, client) {
            return client;
        }
        let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).collect();
        let texts = lines.iter().rev().filter_map(|line| line.to_str().ok());
        for hop in texts.flat_map(|text| text.rsplit(',')) {
            let Some(address) = address_of(hop.trim()) else { break };
            client = address;
            if !contains(&self.trusted_proxies, client) {
                break;
            }
        }
        client
    }
}

/// An address as proxies write it: some add the port.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address: Option<IpAddr> = bare.parse().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    address.or_else(with_port).map(|address| address.to_canonical())
}

fn contains(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&address))
}

/// An address as it counts: IPv6 cut to its prefix.
#[must_use]
pub fn prefix_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let kept = u128::MAX << (128 - IPV6_PREFIX_BITS);
            Ipv6Addr::from_bits(v6.to_bits() & kept).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With 10.0.0.0/8 and fd00::/8 as proxies, and 192.0.2.7 exempt.
    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: Option<&str>) {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let clients = Clients {
            trusted_proxies: nets(&["10.0.0.0/8", "fd00::/8"]),
            exempt: nets(&["192.0.2.7/32"]),
        };
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let counted = clients.counted(peer.parse().unwrap(), &headers);
        assert_eq!(counted, expected.map(|text| text.parse().unwrap()));
    }

    #[test]
    fn only_a_known_proxy_says_who_its_client_is() {
        check("198.51.100.1", &[], Some("198.51.100.1"));
        check("198.51.100.1", &["203.0.113.9"], Some("198.51.100.1"));
        check("10.0.0.1", &["203.0.113.9"], Some("203.0.113.9"));
        check("10.0.0.1", &["203.0.113.9:4711"], Some("203.0.113.9"));
        check("fd00::1", &["[2001:db8:1:2::3]:4711"], Some("2001:db8:1:2::"));
        check("::ffff:10.0.0.1", &["203.0.113.9"], Some("203.0.113.9"));
    }

    #[test]
    fn what_a_client_writes_before_the_proxy_does_not_count() {
        check("10.0.0.1", &["1.1.1.1, 203.0.113.9"], Some("203.0.113.9"));
        check("10.0.0.1", &["1.1.1.1", "203.0.113.9"], Some("203.0.113.9"));
        check("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.2.3.4"], Some("203.0.113.9"));
        check("10.0.0.1", &["192.0.2.7, 203.0.113.9"], Some("203.0.113.9"));
    }

    #[test]
    fn rubbish_counts_for_whoever_passed_it_on() {
        check("10.0.0.1", &["unknown"], Some("10.0.0.1"));
        check("10.0.0.1", &[], Some("10.0.0.1"));
        check("10.0.0.1", &["203.0.113.9, , 10.2.3.4"], Some("10.2.3.4"));
    }

    #[test]
    fn who_is_exempt_is_not_counted_and_a_prefix_is_one_client() {
        check("192.0.2.7", &[], None);
        check("10.0.0.1", &["192.0.2.7"], None);
        check("2001:db8:1:2:3:4:5:6", &[], Some("2001:db8:1:2::"));
        check("2001:db8:1:3::", &[], Some("2001:db8:1:3::"));
    }
}
