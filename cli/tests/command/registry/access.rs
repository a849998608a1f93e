//! Logins: who may push and pull, and how a user comes to a login.

use std::io::Write;
use std::process::Stdio;

use super::{Served, command, invoker};
use crate::invocation::{Ended, Folder, ended, guest};

/// Of `printf %s pass | sha256sum`.
const SECRET: &str = "d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1";

fn login(folder: &Folder, registry: &Served<'_>, secret: &str) -> Ended {
    let host = registry.host();
    let mut command = command(folder, registry, &["login", &host, "--username", "ci"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
    ended(child.wait_with_output().unwrap())
}

#[test]
fn who_logged_in_may_push_where_the_grant_says_and_others_may_pull() {
    let folder = Folder::new();
    folder.write(
        "tokens.toml",
        format!(
            "anonymousPull = true\n[[token]]\nname = \"ci\"\nsha256 = \"{SECRET}\"\n\
             grants = [{{ namespace = \"team\", right = \"push\" }}]\n"
        ),
    );
    let registry = Served::start(&folder, &["--tokens", "tokens.toml"]);
    let component = guest("wordcount_split");
    let push =
        |name: &str| invoker(&folder, &registry, &["push", name, "--from", component.to_str().unwrap()]);
    push("team/split:1.0.0")
        .failed(10, &["refuses to push to \"team/split\"", "help: `invoker login 127.0.0.1:"]);
    login(&folder, &registry, "wrong").failed(10, &["refuses", "the login is not taken"]);
    login(&folder, &registry, "").failed(2, &["there is no secret"]);
    assert!(!folder.path("docker/config.json").exists());
    let said = login(&folder, &registry, "pass\n").succeeded();
    assert_eq!(said.out, format!("logged in to {} as ci\n", registry.host()));
    push("team/split:1.0.0").succeeded();
    push("other/split:1.0.0").failed(10, &["refuses to push to \"other/split\"", "or ask for the right"]);
    std::fs::remove_dir_all(folder.path("docker")).unwrap();
    invoker(&folder, &registry, &["pull", "team/split:1.0.0"]).succeeded();
}

#[test]
fn a_credential_helper_is_asked_and_told() {
    let folder = Folder::new();
    let token = format!("[[token]]\nname = \"ci\"\nsha256 = \"{SECRET}\"\n");
    folder.write("tokens.toml", token + "grants = [{ namespace = \"*\", right = \"push\" }]\n");
    let registry = Served::start(&folder, &["--tokens", "tokens.toml"]);
    let helper = "#!/bin/sh\ncase $1 in\nstore) cat > \"$(dirname \"$0\")/kept\";;\n\
                  get) cat > /dev/null; [ -f \"$(dirname \"$0\")/kept\" ] || { echo credentials not found in native keychain; exit 1; }; \
                  cat \"$(dirname \"$0\")/kept\";;\nesac\n";
    folder.write("bin/docker-credential-test", helper);
    let path = folder.path("bin/docker-credential-test");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = "{\"credsStore\": \"test\"}";
    folder.write("docker/config.json", config);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(folder.path("bin")).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).unwrap();
    let run = |args: &[&str], input: &str| {
        let mut command = command(&folder, &registry, args);
        let command = command.env("PATH", &path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        // Who does not read it may be gone.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        ended(child.wait_with_output().unwrap())
    };
    let component = guest("wordcount_split");
    let push = ["push", "team/split:1.0.0", "--from", component.to_str().unwrap()];
    run(&push, "").failed(10, &["refuses to push to"]);
    run(&["login", &registry.host(), "--username", "ci"], "pass").succeeded();
    assert_eq!(folder.read("docker/config.json"), config);
    run(&push, "").succeeded();
}
