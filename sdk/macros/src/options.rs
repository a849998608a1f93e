//! The options in attributes: `#[state(ttl = "1h")]` and its like.

use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprArray, Lit, LitBool, LitInt, LitStr, Path, Result};

/// Options of the function as a whole.
#[derive(Default)]
pub(crate) struct FunctionOptions {
    pub(crate) headers: Option<LitStr>,
    pub(crate) max_records: Option<u32>,
    /// Milliseconds.
    pub(crate) record_deadline: Option<u32>,
}

impl FunctionOptions {
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("headers") {
            let headers: LitStr = meta.value()?.parse()?;
            if !["read", "forward", "drop"].contains(&headers.value().as_str()) {
                return Err(syn::Error::new(headers.span(), "headers are \"read\", \"forward\" or \"drop\""));
            }
            self.headers = Some(headers);
        } else if meta.path.is_ident("max_records") {
            self.max_records = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
        } else if meta.path.is_ident("record_deadline") {
            let text: LitStr = meta.value()?.parse()?;
            let deadline = u32::try_from(milliseconds(&text)?);
            self.record_deadline = Some(
                deadline.map_err(|_| syn::Error::new(text.span(), "a record may take 49 days at most"))?,
            );
        } else {
            return Err(
                meta.error("a function has the options `headers`, `max_records` and `record_deadline`")
            );
        }
        Ok(())
    }
}

/// Options of an input or an output.
#[derive(Default)]
pub(crate) struct PortOptions {
    pub(crate) schema: Option<LitStr>,
    pub(crate) content_type: Option<LitStr>,
}

/// Options of a state.
#[derive(Default)]
pub(crate) struct StateOptions {
    /// Milliseconds.
    pub(crate) ttl: Option<u64>,
    pub(crate) prefetch: Option<LitBool>,
    pub(crate) version: Option<u8>,
    pub(crate) reads: Vec<u8>,
    pub(crate) migrate: Option<Path>,
}

/// Options of a setting.
#[derive(Default)]
pub(crate) struct SettingOptions {
    pub(crate) default: Option<Expr>,
    pub(crate) secret: bool,
}

/// Reads one attribute: `name` is known to all, the rest to `option`, which says whether it knew it.
fn read(
    attribute: &Attribute,
    known: &str,
    name: &mut Option<LitStr>,
    mut option: impl FnMut(&ParseNestedMeta<'_>) -> Result<bool>,
) -> Result<()> {
    if matches!(attribute.meta, syn::Meta::Path(_)) {
        return Ok(());
    }
    attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("name") {
            *name = Some(meta.value()?.parse()?);
            return Ok(());
        }
        match option(&meta)? {
            true => Ok(()),
            false => {
                let found = meta.path.to_token_stream();
                Err(meta.error(format!("there is no option `{found}` here; known are {known}")))
            }
        }
    })
}

impl PortOptions {
    pub(crate) fn read(&mut self, attribute: &Attribute, name: &mut Option<LitStr>) -> Result<()> {
        read(attribute, "`name`, `schema` and `content_type`", name, |meta| {
            if meta.path.is_ident("schema") {
                self.schema = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("content_type") {
                self.content_type = Some(meta.value()?.parse()?);
            } else {
                return Ok(false);
            }
            Ok(true)
        })
    }
}

impl StateOptions {
    pub(crate) fn read(&mut self, attribute: &Attribute, name: &mut Option<LitStr>) -> Result<()> {
        let known = "`name`, `ttl`, `prefetch`, `version`, `reads` and `migrate`";
        read(attribute, known, name, |meta| {
            if meta.path.is_ident("ttl") {
                self.ttl = Some(milliseconds(&meta.value()?.parse()?)?);
            } else if meta.path.is_ident("prefetch") {
                self.prefetch = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("version") {
                self.version = Some(version(&meta.value()?.parse()?)?);
            } else if meta.path.is_ident("reads") {
                let list: ExprArray = meta.value()?.parse()?;
                self.reads = list.elems.iter().map(version).collect::<Result<_>>()?;
            } else if meta.path.is_ident("migrate") {
                self.migrate = Some(meta.value()?.parse()?);
            } else {
                return Ok(false);
            }
            Ok(true)
        })?;
        let written = self.version.unwrap_or(1);
        if let Some(newer) = self.reads.iter().find(|&&older| older >= written) {
            let why = format!(
                "`reads` names version {newer}, but only versions below the one written ({written}) are older"
            );
            return Err(syn::Error::new_spanned(attribute, why));
        }
        if let (Some(migrate), []) = (&self.migrate, self.reads.as_slice()) {
            return Err(syn::Error::new_spanned(migrate, "say which versions it migrates: `reads = [1]`"));
        }
        Ok(())
    }
}

impl SettingOptions {
    pub(crate) fn read(&mut self, attribute: &Attribute, name: &mut Option<LitStr>) -> Result<()> {
        read(attribute, "`name`, `default` and `secret`", name, |meta| {
            if meta.path.is_ident("default") {
                self.default = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("secret") {
                self.secret = true;
            } else {
                return Ok(false);
            }
            Ok(true)
        })
    }
}

fn version(expr: &Expr) -> Result<u8> {
    let wrong = || syn::Error::new_spanned(expr, "a version is a number from 1 to 255");
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(int) => match int.base10_parse() {
                Ok(0) | Err(_) => Err(wrong()),
                Ok(version) => Ok(version),
            },
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

/// `"90s"` → 90000.
fn milliseconds(text: &LitStr) -> Result<u64> {
    let wrong = || {
        syn::Error::new(text.span(), "a time is a number with ms, s, m, h or d behind it, such as \"30d\"")
    };
    let value = text.value();
    let split = value.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = value.split_at(split);
    let unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|&time| time > 0).ok_or_else(wrong)
}
