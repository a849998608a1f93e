//! One part that a function declares: a parameter of an `fn`, or a field of a struct.

use crate::options::{PortOptions, SettingOptions, StateOptions};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Ident, Lit, LitStr, Meta, PathArguments, Result, Type};

pub(crate) struct Part {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) doc: String,
    /// As the host knows it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Input(PortOptions),
    Output(PortOptions),
    State(StateOptions),
    Setting(SettingOptions),
    /// The author's own.
    Own,
}

const MARKS: [&str; 4] = ["input", "output", "state", "setting"];

impl Part {
    /// Reads a part, and takes the attributes that are meant for this macro out of `attributes`.
    pub(crate) fn read(ident: Ident, ty: Type, attributes: &mut Vec<Attribute>) -> Result<Self> {
        let doc = doc(attributes);
        let marked = |attribute: &Attribute| MARKS.iter().any(|mark| attribute.path().is_ident(mark));
        let marks: Vec<Attribute> = attributes.extract_if(.., |attribute| marked(attribute)).collect();
        if let [_, second, ..] = marks.as_slice() {
            return Err(syn::Error::new_spanned(
                second,
                format!("`{ident}` is one thing only: drop one of its marks"),
            ));
        }
        let mark = marks.first();
        let said = mark.and_then(|mark| mark.path().get_ident()).map(ToString::to_string);
        let kind = said.or_else(|| by_type(&ty).map(Into::into));
        let mut name = None;
        let kind = match kind.as_deref() {
            Some("input") => Kind::Input(options(mark, &mut name, PortOptions::read)?),
            Some("output") => Kind::Output(options(mark, &mut name, PortOptions::read)?),
            Some("state") => Kind::State(options(mark, &mut name, StateOptions::read)?),
            Some("setting") => Kind::Setting(options(mark, &mut name, SettingOptions::read)?),
            _ => Kind::Own,
        };
        let name = checked_name(&ident, name)?;
        Ok(Self { ident, ty, doc, name, kind })
    }

    pub(crate) fn span(&self) -> Span {
        self.ty.span()
    }

    fn group(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Input(_) => Some("inputs"),
            Kind::Output(_) => Some("outputs"),
            Kind::State(_) => Some("states"),
            Kind::Setting(_) => Some("settings"),
            Kind::Own => None,
        }
    }
}

/// Refuses two parts of one kind with one name.
pub(crate) fn distinct(parts: &[Part]) -> Result<()> {
    for (i, part) in parts.iter().enumerate() {
        let Some(group) = part.group() else { continue };
        let before =
            parts.iter().take(i).any(|other| other.group() == Some(group) && other.name == part.name);
        if before {
            let why = format!("two {group} are named \"{}\"; give one another name", part.name);
            return Err(syn::Error::new(part.ident.span(), why));
        }
    }
    Ok(())
}

fn options<O: Default>(
    mark: Option<&Attribute>,
    name: &mut Option<LitStr>,
    read: fn(&mut O, &Attribute, &mut Option<LitStr>) -> Result<()>,
) -> Result<O> {
    let mut options = O::default();
    match mark {
        Some(mark) => read(&mut options, mark, name).map(|()| options),
        None => Ok(options),
    }
}

/// What a type says by itself. A type of another name (an alias) needs its mark.
fn by_type(ty: &Type) -> Option<&'static str> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let one_argument =
        matches!(&last.arguments, PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1);
    match last.ident.to_string().as_str() {
        "Output" => Some("output"),
        "Input" => Some("input"),
        // Other crates have types of these names too: JSON's `Value`, and a `Map<K, V>`.
        "Value" | "Map" | "SortedMap" if one_argument => Some("state"),
        _ => None,
    }
}

fn checked_name(ident: &Ident, given: Option<LitStr>) -> Result<String> {
    let (name, span) = match given {
        Some(given) => (given.value(), given.span()),
        None => {
            let ident_text = ident.to_string();
            (ident_text.trim_start_matches("r#").trim_start_matches('_').to_owned(), ident.span())
        }
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(syn::Error::new(
            span,
            format!("\"{name}\" is no name: use ASCII letters, digits, `-` and `_`"),
        ));
    }
    Ok(name)
}

/// The doc comment as text.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}
