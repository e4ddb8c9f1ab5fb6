//! Proves to a broker who asks, on a connection that is new.

use super::connection::Connection;
use super::messages::{SaslAuthenticate, SaslHandshake};
use super::sasl::{Login, Mechanism, SHA_256, SHA_512, Scram, nonce};
use crate::SinkError;

/// Proves to the broker who asks, and with SCRAM has it prove that it knows the password.
pub(super) async fn log_in(connection: &mut Connection, login: &Login) -> Result<(), SinkError> {
    let mechanism = login.mechanism.name();
    let (error, known) = connection.ask(&SaslHandshake { mechanism }).await?;
    if error != 0 {
        let known = known.join(", ");
        return Err(SinkError::new(format!(
            "the broker does not take {mechanism}, but {known} (error {error})"
        )));
    }
    let hash = match login.mechanism {
        Mechanism::Plain => {
            let bytes = format!("\0{}\0{}", login.user, login.password);
            return say(connection, &bytes).await.map(|_| ());
        }
        Mechanism::ScramSha256 => &SHA_256,
        Mechanism::ScramSha512 => &SHA_512,
    };
    let scram = Scram::new(hash, login, nonce());
    let first = say(connection, &scram.first()).await?;
    let (last, signature) = scram.last(&first).map_err(SinkError::new)?;
    let told = say(connection, &last).await?;
    if told != format!("v={signature}") {
        return Err(SinkError::new(
            "the broker does not know the password itself",
        ));
    }
    Ok(())
}

async fn say(connection: &mut Connection, text: &str) -> Result<String, SinkError> {
    let bytes = text.as_bytes();
    let answered = connection.ask(&SaslAuthenticate { bytes }).await?;
    let bytes = answered.map_err(|(error, text)| {
        SinkError::new(format!(
            "the broker refuses the login: {text} (error {error})"
        ))
    })?;
    String::from_utf8(bytes).map_err(|_| SinkError::new("the broker's login is no text"))
}
