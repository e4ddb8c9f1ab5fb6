//! What proves who asks: SASL's mechanisms PLAIN, and SCRAM (RFC 5802, RFC 7677).

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use rand::distr::Alphanumeric;
use ring::{digest, hmac, pbkdf2};

/// Characters of a nonce: more than 128 bits of chance.
const NONCE_CHARS: usize = 24;
/// Rounds that a broker may ask for: fewer are unsafe by the RFC, more would hold the thread.
const ROUNDS: std::ops::RangeInclusive<u32> = 4096..=100_000;

/// How a broker checks a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// It is sent as it is: for connections by TLS.
    Plain,
    /// It is not sent.
    ScramSha256,
    /// It is not sent.
    ScramSha512,
}

/// Who asks.
#[derive(Clone)]
pub struct Login {
    /// How.
    pub mechanism: Mechanism,
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("mechanism", &self.mechanism)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Mechanism {
    /// As the protocol calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// What SCRAM is made of.
pub(super) struct Hash {
    digest: &'static digest::Algorithm,
    hmac: &'static hmac::Algorithm,
    pbkdf2: &'static pbkdf2::Algorithm,
}

pub(super) static SHA_256: Hash = Hash {
    digest: &digest::SHA256,
    hmac: &hmac::HMAC_SHA256,
    pbkdf2: &pbkdf2::PBKDF2_HMAC_SHA256,
};
pub(super) static SHA_512: Hash = Hash {
    digest: &digest::SHA512,
    hmac: &hmac::HMAC_SHA512,
    pbkdf2: &pbkdf2::PBKDF2_HMAC_SHA512,
};

/// One login by SCRAM.
pub(super) struct Scram<'a> {
    hash: &'static Hash,
    password: &'a str,
    nonce: String,
    /// The first message without its head.
    bare: String,
}

/// One login's part of the nonce.
pub(super) fn nonce() -> String {
    let letters = rand::rng().sample_iter(Alphanumeric).take(NONCE_CHARS);
    letters.map(char::from).collect()
}

impl<'a> Scram<'a> {
    pub(super) fn new(hash: &'static Hash, login: &'a Login, nonce: String) -> Self {
        let user = login.user.replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            password: &login.password,
            bare: format!("n={user},r={nonce}"),
            nonce,
        }
    }

    /// Without channel binding, which brokers do not offer.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// The last message to the broker whose first is this, and the signature that it must answer with.
    pub(super) fn last(&self, of_broker: &str) -> Result<(String, String), String> {
        let unreadable = || "the broker's login is not SCRAM's".to_owned();
        let part = |name: &str| {
            let mut parts = of_broker.split(',');
            parts
                .find_map(|part| part.strip_prefix(name))
                .ok_or_else(unreadable)
        };
        let (nonce, salt, rounds) = (part("r=")?, part("s=")?, part("i=")?);
        let salt = STANDARD.decode(salt).map_err(|_| unreadable())?;
        let rounds: u32 = rounds.parse().map_err(|_| unreadable())?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(unreadable());
        }
        let rounds = Some(rounds).filter(|rounds| ROUNDS.contains(rounds));
        let rounds = rounds.and_then(NonZeroU32::new).ok_or_else(|| {
            format!("the broker asks for rounds of SCRAM that are not within {ROUNDS:?}")
        })?;
        let mut salted = vec![0; self.hash.digest.output_len()];
        let password = self.password.as_bytes();
        pbkdf2::derive(*self.hash.pbkdf2, rounds, &salt, password, &mut salted);
        let without_proof = format!("c=biws,r={nonce}");
        let all = format!("{},{of_broker},{without_proof}", self.bare);
        let client_key = self.sign(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest, client_key.as_ref());
        let client_signature = self.sign(stored_key.as_ref(), all.as_bytes());
        let keys = client_key.as_ref().iter().zip(client_signature.as_ref());
        let proof: Vec<u8> = keys.map(|(key, signature)| key ^ signature).collect();
        let server_key = self.sign(&salted, b"Server Key");
        let signature = self.sign(server_key.as_ref(), all.as_bytes());
        let last = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((last, STANDARD.encode(signature)))
    }

    fn sign(&self, key: &[u8], text: &[u8]) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(*self.hash.hmac, key), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        Login {
            mechanism: Mechanism::ScramSha256,
            user: "user".into(),
            password: "pencil".into(),
        }
    }

    #[test]
    fn a_login_is_that_of_rfc_7677() {
        let login = login();
        assert!(!format!("{login:?}").contains("pencil"));
        let scram = Scram::new(&SHA_256, &login, "rOprNGfwEbeRWgbNEkqO".into());
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let of_broker = format!("{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let (last, signature) = scram.last(&of_broker).unwrap();
        let proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(last, format!("c=biws,{nonce},{proof}"));
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn what_is_not_scram_or_another_nonce_ends_the_login() {
        let login = login();
        let scram = Scram::new(&SHA_512, &login, "abc".into());
        for of_broker in [
            "",
            "r=abcd,i=4096",
            "r=abcd,s=AAAA,i=many",
            "r=xyz,s=AAAA,i=4096",
            "r=abc,s=AAAA,i=4096",
            "r=abcd,s=AAAA,i=1",
            "r=abcd,s=AAAA,i=100001",
        ] {
            assert!(scram.last(of_broker).is_err(), "{of_broker}");
        }
        assert!(scram.last("r=abcd,s=AAAA,i=4096").is_ok());
        let login = Login {
            user: "a=b,c".into(),
            ..login
        };
        let scram = Scram::new(&SHA_512, &login, "abc".into());
        assert_eq!(scram.first(), "n,,n=a=3Db=2Cc,r=abc");
    }
}
