//! The three messages of NTLM ([MS-NLMP] 2.2.1) as octets and as types. Nothing is decided here but
//! whether a message is one that can be decided on at all.
//!
//! All integers are little-endian. A *field* is length, room and offset of a chunk of the payload;
//! chunks may be in any order, so nothing is ever derived from it.

/// Longest message, octets. Real ones have 100 to 1,500.
const LONGEST_MESSAGE: usize = 16_384;
const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// What clients that want to be told about us are told: nothing.
const NAME: &str = "PILLARBOX";

/// NegotiateFlags of [MS-NLMP] 2.2.2.5, as far as we look at them.
pub mod flag {
    #![allow(missing_docs)]
    pub const UNICODE: u32 = 0x0000_0001;
    pub const OEM: u32 = 0x0000_0002;
    pub const REQUEST_TARGET: u32 = 0x0000_0004;
    pub const SIGN: u32 = 0x0000_0010;
    pub const SEAL: u32 = 0x0000_0020;
    pub const NTLM: u32 = 0x0000_0200;
    pub const ANONYMOUS: u32 = 0x0000_0800;
    pub const ALWAYS_SIGN: u32 = 0x0000_8000;
    pub const TARGET_TYPE_SERVER: u32 = 0x0002_0000;
    pub const EXTENDED_SESSIONSECURITY: u32 = 0x0008_0000;
    pub const TARGET_INFO: u32 = 0x0080_0000;
    pub const VERSION: u32 = 0x0200_0000;
    pub const BITS_128: u32 = 0x2000_0000;
    pub const KEY_EXCH: u32 = 0x4000_0000;
    pub const BITS_56: u32 = 0x8000_0000;
}

/// Attributes of [MS-NLMP] 2.2.2.1, as far as we send or read them.
mod av {
    pub const EOL: u16 = 0;
    pub const NB_COMPUTER_NAME: u16 = 1;
    pub const NB_DOMAIN_NAME: u16 = 2;
    pub const DNS_COMPUTER_NAME: u16 = 3;
    pub const DNS_DOMAIN_NAME: u16 = 4;
    pub const FLAGS: u16 = 6;
    pub const TIMESTAMP: u16 = 7;
    pub const TARGET_NAME: u16 = 9;
    pub const CHANNEL_BINDINGS: u16 = 10;
}

/// Why a message goes no further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// It is no NTLM message.
    Malformed(&'static str),
    /// It asks for something that is never allowed.
    Forbidden(&'static str),
}
use Rejected::{Forbidden, Malformed};

/// Time in steps of 100 ns since 1601 UTC ([MS-DTYP] 2.3.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Filetime(pub u64);

impl Filetime {
    /// From seconds since 1970 UTC; what is before 1601 reads 1601.
    pub fn from_unix(seconds: i64) -> Self {
        Self(u64::try_from(seconds.saturating_add(11_644_473_600)).unwrap_or(0).saturating_mul(10_000_000))
    }
}

/// NEGOTIATE_MESSAGE ([MS-NLMP] 2.2.1.1): its flags. Names, version and what is missing are ignored.
///
/// # Errors
/// It is no such message.
pub fn parse_negotiate(message: &[u8]) -> Result<u32, Rejected> {
    check_head(message, 1)?;
    let flags = u32_at(message, 12).ok_or(Malformed("NTLM message is too short"))?;
    if flags & (flag::UNICODE | flag::OEM) == 0 {
        return Err(Malformed("NTLM message names no character set"));
    }
    Ok(flags)
}

/// CHALLENGE_MESSAGE ([MS-NLMP] 2.2.1.2), as sent.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The whole message.
    pub octets: Vec<u8>,
    /// Its flags.
    pub flags: u32,
    /// ServerChallenge, used once.
    pub nonce: [u8; 8],
}

impl Challenge {
    /// The challenge for a client that asked for these flags ([MS-NLMP] 3.2.5.1.1).
    pub fn new(asked: u32, nonce: [u8; 8], now: Filetime) -> Self {
        let flags = challenge_flags(asked);
        let name = if flags & flag::UNICODE != 0 { utf16(NAME) } else { NAME.as_bytes().to_vec() };
        let info = target_info(now);
        let mut octets = SIGNATURE.to_vec();
        octets.extend(2u32.to_le_bytes());
        push_field(&mut octets, name.len(), 56);
        octets.extend(flags.to_le_bytes());
        octets.extend(nonce);
        octets.extend([0; 8]);
        push_field(&mut octets, info.len(), 56 + name.len());
        // VERSION is for debugging only ([MS-NLMP] 2.2.2.10): no need to tell ours.
        octets.extend([0, 0, 0, 0, 0, 0, 0, 15]);
        octets.extend(name);
        octets.extend(info);
        Self { octets, flags, nonce }
    }
}

/// Reads nothing into what the client asks for: unknown flags are left out.
fn challenge_flags(asked: u32) -> u32 {
    let charset = if asked & flag::UNICODE != 0 { flag::UNICODE } else { flag::OEM };
    let echoed = flag::SIGN
        | flag::SEAL
        | flag::EXTENDED_SESSIONSECURITY
        | flag::VERSION
        | flag::BITS_128
        | flag::KEY_EXCH
        | flag::BITS_56;
    let ours = flag::REQUEST_TARGET | flag::NTLM | flag::ALWAYS_SIGN | flag::TARGET_TYPE_SERVER | flag::TARGET_INFO;
    charset | ours | asked & echoed
}

/// AV pairs. The timestamp makes clients take it for their own time and add a MIC
/// ([MS-NLMP] 3.1.5.1.2).
fn target_info(now: Filetime) -> Vec<u8> {
    let mut info = Vec::new();
    let upper = utf16(NAME);
    let lower = utf16(&NAME.to_ascii_lowercase());
    let time = now.0.to_le_bytes();
    for (id, value) in [
        (av::NB_DOMAIN_NAME, upper.as_slice()),
        (av::NB_COMPUTER_NAME, &upper),
        (av::DNS_DOMAIN_NAME, &lower),
        (av::DNS_COMPUTER_NAME, &lower),
        (av::TIMESTAMP, &time),
        (av::EOL, &[]),
    ] {
        info.extend(id.to_le_bytes());
        info.extend((value.len() as u16).to_le_bytes());
        info.extend(value);
    }
    info
}

/// AUTHENTICATE_MESSAGE ([MS-NLMP] 2.2.1.3) with an NTLMv2 response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authenticate {
    /// UserName as sent; never empty.
    pub user: String,
    /// DomainName as sent.
    pub domain: String,
    /// NTProofStr.
    pub proof: [u8; 16],
    /// NTLMv2_CLIENT_CHALLENGE (*temp*), as sent: it is hashed, never made again.
    pub temp: Vec<u8>,
    /// TimeStamp of it.
    pub time: Filetime,
    /// MsvAvChannelBindings of it, if there are any that are not all zero.
    pub bindings: Option<[u8; 16]>,
    /// MsvAvTargetName of it: the service principal name that the client believes it talks to; empty if there is none.
    pub target: String,
    /// EncryptedRandomSessionKey, where the flags say that there is one that counts.
    pub session_key: Option<[u8; 16]>,
    /// The MIC, where MsvAvFlags announces one ([MS-NLMP] 3.2.5.1.2).
    pub mic: Option<[u8; 16]>,
    /// The whole message with that MIC zeroed.
    pub without_mic: Vec<u8>,
}

/// Where the MIC is.
const MIC: std::ops::Range<usize> = 72..88;

impl Authenticate {
    /// Parses the client's answer to a challenge with these flags.
    ///
    /// # Errors
    /// It is no such message, or one without a user or with an older response than NTLMv2.
    pub fn parse(message: &[u8], offered: u32) -> Result<Self, Rejected> {
        check_head(message, 3)?;
        let flags = u32_at(message, 60).ok_or(Malformed("NTLM message is too short"))?;
        let unicode = flags & offered & flag::UNICODE != 0;
        let text = |at| field(message, at).and_then(|octets| decode(octets, unicode));
        let user = text(36)?;
        if user.is_empty() || flags & flag::ANONYMOUS != 0 {
            return Err(Forbidden("NTLM without a user"));
        }
        let (proof, temp) = split_response(field(message, 20)?)?;
        field(message, 12)?;
        field(message, 44)?;
        let pairs = Pairs::parse(temp.get(28..).unwrap_or_default())?;
        let (mic, without_mic) = cut_mic(message, pairs.mic)?;
        Ok(Self {
            user,
            domain: text(28)?,
            proof,
            temp: temp.to_vec(),
            time: Filetime(u64_at(temp, 8).ok_or(Malformed("NTLM response is too short"))?),
            bindings: pairs.bindings.filter(|bindings| *bindings != [0; 16]),
            target: pairs.target,
            session_key: session_key(field(message, 52)?, flags & offered)?,
            mic,
            without_mic,
        })
    }

    /// The login this message is for. Clients that were given no domain may send back our own name.
    pub fn login(&self) -> String {
        let bare = self.domain.is_empty() || self.domain.eq_ignore_ascii_case(NAME) || self.user.contains('@');
        if bare { self.user.clone() } else { format!("{}\\{}", self.domain, self.user) }
    }
}

/// NTProofStr and temp of an NTLMv2 response ([MS-NLMP] 2.2.2.7, 2.2.2.8). Of 24 octets it is one
/// of NTLMv1, and without octets there is at most an LM response: both can be broken in hours.
fn split_response(response: &[u8]) -> Result<([u8; 16], &[u8]), Rejected> {
    match response.len() {
        0 => return Err(Forbidden("NTLM without an NT response")),
        24 => return Err(Forbidden("NTLMv1 response")),
        _ => {}
    }
    match response.split_first_chunk::<16>() {
        Some((proof, temp)) if temp.starts_with(&[1, 1]) => Ok((*proof, temp)),
        _ => Err(Malformed("NTLM response has an unknown version")),
    }
}

/// The key that a client with KEY_EXCH must send; RC4 takes it only where something could be signed
/// or sealed with it ([MS-NLMP] 3.2.5.1.2).
fn session_key(octets: &[u8], agreed: u32) -> Result<Option<[u8; 16]>, Rejected> {
    if agreed & flag::KEY_EXCH == 0 {
        return Ok(None);
    }
    let key = octets.try_into().map_err(|_| Malformed("NTLM session key must have 16 octets"))?;
    Ok((agreed & (flag::SIGN | flag::SEAL) != 0).then_some(key))
}

/// The MIC and the message with zeroes in its place.
fn cut_mic(message: &[u8], announced: bool) -> Result<(Option<[u8; 16]>, Vec<u8>), Rejected> {
    let mut rest = message.to_vec();
    if !announced {
        return Ok((None, rest));
    }
    let place = rest.get_mut(MIC).ok_or(Malformed("NTLM message is too short for its MIC"))?;
    let mut mic = [0; 16];
    mic.swap_with_slice(place);
    Ok((Some(mic), rest))
}

/// What we read of the AV pairs in temp.
#[derive(Default)]
struct Pairs {
    mic: bool,
    bindings: Option<[u8; 16]>,
    target: String,
}

impl Pairs {
    fn parse(mut octets: &[u8]) -> Result<Self, Rejected> {
        const BROKEN: Rejected = Malformed("NTLM attributes are broken");
        let mut pairs = Self::default();
        loop {
            let (id, length) = (u16_at(octets, 0).ok_or(BROKEN)?, u16_at(octets, 2).ok_or(BROKEN)?);
            let (value, rest) = octets.get(4..).and_then(|rest| rest.split_at_checked(length.into())).ok_or(BROKEN)?;
            match id {
                av::EOL => return Ok(pairs),
                av::FLAGS => pairs.mic |= u32_at(value, 0).ok_or(BROKEN)? & 2 != 0,
                // Always UTF-16. What is no text is no name of ours, and never empty.
                av::TARGET_NAME => pairs.target = decode(value, true).unwrap_or_else(|_| "?".into()),
                av::CHANNEL_BINDINGS => pairs.bindings = Some(value.try_into().map_err(|_| BROKEN)?),
                _ => {}
            }
            octets = rest;
        }
    }
}

fn check_head(message: &[u8], kind: u32) -> Result<(), Rejected> {
    if message.len() > LONGEST_MESSAGE {
        return Err(Malformed("NTLM message is too long"));
    }
    if !message.starts_with(SIGNATURE) || u32_at(message, 8) != Some(kind) {
        return Err(Malformed("this is not the NTLM message expected here"));
    }
    Ok(())
}

/// The chunk of the payload that the field at `at` names. A field without length may name any place.
fn field(message: &[u8], at: usize) -> Result<&[u8], Rejected> {
    let read = || {
        let length = usize::from(u16_at(message, at)?);
        let offset = usize::try_from(u32_at(message, at + 4)?).ok()?;
        if length == 0 { Some(&[][..]) } else { message.get(offset..offset.checked_add(length)?) }
    };
    read().ok_or(Malformed("NTLM field lies outside its message"))
}

/// Text in UTF-16, or in the client's code page, of which only ASCII is sure.
fn decode(octets: &[u8], unicode: bool) -> Result<String, Rejected> {
    let text = if unicode {
        let (units, rest) = octets.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    } else {
        String::from_utf8(octets.to_vec()).ok().filter(|text| text.is_ascii())
    };
    text.filter(|text| !text.contains('\0')).ok_or(Malformed("NTLM name is no text"))
}

/// Text as [MS-NLMP] hashes and sends it.
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn push_field(octets: &mut Vec<u8>, length: usize, offset: usize) {
    octets.extend((length as u16).to_le_bytes());
    octets.extend((length as u16).to_le_bytes());
    octets.extend((offset as u32).to_le_bytes());
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_16384_octets_at_most() {
        let mut message = b"NTLMSSP\0\x01\0\0\0\x01\0\0\0".to_vec();
        message.resize(16_384, 0);
        assert!(parse_negotiate(&message).is_ok());
        message.push(0);
        assert!(parse_negotiate(&message).is_err());
    }

    /// Only the second bit of the flags announces a MIC, in whichever attribute.
    #[test]
    fn a_mic_is_announced_by_a_bit() {
        let flags = |flags: u32| [[6, 0, 4, 0], flags.to_le_bytes()].concat();
        let is_announced = |attributes: &[Vec<u8>]| {
            let pairs = Pairs::parse(&[attributes.concat(), vec![0; 4]].concat());
            pairs.is_ok_and(|pairs| pairs.mic)
        };
        assert!(is_announced(&[flags(2)]) && is_announced(&[flags(7)]) && is_announced(&[flags(2), flags(2)]));
        assert!(!is_announced(&[]) && !is_announced(&[flags(5)]));
    }
}
