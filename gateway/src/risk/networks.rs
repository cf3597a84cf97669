//! A list of addresses and networks that is asked with every risky request.
//!
//! Lists of data centres have tens of thousands of networks, so they are kept as ranges that do not
//! overlap, in order: a question is a binary search.

use std::net::IpAddr;

use ipnet::IpNet;

/// Addresses as 128-bit numbers, IPv4 as IPv6 writes it (RFC 4291, 2.5.5.2).
#[derive(Debug, Clone, Default)]
pub(super) struct Networks {
    /// First and last, ascending, with gaps between them.
    ranges: Box<[(u128, u128)]>,
}

impl Networks {
    /// Reads a list.
    ///
    /// # Errors
    /// The place of the first text that is neither an address nor a network.
    pub(super) fn read(texts: &[String]) -> Result<Self, usize> {
        let mut ranges = Vec::with_capacity(texts.len());
        for (place, text) in texts.iter().enumerate() {
            let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
            let net = text.parse().ok().or_else(address).ok_or(place)?;
            ranges.push((number(net.network()), number(net.broadcast())));
        }
        ranges.sort_unstable();
        let mut apart: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match apart.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => apart.push((first, last)),
            }
        }
        Ok(Self { ranges: apart.into() })
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let number = number(address);
        let after = self.ranges.partition_point(|&(first, _)| first <= number);
        after > 0 && number <= self.ranges[after - 1].1
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_its_network_only() {
        let texts = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "9.255.255.255"];
        let nets = Networks::read(&texts.map(str::to_owned)).expect("networks");
        let inside = |text: &str| nets.contains(text.parse().expect("an address"));
        for address in [
            "10.0.0.0",
            "10.1.2.3",
            "10.255.255.255",
            "192.0.2.7",
            "2001:db8::1",
            "::ffff:10.2.3.4",
        ] {
            assert!(inside(address), "{address}");
        }
        for address in ["9.255.255.254", "11.0.0.0", "192.0.2.6", "192.0.2.8", "2001:db9::", "::1"]
        {
            assert!(!inside(address), "{address}");
        }
        assert!(!Networks::default().contains([10, 0, 0, 1].into()));
    }

    #[test]
    fn what_is_no_network_is_named() {
        let texts = ["10.0.0.0/8", "10.0.0.0/33", ""].map(str::to_owned);
        assert_eq!(Networks::read(&texts).expect_err("refused"), 1);
    }
}
