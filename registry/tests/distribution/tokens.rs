//! Tokens: who may do what, and how ordinary clients log in.

use invoker_registry::{Algorithm, Digest, Options, Tokens};
use serde_json::Value;

use crate::artifact::{image, sha256};
use crate::registry::{Registry, Reply, error};

/// `pusher` may push to `team`, `reader` pull from it, `admin` everything; `old` has expired.
fn registry(anonymous_pull: bool) -> Registry {
    let hash = |secret: &str| Digest::of(Algorithm::Sha256, secret.as_bytes()).hex().to_owned();
    let token = |name: &str, namespace: &str, right: &str, extra: &str| {
        let hash = hash(&format!("{name}-secret"));
        format!(
            "[[token]]\nname = \"{name}\"\nsha256 = \"{hash}\"\n{extra}\n\
             grants = [{{ namespace = \"{namespace}\", right = \"{right}\" }}]\n"
        )
    };
    let file = [
        format!("anonymousPull = {anonymous_pull}\n"),
        token("pusher", "team", "push", ""),
        token("reader", "team", "pull", ""),
        token("admin", "*", "admin", ""),
        token("old", "*", "admin", "expires = \"2020-01-01T00:00:00Z\""),
    ];
    let tokens = Some(Tokens::read(&file.concat()).unwrap());
    Registry::with(Options { tokens, ..Options::default() })
}

fn basic(name: &str) -> String {
    use base64::Engine as _;
    let text = format!("{name}:{name}-secret");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

fn put(registry: &Registry, repository: &str, tag: &str, authorization: &str) -> Reply {
    let path = format!("/v2/{repository}/blobs/uploads/?digest={}", sha256(b"{}"));
    let reply = registry.send("POST", &path, &[("authorization", authorization)], b"{}");
    if reply.status != 201 {
        return reply;
    }
    let path = format!("/v2/{repository}/manifests/{tag}");
    registry.send("PUT", &path, &[("authorization", authorization)], image(&[], "").to_string().as_bytes())
}

/// The session token for a scope.
fn session(registry: &Registry, authorization: Option<&str>, scope: &str) -> Reply {
    let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    registry.send("GET", &format!("/token?service=invoker-registry&scope={scope}"), &headers, b"")
}

fn token(reply: &Reply) -> String {
    let json: Value = reply.json();
    assert_eq!(json["token"], json["access_token"]);
    json["token"].as_str().unwrap().to_owned()
}

#[test]
fn without_a_token_one_is_told_where_to_log_in() {
    let registry = registry(false);
    let reply = registry.get("/v2/");
    assert_eq!(reply.error(), error(401, "UNAUTHORIZED"));
    let realm = format!("Bearer realm=\"http://{}/token\"", registry.client.address);
    assert_eq!(reply.header("www-authenticate"), format!("{realm},service=\"invoker-registry\""));
    let reply = registry.get("/v2/team/a/tags/list");
    assert_eq!(reply.error(), error(401, "UNAUTHORIZED"));
    assert!(reply.header("www-authenticate").ends_with(",scope=\"repository:team/a:pull\""));
    let reply = registry.send("POST", "/v2/team/a/blobs/uploads/", &[], b"");
    assert!(reply.header("www-authenticate").ends_with(",scope=\"repository:team/a:pull,push\""));
    assert_eq!(registry.get("/v2/_catalog").status, 401);
    assert_eq!(session(&registry, None, "").error(), error(401, "UNAUTHORIZED"));
}

#[test]
fn rights_end_where_the_grant_ends() {
    let registry = registry(false);
    assert_eq!(put(&registry, "team/a", "one", &basic("pusher")).status, 201);
    assert_eq!(put(&registry, "team/a", "two", &bearer("pusher-secret")).status, 201);
    assert_eq!(put(&registry, "teams/a", "one", &basic("pusher")).error(), error(403, "DENIED"));
    assert_eq!(put(&registry, "team/a", "one", &basic("reader")).error(), error(403, "DENIED"));
    let to = |method: &str, path: &str, who: &str| {
        registry.send(method, path, &[("authorization", &basic(who))], b"")
    };
    assert_eq!(to("GET", "/v2/team/a/manifests/one", "reader").status, 200);
    assert_eq!(to("DELETE", "/v2/team/a/manifests/one", "pusher").error(), error(403, "DENIED"));
    assert_eq!(to("DELETE", "/v2/team/a/manifests/one", "admin").status, 202);
    put(&registry, "other/a", "one", &basic("admin"));
    let names = |who: &str| to("GET", "/v2/_catalog", who).json()["repositories"].clone();
    assert_eq!(names("reader"), serde_json::json!(["team/a"]));
    assert_eq!(names("admin"), serde_json::json!(["other/a", "team/a"]));
}

#[test]
fn nothing_is_mounted_from_where_one_may_not_pull() {
    let registry = registry(false);
    put(&registry, "other/a", "one", &basic("admin"));
    let path = format!("/v2/team/a/blobs/uploads/?mount={}&from=other/a", sha256(b"{}"));
    let mount = |who: &str| registry.send("POST", &path, &[("authorization", &basic(who))], b"").status;
    assert_eq!(mount("pusher"), 202);
    assert_eq!(mount("admin"), 201);
    let session = bearer(&token(&session(&registry, Some(&basic("pusher")), "repository:team/c:pull,push")));
    let path = format!("/v2/team/c/blobs/uploads/?mount={}", sha256(b"{}"));
    let mount = |value: &str| registry.send("POST", &path, &[("authorization", value)], b"").status;
    assert_eq!(mount(&session), 202);
    assert_eq!(mount(&basic("pusher")), 201);
}

#[test]
fn expired_forged_and_unknown_tokens_are_refused() {
    let registry = registry(true);
    put(&registry, "team/a", "one", &basic("admin"));
    let get =
        |value: &str| registry.send("GET", "/v2/team/a/manifests/one", &[("authorization", value)], b"");
    let reply = session(&registry, Some(&basic("pusher")), "repository:team/a:pull");
    let good = token(&reply);
    assert_eq!(get(&bearer(&good)).status, 200);
    let (claims, seal) = good.split_once('.').unwrap();
    let forged = claims.replace(&claims[4..8], "AAAA");
    for value in [
        basic("old"),
        basic("nobody"),
        bearer("old-secret"),
        bearer(&format!("{forged}.{seal}")),
        bearer(&format!("{claims}.")),
        bearer(""),
        "Digest x".to_owned(),
        "Basic %%%".to_owned(),
    ] {
        let reply = get(&value);
        assert_eq!(reply.error(), error(401, "UNAUTHORIZED"), "{value}");
        assert!(reply.header("www-authenticate").starts_with("Bearer realm="));
    }
}

#[test]
fn a_session_does_what_it_asked_for_and_no_more() {
    let registry = registry(false);
    put(&registry, "team/a", "one", &basic("pusher"));
    let both = "repository:team/a:pull,push%20repository:other/a:pull,push";
    let good = bearer(&token(&session(&registry, Some(&basic("pusher")), both)));
    assert_eq!(put(&registry, "team/a", "two", &good).status, 201);
    assert_eq!(put(&registry, "other/a", "one", &good).error(), error(403, "DENIED"));
    let pull = bearer(&token(&session(&registry, Some(&basic("pusher")), "repository:team/a:pull")));
    let reply = put(&registry, "team/a", "two", &pull);
    assert_eq!(reply.error(), error(401, "UNAUTHORIZED"));
    assert!(reply.header("www-authenticate").contains("scope=\"repository:team/a:pull,push\""));
    let reply = session(&registry, Some(&basic("nobody")), "repository:team/a:pull");
    assert_eq!(reply.error(), error(401, "UNAUTHORIZED"));
}

#[test]
fn a_session_is_not_traded_for_another_one() {
    let registry = registry(false);
    let pull = token(&session(&registry, Some(&basic("pusher")), "repository:team/a:pull"));
    for scope in ["repository:team/a:pull", "repository:team/a:pull,push"] {
        let reply = session(&registry, Some(&bearer(&pull)), scope);
        assert_eq!(reply.error(), error(401, "UNAUTHORIZED"));
        assert!(reply.header("www-authenticate").starts_with("Basic realm="));
        assert_eq!(session(&registry, Some(&bearer("pusher-secret")), scope).status, 200);
    }
}

#[test]
fn anonymous_pull_is_an_option_and_no_more_than_pull() {
    let registry = registry(true);
    put(&registry, "team/a", "one", &basic("pusher"));
    assert_eq!(registry.get("/v2/team/a/manifests/one").status, 200);
    let session = bearer(&token(&session(&registry, None, "repository:team/a:pull,push")));
    let get = registry.send("GET", "/v2/team/a/manifests/one", &[("authorization", &session)], b"");
    assert_eq!(get.status, 200);
    assert_eq!(put(&registry, "team/a", "two", &session).error(), error(401, "UNAUTHORIZED"));
}

#[test]
fn the_audit_log_says_who_changed_and_tried_what() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let hash = Digest::of(Algorithm::Sha256, b"ci-secret");
    let file = format!(
        "[[token]]\nname = \"ci\"\nsha256 = \"{}\"\ngrants = [{{ namespace = \"team\", right = \"push\" }}]",
        hash.hex()
    );
    let tokens = Some(Tokens::read(&file).unwrap());
    let registry = Registry::with(Options { tokens, audit: Some(path.clone()), ..Options::default() });
    put(&registry, "team/a", "one", &basic("ci"));
    put(&registry, "other/a", "one", &basic("ci"));
    registry.send("GET", "/v2/team/a/manifests/one", &[("authorization", &basic("ci"))], b"");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| {
            format!("{} {} {} {}", line["who"], line["method"], line["path"], line["status"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "ci POST /v2/team/a/blobs/uploads/ 201",
            "ci PUT /v2/team/a/manifests/one 201",
            "ci POST /v2/other/a/blobs/uploads/ 403"
        ]
    );
    let long = format!("/v2/other/a/manifests/{}", "a".repeat(2000));
    registry.send("GET", &long, &[("authorization", "Digest x")], b"");
    let line = std::fs::read_to_string(&path).unwrap().lines().last().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["path"], long[..300]);
    assert_eq!(lines[0]["digest"], sha256(b"{}"));
    assert!(lines[0]["at"].as_str().unwrap().ends_with('Z') && lines[0]["from"] == "127.0.0.1");
    assert!(!text.contains("ci-secret"));
}
