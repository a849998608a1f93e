//! JSON under `/api`, and the document that describes it.

use invoker_registry::{Algorithm, Digest, Options, Tokens};
use serde_json::{Value, json};

use crate::client::{client, component, metadata, register};
use crate::registry::{Registry, Reply};

/// A registry with one function `team/f` in two versions; the second one's digest.
async fn filled() -> (Registry, String) {
    let registry = Registry::start();
    let mut client = client(&registry);
    register(&mut client, metadata("team/f", "1.0.0"), &component(1, 0)).await.unwrap();
    let second = register(&mut client, metadata("team/f", "1.1.0"), &component(2, 0)).await.unwrap();
    (registry, second.digest)
}

/// Status, code and field of a problem.
fn problem(reply: &Reply) -> (u16, String, Option<String>) {
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let json = reply.json();
    assert_eq!(json["status"], reply.status);
    assert!(json["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    let text = |field: &str| json[field].as_str().map(str::to_owned);
    (reply.status, text("code").unwrap(), text("field"))
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_and_versions_are_shown_with_what_they_declare() {
    let (registry, second) = filled().await;
    let functions = registry.get("/api/functions?namespace=team").json();
    assert_eq!(functions["functions"], json!([{"name": "team/f", "latest": "1.1.0"}]));
    assert_eq!(functions["nextPageToken"], Value::Null);
    let page = registry.get("/api/functions/team/f/versions?pageSize=1").json();
    assert_eq!(page["versions"], json!([{"tag": "1.1.0", "digest": second, "deprecation": null}]));
    let token = page["nextPageToken"].as_str().unwrap();
    let page = registry.get(&format!("/api/functions/team%2Ff/versions?pageToken={token}")).json();
    assert_eq!((&page["versions"][0]["tag"], &page["nextPageToken"]), (&json!("1.0.0"), &Value::Null));
    let version = registry.get("/api/functions/team/f/versions/%5E1").json();
    assert_eq!((&version["tag"], &version["digest"]), (&json!("1.1.0"), &json!(second)));
    assert_eq!(version["declaration"]["contractVersion"], "0.1.0");
    assert_eq!(version["declaration"]["description"]["states"], json!([]));
    assert_eq!(version["compatibility"], json!({"against": "1.0.0", "incompatibilities": []}));
    let resolved = registry.get("/api/functions/team/f/resolve").json();
    assert_eq!(resolved, json!({"tag": "1.1.0", "digest": second, "deprecation": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_deprecated_and_deleted() {
    let (registry, _) = filled().await;
    let note = "/api/functions/team/f/versions/1.1.0/deprecation";
    assert_eq!(registry.send("PUT", note, &[], br#"{"message": "use 1.0.0"}"#).status, 204);
    let shown = |path: &str| registry.get(path).json()["deprecation"]["message"].clone();
    assert_eq!(shown("/api/functions/team/f/versions/1.1.0"), "use 1.0.0");
    assert_eq!(shown("/api/functions/team/f/resolve?reference=1"), "use 1.0.0");
    assert_eq!(registry.send("DELETE", note, &[], b"").status, 204);
    assert_eq!(shown("/api/functions/team/f/versions/1.1.0"), Value::Null);
    let version = "/api/functions/team/f/versions/1.1.0";
    assert_eq!(registry.send("DELETE", version, &[], b"").status, 204);
    let gone = problem(&registry.send("DELETE", version, &[], b""));
    assert_eq!(gone, (404, "MANIFEST_UNKNOWN".to_owned(), None));
    assert_eq!(registry.get("/api/functions/team/f/resolve").json()["tag"], "1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_problems_that_name_what_is_to_blame() {
    let (registry, _) = filled().await;
    let field = |name: &str| Some(name.to_owned());
    let code = "UNSUPPORTED".to_owned();
    for (path, expected) in [
        ("/api/functions?pageToken=%25", (400, code.clone(), field("pageToken"))),
        ("/api/functions?pageSize=many", (400, code.clone(), field("pageSize"))),
        ("/api/functions/Team/versions", (400, "NAME_INVALID".to_owned(), field("name"))),
        ("/api/functions/team/f/versions/a%20b", (400, "MANIFEST_INVALID".to_owned(), field("reference"))),
        ("/api/functions/team/f/versions/2.0.0", (404, "MANIFEST_UNKNOWN".to_owned(), None)),
        ("/api/functions/team/g/versions", (404, "NAME_UNKNOWN".to_owned(), None)),
        ("/api/nothing", (404, code.clone(), None)),
    ] {
        assert_eq!(problem(&registry.get(path)), expected, "{path}");
    }
    let note = "/api/functions/team/f/versions/1.1.0/deprecation";
    for (body, name) in [("{}", "body"), (r#"{"message": " "}"#, "message"), ("[", "body")] {
        let refused = problem(&registry.send("PUT", note, &[], body.as_bytes()));
        assert_eq!(refused, (400, code.clone(), field(name)), "{body}");
    }
    let large = format!(r#"{{"message": "{}"}}"#, "x".repeat(70_000));
    assert_eq!(registry.send("PUT", note, &[], large.as_bytes()).status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_those_of_the_oci_interface() {
    let hash = Digest::of(Algorithm::Sha256, b"secret");
    let file = format!(
        "[[token]]\nname = \"reader\"\nsha256 = \"{}\"\ngrants = [{{ namespace = \"team\", right = \"pull\" }}]",
        hash.hex()
    );
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    let tokens = Some(Tokens::read(&file).unwrap());
    let registry = Registry::with(Options { tokens, audit: Some(audit.clone()), ..Options::default() });
    let reply = registry.get("/api/functions/team/f/versions");
    assert_eq!(problem(&reply).0, 401);
    assert!(reply.header("www-authenticate").contains("scope=\"repository:team/f:pull\""));
    assert_eq!(problem(&registry.get("/api/functions")).0, 401);
    let bearer = |method: &str, path: &str, secret: &str, body: &[u8]| {
        registry.send(method, path, &[("authorization", &format!("Bearer {secret}"))], body)
    };
    assert_eq!(problem(&bearer("GET", "/api/functions", "forged", b"")).0, 401);
    assert_eq!(bearer("GET", "/api/functions", "secret", b"").json()["functions"], json!([]));
    assert_eq!(problem(&bearer("GET", "/api/functions/team/f/versions", "secret", b"")).0, 404);
    assert_eq!(problem(&bearer("GET", "/api/functions/other/f/versions", "secret", b"")).0, 403);
    let version = "/api/functions/team/f/versions/1.0.0";
    assert_eq!(problem(&bearer("DELETE", version, "secret", b"")).0, 403);
    let note = format!("{version}/deprecation");
    assert_eq!(problem(&bearer("PUT", &note, "secret", br#"{"message": "x"}"#)).0, 403);
    let lines = std::fs::read_to_string(audit).unwrap();
    assert!(lines.lines().any(|line| line.contains("\"DELETE\"") && line.contains("reader")), "{lines}");
}

/// The schema that a description of an answer or a body refers to.
fn schema<'a>(document: &'a Value, content: &Value) -> &'a Value {
    let content = content["content"].as_object().unwrap().values().next().unwrap();
    let name = content["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    &document["components"]["schemas"][name]
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_end_points_agree() {
    let (registry, _) = filled().await;
    let reply = registry.get("/api/openapi.json");
    assert_eq!(reply.header("content-type"), "application/json");
    let document = reply.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let body = br#"{"message": "x"}"#;
    // What is deleted goes last, and what belongs to it before it.
    let methods = ["get", "put", "post", "patch", "delete"];
    let mut described = 0;
    for method in methods {
        for (template, operations) in document["paths"].as_object().unwrap().iter().rev() {
            let path = template.replace("{name}", "team%2Ff").replace("{reference}", "1.0.0");
            assert!(!path.contains('{'), "{path}");
            let reply = registry.send(&method.to_uppercase(), &path, &[], body);
            let operation = &operations[method];
            if operation.is_null() {
                assert_eq!(problem(&reply).0, 405, "{method} {path}");
                continue;
            }
            described += 1;
            let answer = &operation["responses"][reply.status.to_string()];
            assert!(reply.status < 300 && answer.is_object(), "{method} {path}: {reply:?}");
            if reply.status == 200 {
                let schema = schema(&document, answer);
                assert_eq!(keys(&reply.json()), keys(&schema["properties"]), "{method} {path}");
            }
            let problem = problem_of(&registry, method, &path.replace("team%2Ff", "Team"));
            let schema = schema(&document, &operation["responses"]["4XX"]);
            let known = keys(&schema["properties"]);
            assert!(keys(&problem).iter().all(|key| known.contains(key)), "{problem}");
        }
    }
    assert_eq!(described, 7);
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

/// What is said of a request that is wrong.
fn problem_of(registry: &Registry, method: &str, path: &str) -> Value {
    let reply = registry.send(&method.to_uppercase(), &format!("{path}?pageToken=%25"), &[], b"{}");
    assert_eq!(problem(&reply).0, 400, "{method} {path}");
    reply.json()
}
