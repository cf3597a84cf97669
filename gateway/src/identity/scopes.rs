//! What each call asks of its caller: the one table, from which the OpenAPI document tells it.
//!
//! A test calls every endpoint with every kind of credential and holds the answers against it.

use std::fmt;

/// What a key of an integrator may be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Buying for any user: a trusted front, such as a box office.
    Sell,
    /// Everything under `/admin/v1`.
    Organise,
    /// Letting people in.
    CheckIn,
    /// Everything under `/ops/v1`.
    Operate,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sell, Self::Organise, Self::CheckIn, Self::Operate];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sell => "sell",
            Self::Organise => "organise",
            Self::CheckIn => "checkin",
            Self::Operate => "operate",
        }
    }

    /// The scope of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }

    /// Its bit, as owners keep it: part of the data format.
    const fn bit(self) -> u8 {
        match self {
            Self::Sell => 1,
            Self::Organise => 2,
            Self::CheckIn => 4,
            Self::Operate => 8,
        }
    }
}

/// Some scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// These.
    pub fn of(scopes: &[Scope]) -> Self {
        Self(scopes.iter().fold(0, |bits, scope| bits | scope.bit()))
    }

    /// As an owner kept them.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// As an owner keeps them.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether this is one of them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Their words.
    pub fn words(self) -> Vec<String> {
        let those = Scope::ALL.into_iter().filter(|scope| self.has(*scope));
        those.map(|scope| scope.word().to_owned()).collect()
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// What a call asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing, or what it asks for is in the request: a signature, a code, a token.
    Public,
    /// A user's token, or a key with the scope to sell; nothing where identity is `open`.
    Buyer,
    /// A user's token.
    User,
    /// A key with the scope to let people in; nothing where identity is `open`.
    CheckIn,
    /// A key with this scope, always.
    Key(Scope),
}

impl Access {
    /// As the OpenAPI document says it in `x-usher-scope`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Buyer => "buyer",
            Self::User => "user",
            Self::CheckIn => "checkin",
            Self::Key(scope) => scope.word(),
        }
    }

    /// What a call asks of its caller: by its path, or else by its name.
    pub fn of(path: &str, operation: &str) -> Self {
        if path.starts_with("/admin/v1/") {
            return Self::Key(Scope::Organise);
        }
        if path.starts_with("/ops/v1/") {
            return Self::Key(Scope::Operate);
        }
        let named = TABLE.iter().find(|(name, _)| *name == operation);
        named.map_or(Self::Public, |(_, access)| *access)
    }
}

/// Calls that ask something of their caller, by `operationId`; those under `/admin/v1` and
/// `/ops/v1` do so by their path. Whatever is not named here is public.
pub const TABLE: &[(&str, Access)] = &[
    ("cancelOrder", Access::Buyer),
    ("changePassword", Access::User),
    ("checkIn", Access::CheckIn),
    ("eraseMe", Access::User),
    ("exportMe", Access::User),
    ("getHold", Access::Buyer),
    ("getMe", Access::User),
    ("getOrder", Access::Buyer),
    ("giveConsent", Access::User),
    ("joinQueue", Access::Buyer),
    ("listMyOrders", Access::Buyer),
    ("logOutEverywhere", Access::User),
    ("placeHold", Access::Buyer),
    ("placeOrder", Access::Buyer),
    ("releaseHold", Access::Buyer),
    ("startPayment", Access::Buyer),
    ("watchOrder", Access::Buyer),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.word()), Some(scope));
            assert!(Scopes::of(&[scope]).has(scope));
        }
        let some = Scopes::of(&[Scope::CheckIn, Scope::Sell]);
        assert_eq!(some.words(), ["sell", "checkin"]);
        assert!(!some.has(Scope::Organise) && !some.has(Scope::Operate));
        assert_eq!(Scopes::from_bits(some.bits()), some);
        assert_eq!((Scope::parse("all"), Scope::parse("")), (None, None));
        assert_eq!(Scopes::of(&Scope::ALL).bits(), 15, "part of the data format");
    }
}
