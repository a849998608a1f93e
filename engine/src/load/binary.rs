//! Reads what a component says about itself in its binary form, before anything is compiled: what it imports and
//! exports, and who made it.

use serde::{Deserialize, Serialize};
use wasmparser::{
    ComponentType, ComponentTypeDeclaration, ComponentTypeRef, Encoding, InstanceTypeDeclaration,
    KnownCustom, Parser, Payload,
};

use crate::contract::{FUNCTION, PACKAGE, SERVED};
use crate::load::error::LoadError;

/// Packages that language runtimes import by habit; they are linked and hold no authority.
const SYSTEM: [&str; 5] = ["wasi:io", "wasi:cli", "wasi:clocks", "wasi:random", "wasi:filesystem"];

/// What makes bindings, the most telling first.
const BINDINGS: [&str; 4] = ["invoker-sdk", "componentize", "wit-bindgen", "jco"];

/// Facts of a component that need no running code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Version of the contract that it exports.
    pub(crate) version: String,
    pub(crate) imports: Vec<String>,
    pub(crate) size: usize,
    pub(crate) language: Option<String>,
    pub(crate) sdk: Option<String>,
}

/// What was found in the sections of a component.
#[derive(Default)]
struct Found {
    imports: Vec<(String, ComponentTypeRef)>,
    exports: Vec<String>,
    language: Option<String>,
    makers: Vec<String>,
    /// An async function type, a future or a stream.
    has_async: bool,
}

/// Checks everything that can be checked without compiling.
pub(crate) fn read(bytes: &[u8]) -> Result<Facts, LoadError> {
    check_preamble(bytes)?;
    let found = scan(bytes).map_err(|error| LoadError::Invalid { message: error.to_string() })?;
    check_sync(&found)?;
    let version = exported_version(&found.exports)?;
    check_imports(&found.imports)?;
    Ok(Facts {
        version,
        imports: found.imports.into_iter().map(|(name, _)| name).collect(),
        size: bytes.len(),
        language: found.language,
        sdk: maker(&found.makers),
    })
}

fn check_preamble(bytes: &[u8]) -> Result<(), LoadError> {
    if !Parser::is_core_wasm(bytes) && !Parser::is_component(bytes) && !bytes.starts_with(b"\0asm") {
        let begins = match bytes.get(..16.min(bytes.len())) {
            None | Some([]) => "nothing: it is empty".to_owned(),
            Some(start) => format!("\"{}\"", start.escape_ascii()),
        };
        return Err(LoadError::NotWasm { begins });
    }
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::CoreModule);
    }
    Ok(())
}

fn scan(bytes: &[u8]) -> wasmparser::Result<Found> {
    let mut found = Found::default();
    let mut nested: Vec<Encoding> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match payload {
            Payload::ModuleSection { .. } => nested.push(Encoding::Module),
            Payload::ComponentSection { .. } => nested.push(Encoding::Component),
            Payload::End(_) => {
                nested.pop();
            }
            Payload::ComponentImportSection(section) if nested.is_empty() => {
                for import in section {
                    let import = import?;
                    found.imports.push((import.name.name.to_owned(), import.ty));
                }
            }
            Payload::ComponentExportSection(section) if nested.is_empty() => {
                for export in section {
                    found.exports.push(export?.name.name.to_owned());
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    found.has_async |= is_async(&ty?);
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Producers(producers) = section.as_known() {
                    // Text of no consequence: what cannot be read is left out.
                    let _ = read_producers(producers, &mut found);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn is_async(ty: &ComponentType<'_>) -> bool {
    use wasmparser::ComponentDefinedType::{Future, Stream};
    match ty {
        ComponentType::Func(func) => func.async_,
        ComponentType::Defined(defined) => matches!(defined, Future(_) | Stream(_)),
        ComponentType::Instance(declarations) => declarations
            .iter()
            .any(|declaration| matches!(declaration, InstanceTypeDeclaration::Type(ty) if is_async(ty))),
        ComponentType::Component(declarations) => declarations
            .iter()
            .any(|declaration| matches!(declaration, ComponentTypeDeclaration::Type(ty) if is_async(ty))),
        ComponentType::Resource { .. } => false,
    }
}

fn read_producers(
    producers: wasmparser::ProducersSectionReader<'_>,
    found: &mut Found,
) -> wasmparser::Result<()> {
    for field in producers {
        let field = field?;
        for value in field.values {
            let value = value?;
            let text = format!("{} {}", value.name, value.version).trim().to_owned();
            match field.name {
                "language" => found.language.get_or_insert(text),
                "processed-by" | "sdk" => {
                    found.makers.push(text);
                    continue;
                }
                _ => continue,
            };
        }
    }
    Ok(())
}

fn maker(makers: &[String]) -> Option<String> {
    BINDINGS.iter().find_map(|name| makers.iter().find(|maker| maker.starts_with(name))).cloned()
}

/// `wasi:io` of `wasi:io/streams@0.2.6`.
fn package(name: &str) -> &str {
    name.split_once('/').map_or(name, |(package, _)| package)
}

fn version(name: &str) -> Option<&str> {
    name.split_once('@').map(|(_, version)| version)
}

fn check_sync(found: &Found) -> Result<(), LoadError> {
    let names = found.imports.iter().map(|(name, _)| name).chain(&found.exports);
    for name in names {
        if name.starts_with("wasi:") && version(name).is_some_and(|version| version.starts_with("0.3")) {
            return Err(LoadError::Async { what: format!("\"{name}\"") });
        }
    }
    if found.has_async {
        return Err(LoadError::Async { what: "a function, future or stream in its types".to_owned() });
    }
    Ok(())
}

fn exported_version(exports: &[String]) -> Result<String, LoadError> {
    let ours = |name: &&String| name.split('@').next() == Some(FUNCTION);
    let Some(found) = exports.iter().find(ours).and_then(|name| version(name)) else {
        let exports = match exports {
            [] => "nothing".to_owned(),
            names => names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "),
        };
        return Err(LoadError::World { exports });
    };
    if !served(found) {
        return Err(LoadError::Version { found: found.to_owned(), served: SERVED });
    }
    Ok(found.to_owned())
}

/// Versions of one minor are compatible as long as the major is 0.
fn served(version: &str) -> bool {
    let minor = |version: &str| {
        let mut parts = version.split('.');
        (parts.next().map(str::to_owned), parts.next().map(str::to_owned))
    };
    minor(version) == minor(SERVED)
}

fn check_imports(imports: &[(String, ComponentTypeRef)]) -> Result<(), LoadError> {
    for (name, ty) in imports {
        let system = SYSTEM.contains(&package(name))
            && version(name).is_some_and(|version| version.starts_with("0.2."));
        let ours = package(name) == PACKAGE;
        if ours && !version(name).is_some_and(served) {
            let found = version(name).unwrap_or("(none)").to_owned();
            return Err(LoadError::Version { found, served: SERVED });
        }
        if !(system || ours) || !matches!(ty, ComponentTypeRef::Instance(_)) {
            return Err(LoadError::Import { name: name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_minor_are_served() {
        assert!(served("0.1.0") && served("0.1.17"));
        assert!(!served("0.2.0") && !served("0.10.0") && !served("1.1.0") && !served("0"));
    }

    #[test]
    fn the_most_telling_maker_is_named() {
        let makers =
            ["rustc 1.95".to_owned(), "wit-bindgen-rust 0.61".to_owned(), "invoker-sdk 0.1.0".to_owned()];
        assert_eq!(maker(&makers).as_deref(), Some("invoker-sdk 0.1.0"));
        assert_eq!(maker(&makers[..2]).as_deref(), Some("wit-bindgen-rust 0.61"));
        assert_eq!(maker(&makers[..1]), None);
    }
}
