//! How a registry learns who asks: the challenge that it answers with, and the token or password that is the reply to
//! it. Owns that exchange; requests themselves are the business of [`client`](crate::client).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_auth::ChallengeRef;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use ureq::Agent;

use crate::credentials::Login;

/// Largest answer of a token service, bytes.
const TOKEN_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Why there is no token.
pub(crate) enum Refusal {
    /// Nobody can be asked.
    Away(String),
    Refused(String),
}

/// What to send as `Authorization` to who answered with this challenge; `scope` is asked for where the challenge names
/// none. `secure`: it came by HTTPS, so that no login may go by plain HTTP.
pub(crate) fn answer(
    agent: &Agent,
    challenge: &str,
    scope: &str,
    login: Option<&Login>,
    secure: bool,
) -> Result<String, Refusal> {
    let challenges = http_auth::parse_challenges(challenge)
        .map_err(|error| Refusal::Refused(format!("its challenge cannot be read: {error}")))?;
    let of = |scheme: &str| challenges.iter().find(|it| it.scheme.eq_ignore_ascii_case(scheme));
    if let Some(bearer) = of("bearer") {
        return token(agent, bearer, scope, login, secure).map(|token| format!("Bearer {token}"));
    }
    match (of("basic"), login) {
        (Some(_), Some(Login::Password { name, secret })) => Ok(basic(name, secret)),
        (Some(_), _) => Err(Refusal::Refused("it asks for a name and a password".to_owned())),
        _ => Err(Refusal::Refused(format!("it asks for a login of another kind: {challenge}"))),
    }
}

fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

fn token(
    agent: &Agent,
    challenge: &ChallengeRef<'_>,
    scope: &str,
    login: Option<&Login>,
    secure: bool,
) -> Result<String, Refusal> {
    let refused = |why: &str| Refusal::Refused(why.to_owned());
    let realm =
        parameter(challenge, "realm").ok_or_else(|| refused("its challenge names no token service"))?;
    if secure && !realm.to_ascii_lowercase().starts_with("https://") {
        return Err(refused("its token service is not on HTTPS, as it is itself"));
    }
    let mut fields = vec![("scope", parameter(challenge, "scope").unwrap_or_else(|| scope.to_owned()))];
    fields.extend(parameter(challenge, "service").map(|service| ("service", service)));
    fields.retain(|(_, value)| !value.is_empty());
    let sent = if let Some(Login::Identity(token)) = login {
        fields.push(("grant_type", "refresh_token".to_owned()));
        fields.push(("client_id", "invoker".to_owned()));
        fields.push(("refresh_token", token.clone()));
        let request = agent.post(&realm).header("Content-Type", "application/x-www-form-urlencoded");
        request.send(&encoded(&fields))
    } else {
        let joint = if realm.contains('?') { '&' } else { '?' };
        let mut request = agent.get(format!("{realm}{joint}{}", encoded(&fields)));
        if let Some(Login::Password { name, secret }) = login {
            request = request.header("Authorization", basic(name, secret));
        }
        request.call()
    };
    let mut response = sent.map_err(|error| Refusal::Away(format!("its token service: {error}")))?;
    match response.status().as_u16() {
        200 => {}
        401 | 403 => return Err(refused("the login is not taken")),
        status @ (429 | 500..) => return Err(Refusal::Away(format!("its token service answered {status}"))),
        status => return Err(Refusal::Refused(format!("its token service answered {status}"))),
    }
    let body = response.body_mut().with_config().limit(TOKEN_BYTES).read_to_vec();
    let body = body.map_err(|error| Refusal::Away(format!("its token service: {error}")))?;
    let token: Option<Token> = serde_json::from_slice(&body).ok();
    let token = token.and_then(|token| token.token.or(token.access_token));
    token.ok_or_else(|| refused("its token service gave no token"))
}

fn encoded(fields: &[(&str, String)]) -> String {
    let field =
        |(name, value): &(&str, String)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    fields.iter().map(field).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_came_for_https_does_not_go_by_plain_http() {
        let login = Login::Password { name: "ann".to_owned(), secret: "secret".to_owned() };
        // Nobody listens there: had it been asked, it would be away.
        let challenge = r#"Bearer realm="http://127.0.0.1:1/token",service="registry""#;
        let answer = |secure| {
            answer(&Agent::new_with_defaults(), challenge, "repository:team/split:pull", Some(&login), secure)
        };
        assert!(matches!(answer(true), Err(Refusal::Refused(why)) if why.contains("not on HTTPS")));
        assert!(matches!(answer(false), Err(Refusal::Away(_))));
    }
}
