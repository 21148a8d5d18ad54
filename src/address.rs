//! (to be written)
/// stub
pub fn parse_user(_: &str) -> crate::sasl::Identity { crate::sasl::Identity{authcid:String::new(),authzid:None} }
