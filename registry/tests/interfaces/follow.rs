//! A token file that changes while the registry runs.

use std::time::Duration;

use invoker_registry::{Options, Tokens};

use crate::artifact::sha256;
use crate::client::PATIENCE;
use crate::registry::Registry;

fn file(secret: &str) -> String {
    let hash = sha256(secret.as_bytes()).replace("sha256:", "");
    format!(
        "[[token]]\nname = \"{secret}\"\nsha256 = \"{hash}\"\ngrants = [{{ namespace = \"*\", right = \"pull\" }}]\n"
    )
}

fn status(registry: &Registry, secret: &str) -> u16 {
    registry.send("GET", "/v2/", &[("authorization", &format!("Bearer {secret}"))], b"").status
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_file_that_changes_counts_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    std::fs::write(&path, file("first")).unwrap();
    let tokens = Tokens::file(&path).unwrap();
    let registry = Registry::with(Options { tokens: Some(tokens.clone()), ..Options::default() });
    let followed = path.clone();
    let following = tokio::spawn(async move { tokens.follow(&followed, Duration::from_millis(5)).await });
    assert_eq!((status(&registry, "first"), status(&registry, "second")), (200, 401));
    std::fs::write(&path, file("second")).unwrap();
    until(|| status(&registry, "second") == 200).await;
    assert_eq!(status(&registry, "first"), 401);
    std::fs::write(&path, file("third")).unwrap();
    until(|| status(&registry, "third") == 200).await;
    assert_eq!(status(&registry, "second"), 401);
    following.abort();
}
