//! `invoker login`: asks for a secret, looks whether the registry takes it, and keeps it where Docker does.

use std::io::{BufRead, Write};

use invoker_oci::{Credentials, Registries};
use rustix::termios::{LocalModes, OptionalActions, isatty, tcgetattr, tcsetattr};
use serde_json::json;

use crate::args::LoginArgs;
use crate::environment::Environment;
use crate::error::{Error, Exit};
use crate::print::Printer;

/// Logs in to a registry.
pub(crate) fn login(args: &LoginArgs, environment: &Environment, printer: &mut Printer) -> Result<(), Error> {
    let setup = environment.with_registry(args.registry.as_ref()).registries;
    let address = setup.registry(None)?.ok_or_else(|| {
        let help = "name it: `invoker login registry.example --username NAME`, or set INVOKER_REGISTRY";
        Error::new(Exit::Usage, "it is not said where to log in", "no registry is configured", help)
    })?;
    let secret = secret()?;
    if secret.is_empty() {
        let help = "type it, or write it to standard input: printf %s \"$SECRET\" | invoker login …";
        return Err(Error::new(Exit::Usage, "there is no secret", "standard input is empty", help));
    }
    let name = &args.username;
    Registries::check_login(&address, &Credentials::of(name, &secret))?;
    let kept = setup.logins.map(Credentials::in_file).unwrap_or_default();
    kept.store(address.login_key(), name, &secret)?;
    let host = address.host();
    printer.item(|| format!("logged in to {host} as {name}"), || json!({"registry": host, "username": name}))
}

/// A line of standard input; on a terminal it is asked for, and not shown.
fn secret() -> Result<String, Error> {
    let failed = |error: std::io::Error| {
        Error::new(Exit::File, "cannot read the secret", error, "write it to standard input")
    };
    let stdin = std::io::stdin();
    let before = if isatty(&stdin) { tcgetattr(&stdin).ok() } else { None };
    if let Some(before) = &before {
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(|error| failed(error.into()))?;
        let mut screen = std::io::stderr();
        screen.write_all(b"secret: ").and_then(|()| screen.flush()).map_err(failed)?;
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if let Some(before) = &before {
        tcsetattr(&stdin, OptionalActions::Flush, before).map_err(|error| failed(error.into()))?;
        std::io::stderr().write_all(b"\n").map_err(failed)?;
    }
    read.map_err(failed)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
