//! The header of GSS-API mechanisms (RFC 5801 section 4), which SCRAM and OAUTHBEARER messages begin with.

/// `gs2-cbind-flag`: what the client says of channel binding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flag {
    /// `n`: the client cannot bind.
    Unsupported,
    /// `y`: the client can, and believes that we cannot.
    NotOffered,
    /// `p=`: bound, with this type.
    Bound(String),
}

/// `gs2-header`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the client says of channel binding.
    pub flag: Flag,
    /// Authorization identity, unescaped.
    pub authzid: Option<String>,
}

/// The header and what follows its second comma.
///
/// # Errors
/// What is wrong with it, for the client to read.
pub fn parse(text: &str) -> Result<(Header, &str), &'static str> {
    let mut parts = text.splitn(3, ',');
    let (Some(flag), Some(authzid), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("GS2 header is missing");
    };
    let flag = match (flag, flag.strip_prefix("p=")) {
        ("n", _) => Flag::Unsupported,
        ("y", _) => Flag::NotOffered,
        (_, Some(name)) if !name.is_empty() => Flag::Bound(name.to_owned()),
        _ => return Err("GS2 header has an invalid channel binding flag"),
    };
    let authzid = match authzid.strip_prefix("a=") {
        Some(name) => Some(saslname(name)?),
        None if authzid.is_empty() => None,
        None => return Err("GS2 header has an invalid authorization identity"),
    };
    Ok((Header { flag, authzid }, rest))
}

/// `=2C` stands for a comma and `=3D` for an equals sign; any other `=` is an error, and so is an
/// empty name (RFC 5802 section 5.1, RFC 5801 section 4).
///
/// # Errors
/// What is wrong with it.
pub fn saslname(name: &str) -> Result<String, &'static str> {
    let mut chunks = name.split('=');
    let mut plain = chunks.next().unwrap_or_default().to_owned();
    for chunk in chunks {
        let (sign, rest) = if let Some(rest) = chunk.strip_prefix("2C") {
            (',', rest)
        } else if let Some(rest) = chunk.strip_prefix("3D") {
            ('=', rest)
        } else {
            return Err("SASL name has an invalid escape");
        };
        plain.push(sign);
        plain.push_str(rest);
    }
    if plain.is_empty() { Err("SASL name is empty") } else { Ok(plain) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_their_forms_and_no_other() {
        for (text, expected) in [
            ("n,,x", Flag::Unsupported),
            ("y,,x", Flag::NotOffered),
            ("p=tls-exporter,,x", Flag::Bound("tls-exporter".into())),
        ] {
            assert_eq!(parse(text).map(|(header, rest)| (header.flag, rest)), Ok((expected, "x")), "{text}");
        }
        for text in ["p=,,x", "p,,x", ",,x", "N,,x", "n,x", "n", "nn,,x", "n,alice,x", "n,b=alice,x"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(
            parse("n,a=al=2Cice,x,y").map(|(header, rest)| (header.authzid, rest)),
            Ok((Some("al,ice".into()), "x,y"))
        );
    }
}
