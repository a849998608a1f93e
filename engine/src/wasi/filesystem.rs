//! `wasi:filesystem`: no directory is open, so there is nothing to do anything with.

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{Linker, Resource, Val};

use crate::guest::{Guest, HostError};
use crate::wasi::{bare_resource, interface};

struct Descriptor;
struct DirectoryEntryStream;

/// They take a descriptor, and none is ever made.
const UNREACHABLE: [&str; 29] = [
    "filesystem-error-code",
    "[method]directory-entry-stream.read-directory-entry",
    "[method]descriptor.advise",
    "[method]descriptor.append-via-stream",
    "[method]descriptor.create-directory-at",
    "[method]descriptor.get-flags",
    "[method]descriptor.get-type",
    "[method]descriptor.is-same-object",
    "[method]descriptor.link-at",
    "[method]descriptor.metadata-hash",
    "[method]descriptor.metadata-hash-at",
    "[method]descriptor.open-at",
    "[method]descriptor.read",
    "[method]descriptor.read-directory",
    "[method]descriptor.read-via-stream",
    "[method]descriptor.readlink-at",
    "[method]descriptor.remove-directory-at",
    "[method]descriptor.rename-at",
    "[method]descriptor.set-size",
    "[method]descriptor.set-times",
    "[method]descriptor.set-times-at",
    "[method]descriptor.stat",
    "[method]descriptor.stat-at",
    "[method]descriptor.symlink-at",
    "[method]descriptor.sync",
    "[method]descriptor.sync-data",
    "[method]descriptor.unlink-file-at",
    "[method]descriptor.write",
    "[method]descriptor.write-via-stream",
];

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut types = interface(linker, "filesystem/types")?;
    bare_resource::<Descriptor>(&mut types, "descriptor")?;
    bare_resource::<DirectoryEntryStream>(&mut types, "directory-entry-stream")?;
    for name in UNREACHABLE {
        types.func_new(name, move |_: Store<'_>, _: ComponentFunc, _: &[Val], _: &mut [Val]| {
            Err(HostError::Argument(format!("`{name}` needs an open file, and a function has none")).into())
        })?;
    }
    interface(linker, "filesystem/preopens")?.func_wrap("get-directories", |_: Store<'_>, (): ()| {
        Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
    })
}
