//! Replies whose exact octets are part of the contract, CRLF included.

/// The greeting with the default `Banner`.
pub const GREETING: &str = "+OK The Pillarbox POP3 service is ready.\r\n";
/// A reply with nothing to say.
pub const OK: &str = "+OK\r\n";
/// PASS and AUTH that succeeded.
pub const LOGON: &str = "+OK User successfully logged on.\r\n";
/// PASS and AUTH with wrong credentials, whatever was wrong with them.
pub const LOGON_FAILURE: &str = "-ERR [AUTH] Logon failure: unknown user name or bad password.\r\n";
/// A command that the state of the session does not allow.
pub const WANTS_TLS: &str =
    "-ERR Command is not valid in this state. This server wants TLS first: STLS, or port 995.\r\n";
pub const WRONG_STATE: &str = "-ERR Command is not valid in this state.\r\n";
/// How replies to unknown commands and bad arguments begin.
pub const PROTOCOL_ERROR: &str = "-ERR Protocol error. ";
/// How the notice before an autologout begins.
pub const AUTOLOGOUT: &str = "-ERR Connection is closed. ";
/// STLS that was accepted.
pub const BEGIN_TLS: &str = "+OK Begin TLS negotiation.\r\n";
/// QUIT.
pub const SIGNING_OFF: &str = "+OK Pillarbox POP3 server signing off.\r\n";
/// A message number that the session never had.
pub const OUT_OF_RANGE: &str = "-ERR The specified message is out of range.\r\n";
/// A message number that DELE has marked.
pub const MARKED: &str = "-ERR The specified message is marked as deleted.\r\n";
/// AUTH that the client ended with `*`.
pub const CANCELLED: &str = "-ERR The AUTH protocol exchange was canceled by the client.\r\n";
