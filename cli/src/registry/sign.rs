//! `invoker sign` and `invoker verify`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use invoker_oci::{PublicKey, SecretKey};
use serde_json::json;

use super::{named, registries};
use crate::args::{SignArgs, VerifyArgs};
use crate::environment::Environment;
use crate::error::{Error, Exit};
use crate::print::Printer;

/// Signs a function, or makes a key to sign with.
pub(crate) fn sign(args: &SignArgs, environment: &Environment, printer: &mut Printer) -> Result<(), Error> {
    if let Some(path) = &args.new_key {
        return new_key(path, printer);
    }
    let (Some(name), Some(path)) = (&args.name, &args.key) else {
        let help = "`invoker sign team/split:1.0.0 --key FILE`";
        return Err(Error::new(Exit::Usage, "nothing is to be signed", "there is no name or no key", help));
    };
    let key = secret_key(path)?;
    let registries = registries(&args.of, environment)?;
    let name = registries.picked(&named(name)?)?;
    let found = registries.sign(&name, &key)?;
    let (digest, key) = (&found.digest, key.public().to_string());
    printer.item(
        || format!("signed {name}\n  manifest   {digest}\n  key        {key}"),
        || json!({"name": name.to_string(), "manifest": digest, "key": key}),
    )
}

/// Writes a new key to a file that only its owner may read; the public one is printed.
fn new_key(path: &Path, printer: &mut Printer) -> Result<(), Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal("cannot make a key", error))?;
    let key = SecretKey::of_bytes(&bytes);
    let shown = path.display().to_string();
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| writeln!(file, "{}", key.text())).map_err(|error| {
        Error::new(
            Exit::File,
            format!("cannot write key {shown:?}"),
            error,
            "name a file that is not there yet",
        )
    })?;
    let public = key.public().to_string();
    printer.item(|| public.clone(), || json!({"key": public, "file": shown}))
}

fn secret_key(path: &Path) -> Result<SecretKey, Error> {
    let what = || format!("cannot use key {:?}", path.display().to_string());
    let help = "`invoker sign --new-key FILE` makes one";
    let text = fs::read_to_string(path).map_err(|error| Error::new(Exit::File, what(), error, help))?;
    text.parse().map_err(|error| Error::new(Exit::File, what(), error, help))
}

/// Says who signed a function; fails where none of the keys did that are asked for.
pub(crate) fn verify(
    args: &VerifyArgs,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<(), Error> {
    let registries = registries(&args.of, environment)?;
    let name = registries.picked(&named(&args.name)?)?;
    let found = registries.find(&name)?;
    let signers: Vec<PublicKey> = registries.signers(&found)?;
    let is_right = |signer: &PublicKey| args.key.is_empty() || args.key.contains(signer);
    if !signers.iter().any(is_right) {
        registries.require(&found, &args.key)?;
    }
    for signer in signers.iter().filter(|signer| is_right(signer)) {
        printer.item(
            || format!("{name} ({}) is signed by {signer}", found.digest),
            || json!({"name": name.to_string(), "manifest": found.digest, "key": signer.to_string()}),
        )?;
    }
    Ok(())
}
