//! Names of keys.

use super::super::Scope;

/// Version of everything under a scope; part of every key.
pub(super) const FORMAT: u32 = 1;

/// Makes the names of one prefix.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: encode(prefix) }
    }

    /// What stands in front of every key of a scope: the braces keep them in one slot of a Cluster.
    fn base(&self, scope: &Scope) -> String {
        let (deployment, entity) = (encode(&scope.deployment), encode(&scope.entity));
        format!("{{{}:{FORMAT}:{deployment}:{entity}:{}}}:", self.prefix, scope.partition)
    }

    fn named(&self, scope: &Scope, name: &str) -> Vec<u8> {
        (self.base(scope) + name).into_bytes()
    }

    pub(super) fn control(&self, scope: &Scope) -> Vec<u8> {
        self.named(scope, "control")
    }

    pub(super) fn pending(&self, scope: &Scope) -> Vec<u8> {
        self.named(scope, "pending")
    }

    pub(super) fn meta(&self, scope: &Scope) -> Vec<u8> {
        self.named(scope, "meta")
    }

    pub(super) fn values(&self, scope: &Scope, state: &str) -> Vec<u8> {
        self.named(scope, &values(state))
    }

    pub(super) fn map(&self, scope: &Scope, state: &str, key: &[u8]) -> Vec<u8> {
        [self.base(scope).as_bytes(), &map(state, key)].concat()
    }

    pub(super) fn index(&self, scope: &Scope, state: &str, key: &[u8]) -> Vec<u8> {
        [self.base(scope).as_bytes(), &index(state, key)].concat()
    }

    /// A pattern for `SCAN` that finds the control key of every scope.
    pub(super) fn all_controls(&self) -> String {
        format!("{{{}:{FORMAT}:*}}:control", self.prefix)
    }

    /// The scope whose control key this is.
    pub(super) fn scope_of(&self, control: &[u8]) -> Option<Scope> {
        let inner = std::str::from_utf8(control).ok()?.strip_prefix('{')?.strip_suffix("}:control")?;
        let inner = inner.strip_prefix(&format!("{}:{FORMAT}:", self.prefix))?;
        let mut parts = inner.splitn(3, ':');
        let (deployment, entity, partition) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Scope {
            deployment: decode(deployment)?,
            entity: decode(entity)?,
            partition: partition.parse().ok()?,
        })
    }
}

/// Within a scope: the hash of a value state.
pub(super) fn values(state: &str) -> String {
    format!("v:{}", encode(state))
}

/// Within a scope: the hash of one key of a map state.
pub(super) fn map(state: &str, key: &[u8]) -> Vec<u8> {
    [format!("m:{}:", encode(state)).as_bytes(), key].concat()
}

/// Within a scope: the fields of one key of a sorted map state, in order.
pub(super) fn index(state: &str, key: &[u8]) -> Vec<u8> {
    [format!("s:{}:", encode(state)).as_bytes(), key].concat()
}

/// Percent-encodes all but letters, digits, `.`, `_` and `-`.
fn encode(part: &str) -> String {
    let mut encoded = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_comes_back_from_its_control_key() {
        let keys = Keys::new("team a");
        let scope = Scope { deployment: "x:y".to_owned(), entity: "zähl%}".to_owned(), partition: 12 };
        let control = keys.control(&scope);
        assert_eq!(String::from_utf8_lossy(&control), "{team%20a:1:x%3Ay:z%C3%A4hl%25%7D:12}:control");
        assert_eq!(keys.scope_of(&control), Some(scope));
        assert_eq!(Keys::new("other").scope_of(&control), None);
    }

    #[test]
    fn record_keys_stay_as_they_are() {
        let scope = Scope { deployment: "d".to_owned(), entity: "e".to_owned(), partition: 0 };
        assert_eq!(Keys::new("invoker").map(&scope, "m", b"a:\xff"), b"{invoker:1:d:e:0}:m:m:a:\xff");
    }
}
