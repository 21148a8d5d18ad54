//! A block of addresses, as `TrustedNetworks` names them (CIDR, RFC 4632 section 3.1, RFC 4291 section 2.3).
//!
//! Addresses are values here: nothing of this opens a socket or asks a resolver.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` lies in the block. An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), as a
    /// dual-stack listener shows its IPv4 clients, counts as the IPv4 address that it stands for.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(client)) => mask4(block, self.prefix) == mask4(client, self.prefix),
            (IpAddr::V6(block), IpAddr::V6(client)) => mask6(block, self.prefix) == mask6(client, self.prefix),
            _ => false,
        }
    }

    /// Whether every address of its family lies in the block.
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }
}

/// What was written is no block of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    /// Reads `ADDRESS/BITS`; an address alone is the block of this one address. Bits beyond the prefix
    /// do not count, whatever they are.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let written: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let longest = if written.is_ipv4() { 32 } else { 128 };
        let prefix = bits.map_or(Ok(longest), |bits| prefix(bits, longest))?;
        match written.to_canonical() {
            // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
            address if address.is_ipv4() && written.is_ipv6() => {
                Ok(Self { address, prefix: prefix.checked_sub(96).ok_or(NotANetwork)? })
            }
            address => Ok(Self { address, prefix }),
        }
    }
}

fn prefix(bits: &str, longest: u8) -> Result<u8, NotANetwork> {
    let decimal = |number: &u8| number.to_string() == bits && *number <= longest;
    bits.parse().ok().filter(decimal).ok_or(NotANetwork)
}

fn mask4(address: Ipv4Addr, prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0) & address.to_bits()
}

fn mask6(address: Ipv6Addr, prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0) & address.to_bits()
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(block: &str, address: &str) -> bool {
        block.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn blocks_hold_what_shares_their_prefix() {
        for (block, inside, outside) in [
            ("127.0.0.0/8", "127.255.0.1", "128.0.0.1"),
            ("10.1.2.3/16", "10.1.99.9", "10.2.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::1/128", "::1", "::2"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
        ] {
            assert!(holds(block, inside), "{block} holds {inside}");
            assert!(!holds(block, outside), "{block} does not hold {outside}");
        }
    }

    #[test]
    fn mapped_addresses_count_as_ipv4() {
        assert!(holds("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(holds("::ffff:10.0.0.0/104", "10.9.9.9"));
        assert!(!holds("::/0", "::ffff:10.0.0.1"));
    }

    #[test]
    fn refuses_what_is_no_block() {
        for bad in [
            "",
            "/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0/8",
            "host/8",
            "::ffff:10.0.0.0/8",
        ] {
            assert_eq!(bad.parse::<Network>(), Err(NotANetwork), "{bad}");
        }
    }
}
