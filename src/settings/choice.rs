//! Settings that are one of a few words.

use super::kind::Kind;
use super::value::Value;

/// Makes an enum whose variants are the words of a setting.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            /// The words, as the table `settings` has them.
            pub(super) const NAMES: &[&str] = &[$(stringify!($word),)*];
        }

        impl Value for $name {
            fn of(_: &Kind, text: &str) -> Option<Self> {
                [$(Self::$word,)*].into_iter().zip(Self::NAMES).find_map(|(word, name)| name.eq_ignore_ascii_case(text).then_some(word))
            }
        }
    };
}

choice! {
    /// What may be done before the connection is secured.
    LoginType {
        /// Every mechanism in clear.
        PlainTextLogin,
        /// USER/PASS, PLAIN and bearer tokens only under TLS, the others in clear too.
        PlainTextAuthentication,
        /// Nothing before TLS.
        #[default]
        SecureLogin,
    }
}

choice! {
    /// What channel bindings are worth (RFC 5056).
    ExtendedProtectionPolicy {
        /// Ignored.
        #[default]
        None,
        /// Checked if the client sends them.
        Allow,
        /// A client that sends none, or wrong ones, is refused.
        Require,
    }
}

choice! {
    /// The order of a scan listing.
    SortOrder {
        /// Message 1 is the oldest.
        #[default]
        Ascending,
        /// Message 1 is the newest.
        Descending,
    }
}

choice! {
    /// When a new protocol log is begun.
    RollOver {
        /// Each hour.
        #[default]
        Hourly,
        /// Each day.
        Daily,
        /// Each week.
        Weekly,
        /// Each month.
        Monthly,
    }
}
