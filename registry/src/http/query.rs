//! The query of a request. Owns splitting and decoding; what the names mean is for who asks.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Names and values, in the order of the request.
#[derive(Debug)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    pub(crate) fn read(text: Option<&'a str>) -> Self {
        let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name), decoded(value))
                })
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn all<'b, 'n>(&'b self, name: &'n str) -> impl Iterator<Item = &'b str> + use<'a, 'b, 'n> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_ref())
    }
}

/// As forms are encoded, except that `+` stays: digests and media types hold it, and no value here holds a space.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_may_come_more_than_once() {
        let query = Query::read(Some("tag=1.0.0&n=5&tag=latest&digest=sha256%3Aab&empty&a=x/y+json"));
        assert_eq!(query.all("tag").collect::<Vec<_>>(), ["1.0.0", "latest"]);
        assert_eq!(query.get("digest"), Some("sha256:ab"));
        assert_eq!(query.get("empty"), Some(""));
        assert_eq!(query.get("a"), Some("x/y+json"));
        assert_eq!(query.get("last"), None);
    }
}
