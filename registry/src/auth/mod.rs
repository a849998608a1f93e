//! Who asks, and what they may do: bearer tokens with scopes, from a file. Owns rights and how a request proves them; knows
//! nothing of the store.

mod session;
mod table;
mod tokens;

use std::fmt;

pub(crate) use table::SESSION_SECONDS;
pub use table::TokenFileError;
pub use tokens::Tokens;

pub(crate) use session::{Scope, Session};

use crate::name::{Namespace, Repository};

/// What somebody may do in a namespace. Each holds those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    Pull,
    Push,
    /// Deletes as well.
    Admin,
}

impl Right {
    /// As Docker's token flow names the actions.
    pub(crate) fn actions(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Admin => "pull,push,delete",
        }
    }
}

/// A right in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub namespace: Namespace,
    pub right: Right,
}

/// What a request may do.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// There are no tokens: everything.
    Open,
    /// Nobody said who they are.
    Anonymous { may_pull: bool },
    /// The holder of a token, perhaps with a session token for a part of what it may do.
    Holder { name: String, grants: Vec<Grant>, scopes: Option<Vec<Scope>> },
}

/// Why a request may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It should say who is asking, or ask for a session token with more scopes.
    Unproven,
    /// The holder of this token may not.
    Denied,
}

impl Access {
    pub(crate) fn check(&self, repository: &Repository, right: Right) -> Result<(), Refusal> {
        match self {
            Self::Open => Ok(()),
            Self::Anonymous { may_pull } if *may_pull && right == Right::Pull => Ok(()),
            Self::Anonymous { .. } => Err(Refusal::Unproven),
            Self::Holder { grants, scopes, .. } => {
                if !allows(grants, repository, right) {
                    return Err(Refusal::Denied);
                }
                match scopes {
                    Some(scopes) if !scopes.iter().any(|scope| scope.covers(repository, right)) => {
                        Err(Refusal::Unproven)
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Whether lists show a repository.
    pub(crate) fn sees(&self, repository: &Repository) -> bool {
        match self {
            Self::Open => true,
            Self::Anonymous { may_pull } => *may_pull,
            Self::Holder { grants, .. } => allows(grants, repository, Right::Pull),
        }
    }
}

pub(crate) fn allows(grants: &[Grant], repository: &Repository, right: Right) -> bool {
    grants.iter().any(|grant| grant.right >= right && grant.namespace.covers(repository))
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open | Self::Anonymous { .. } => f.write_str("anonymous"),
            Self::Holder { name, .. } => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(scopes: Option<&[&str]>) -> Access {
        let grants = vec![Grant { namespace: "team".parse().unwrap(), right: Right::Push }];
        let scopes = scopes.map(|scopes| scopes.iter().filter_map(|scope| Scope::read(scope)).collect());
        Access::Holder { name: "ci".to_owned(), grants, scopes }
    }

    #[test]
    fn a_right_holds_the_lesser_ones_in_its_namespace_only() {
        let check = |name: &str, right| holder(None).check(&name.parse().unwrap(), right);
        assert_eq!(check("team/split", Right::Pull), Ok(()));
        assert_eq!(check("team/split", Right::Push), Ok(()));
        assert_eq!(check("team/split", Right::Admin), Err(Refusal::Denied));
        assert_eq!(check("teams/split", Right::Pull), Err(Refusal::Denied));
    }

    #[test]
    fn a_session_may_do_no_more_than_it_asked_for() {
        let session = holder(Some(&["repository:team/split:pull", "repository:team/split:delete"]));
        let check = |name: &str, right| session.check(&name.parse().unwrap(), right);
        assert_eq!(check("team/split", Right::Pull), Ok(()));
        assert_eq!(check("team/split", Right::Push), Err(Refusal::Unproven));
        assert_eq!(check("team/other", Right::Pull), Err(Refusal::Unproven));
        assert_eq!(check("team/split", Right::Admin), Err(Refusal::Denied));
    }

    #[test]
    fn without_a_token_one_may_pull_at_most() {
        let name = "team/split".parse().unwrap();
        assert_eq!(Access::Anonymous { may_pull: true }.check(&name, Right::Pull), Ok(()));
        assert_eq!(Access::Anonymous { may_pull: true }.check(&name, Right::Push), Err(Refusal::Unproven));
        assert_eq!(Access::Anonymous { may_pull: false }.check(&name, Right::Pull), Err(Refusal::Unproven));
    }
}
