//! The two forms of a function: an `fn` of one record, and a struct that implements `Process`.

use crate::part::{Kind, Part};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Fields, FnArg, Ident, Item, ItemFn, ItemStruct, Pat, PatType, Result, ReturnType, Type, TypeReference,
    parse_quote,
};

/// What was read, and what stands in its place.
pub(crate) struct Form {
    pub(crate) ident: Ident,
    pub(crate) parts: Vec<Part>,
    /// The item without the marks, and for an `fn` the struct and the `Process` that it stands for.
    pub(crate) tokens: TokenStream,
}

pub(crate) fn read(item: TokenStream) -> Result<Form> {
    match syn::parse2(item)? {
        Item::Fn(function) => of_fn(function),
        Item::Struct(structure) => of_struct(structure),
        other => Err(syn::Error::new_spanned(other, "a function is an `fn` of one record, or a struct")),
    }
}

fn of_struct(mut item: ItemStruct) -> Result<Form> {
    if !item.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            item.generics,
            "a component has one type of function: no generics here",
        ));
    }
    let fields = match &mut item.fields {
        Fields::Named(fields) => &mut fields.named,
        Fields::Unit => {
            return Err(syn::Error::new_spanned(item, "write `{}`: its fields are what it needs"));
        }
        fields => {
            return Err(syn::Error::new_spanned(fields, "name the fields: the host knows them by name"));
        }
    };
    let mut parts = Vec::new();
    for field in fields {
        let Some(ident) = field.ident.clone() else { continue };
        parts.push(Part::read(ident, field.ty.clone(), &mut field.attrs)?);
    }
    Ok(Form { ident: item.ident.clone(), parts, tokens: quote!(#item) })
}

fn of_fn(mut item: ItemFn) -> Result<Form> {
    let signature = &item.sig;
    if let Some(asynchronous) = &signature.asyncness {
        return Err(syn::Error::new_spanned(
            asynchronous,
            "a function is not async: the host waits for each batch",
        ));
    }
    if !signature.generics.params.is_empty() {
        let why = "a component has one type of function: no generics here (`Record<'_>` needs none)";
        return Err(syn::Error::new_spanned(&signature.generics, why));
    }
    if signature.inputs.is_empty() {
        let why = "the first parameter is the record: `record: Record<'_>`";
        return Err(syn::Error::new_spanned(&signature.ident, why));
    }
    let mut parts = Vec::new();
    let mut arguments = Vec::new();
    for argument in item.sig.inputs.iter_mut().skip(1) {
        let (part, mutable) = parameter(argument)?;
        let ident = &part.ident;
        arguments.push(if mutable { quote!(&mut self.#ident) } else { quote!(&self.#ident) });
        parts.push(part);
    }
    let ident = item.sig.ident.clone();
    let structure = stand_in(&item, &parts, &arguments);
    Ok(Form { ident, parts, tokens: quote!(#[allow(clippy::too_many_arguments)] #item #structure) })
}

/// The struct that an `fn` stands for: of the same name, as types and functions do not share names.
fn stand_in(item: &ItemFn, parts: &[Part], arguments: &[TokenStream]) -> TokenStream {
    let (ident, vis) = (&item.sig.ident, &item.vis);
    let fields = parts.iter().map(|part| {
        let (ident, ty) = (&part.ident, &part.ty);
        quote!(#ident: #ty)
    });
    let call = quote!(#ident(record, #(#arguments),*));
    let call = match &item.sig.output {
        ReturnType::Default => quote!(#call;),
        ReturnType::Type(..) => quote!(#call?;),
    };
    let doc = format!("What [`{ident}()`] needs, and the type to test it by.");
    quote! {
        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #[derive(Debug)]
        #vis struct #ident { #(#fields),* }

        impl ::invoker_sdk::Process for #ident {
            #[inline]
            fn process(&mut self, record: ::invoker_sdk::Record<'_>) -> ::invoker_sdk::Result {
                #call
                ::std::result::Result::Ok(())
            }
        }
    }
}

/// Reads a parameter behind the record. The flag tells whether it is taken by `&mut`.
fn parameter(argument: &mut FnArg) -> Result<(Part, bool)> {
    let FnArg::Typed(PatType { attrs, pat, ty, .. }) = argument else {
        return Err(syn::Error::new_spanned(
            argument,
            "for fields of its own, put #[function] on the struct",
        ));
    };
    let Pat::Ident(name) = pat.as_ref() else {
        return Err(syn::Error::new_spanned(pat, "name it: the host knows it by its name"));
    };
    let Type::Reference(TypeReference { mutability, elem, .. }) = ty.as_ref() else {
        let why = format!("write `{}: &..` (or `&mut ..`): it outlives the record", name.ident);
        return Err(syn::Error::new_spanned(ty, why));
    };
    let owned = match elem.as_ref() {
        Type::Path(path) if path.path.is_ident("str") => parse_quote!(::std::string::String),
        other => other.clone(),
    };
    let mutable = mutability.is_some();
    let part = Part::read(name.ident.clone(), owned, attrs)?;
    attrs.retain(|attribute| !attribute.path().is_ident("doc"));
    match (&part.kind, mutable) {
        (Kind::Own, _) => {
            let why = format!(
                "`{}` is no output, input or state; write `#[setting]` in front of it if it is a setting, \
                 or put #[function] on a struct that has it as a field",
                part.ident
            );
            Err(syn::Error::new_spanned(ty, why))
        }
        (Kind::Setting(_), true) => Err(syn::Error::new_spanned(ty, "a setting does not change: write `&`")),
        (Kind::Output(_), false) => Err(syn::Error::new_spanned(ty, "an output is written to: write `&mut`")),
        (Kind::State(_), false) => {
            Err(syn::Error::new_spanned(ty, "a state is read through `&mut`: it remembers what it read"))
        }
        _ => Ok((part, mutable)),
    }
}
