//! What `#[function]` writes: the description, how an instance is built, and the export of the component.

use crate::item::{self, Form};
use crate::options::{FunctionOptions, PortOptions, SettingOptions, StateOptions};
use crate::part::{self, Kind, Part};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::{Expr, Ident, Lit, Result, parse_quote};

pub(crate) fn function(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut options = FunctionOptions::default();
    syn::meta::parser(|meta| options.read(&meta)).parse2(arguments)?;
    let Form { ident, parts, tokens } = item::read(item)?;
    part::distinct(&parts)?;
    let describe = describe(&parts, &options);
    let build = build(&parts);
    let states = parts.iter().filter(|part| matches!(part.kind, Kind::State(_))).map(|part| &part.ident);
    let export = export(&ident);
    Ok(quote! {
        #tokens

        impl ::invoker_sdk::Function for #ident {
            #describe
            #build

            #[inline]
            fn states<'a>(&'a mut self, visit: &mut dyn FnMut(&'a mut dyn ::invoker_sdk::state::Keyed)) {
                let _ = &visit;
                #(visit(&mut self.#states);)*
            }
        }

        #export
    })
}

fn describe(parts: &[Part], options: &FunctionOptions) -> TokenStream {
    let all = |of: fn(&Part) -> Option<TokenStream>| parts.iter().filter_map(of).collect::<Vec<_>>();
    let inputs = all(|part| match &part.kind {
        Kind::Input(options) => Some(port(part, options, &quote!(InputPart))),
        _ => None,
    });
    let outputs = all(|part| match &part.kind {
        Kind::Output(options) => Some(port(part, options, &quote!(OutputPart))),
        _ => None,
    });
    let states = all(|part| match &part.kind {
        Kind::State(options) => {
            let (ty, declared) = (&part.ty, state(part, options));
            Some(quote_spanned!(part.span()=> ::invoker_sdk::state::spec::<#ty>(&#declared)))
        }
        _ => None,
    });
    let settings = all(|part| match &part.kind {
        Kind::Setting(options) => {
            let (ty, declared) = (&part.ty, setting(part, options));
            Some(quote_spanned!(part.span()=> ::invoker_sdk::setting::spec::<#ty>(&#declared)))
        }
        _ => None,
    });
    let headers = match options.headers.as_ref().map(syn::LitStr::value).as_deref() {
        Some("read") => quote!(Read),
        Some("drop") => quote!(Drop),
        _ => quote!(Forward),
    };
    let max_records = option(options.max_records);
    let record_deadline = option(options.record_deadline);
    let vec = quote!(::std::vec::Vec);
    quote! {
        fn describe() -> ::invoker_sdk::component::Description {
            ::invoker_sdk::component::Description {
                inputs: #vec::from([#(#inputs),*]),
                outputs: #vec::from([#(#outputs),*]),
                states: #vec::from([#(#states),*]),
                settings: #vec::from([#(#settings),*]),
                headers: ::invoker_sdk::component::HeaderUse::#headers,
                max_records: #max_records,
                record_deadline: #record_deadline,
                properties: ::invoker_sdk::component::properties(),
            }
        }
    }
}

fn option(value: Option<impl quote::ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::std::option::Option::Some(#value)),
        None => quote!(::std::option::Option::None),
    }
}

fn port(part: &Part, options: &PortOptions, kind: &TokenStream) -> TokenStream {
    let Part { ty, name, doc, .. } = part;
    let (schema, content_type) = (option(options.schema.as_ref()), option(options.content_type.as_ref()));
    quote_spanned! {part.span()=>
        <#ty as ::invoker_sdk::function::#kind>::port(#name, #content_type, #schema, #doc)
    }
}

fn state(part: &Part, options: &StateOptions) -> TokenStream {
    let Part { ty, name, doc, .. } = part;
    let StateOptions { reads, .. } = options;
    let prefetch = options.prefetch.as_ref().is_none_or(syn::LitBool::value);
    let ttl = option(options.ttl);
    let version = options.version.unwrap_or(1);
    let migrate = option(options.migrate.as_ref());
    let why = format!(
        "state `{name}`: its codec stores no version, so older ones cannot be told apart; drop `reads`"
    );
    let check = (!reads.is_empty()).then(|| {
        quote_spanned! {part.span()=>
            const _: () = assert!(
                <<#ty as ::invoker_sdk::state::State>::Codec as ::invoker_sdk::Codec>::VERSIONED, #why
            );
        }
    });
    quote_spanned! {part.span()=> {
        #check
        ::invoker_sdk::state::Declared::<<#ty as ::invoker_sdk::state::State>::Codec> {
            name: #name,
            prefetch: #prefetch,
            ttl: #ttl,
            version: #version,
            reads: &[#(#reads),*],
            migrate: #migrate,
            doc: #doc,
        }
    }}
}

fn setting(part: &Part, options: &SettingOptions) -> TokenStream {
    let Part { ty, name, doc, .. } = part;
    let secret = options.secret;
    let default = option(options.default.as_ref().map(|default| {
        let default = default_value(default);
        quote!(|| -> #ty { #default })
    }));
    quote_spanned! {part.span()=>
        ::invoker_sdk::setting::Declared::<#ty> { name: #name, default: #default, secret: #secret, doc: #doc }
    }
}

/// Text may be written as a literal where a `String` is meant.
fn default_value(default: &Expr) -> Expr {
    match default {
        Expr::Lit(literal) if matches!(literal.lit, Lit::Str(_)) => {
            parse_quote!(::std::convert::Into::into(#default))
        }
        other => other.clone(),
    }
}

fn build(parts: &[Part]) -> TokenStream {
    let (mut inputs, mut outputs, mut states) = (0, 0, 0);
    let fields = parts.iter().map(|part| {
        let (ident, ty) = (&part.ident, &part.ty);
        let made = match &part.kind {
            Kind::Input(_) => {
                let index = next(&mut inputs);
                quote_spanned!(part.span()=> <#ty as ::invoker_sdk::function::InputPart>::new(#index))
            }
            Kind::Output(_) => {
                let index = next(&mut outputs);
                quote_spanned!(part.span()=> <#ty as ::invoker_sdk::function::OutputPart>::new(parts, #index))
            }
            Kind::State(options) => {
                let (index, declared) = (next(&mut states), state(part, options));
                quote_spanned!(part.span()=> parts.state::<#ty>(#index, &#declared))
            }
            Kind::Setting(options) => {
                let declared = setting(part, options);
                quote_spanned!(part.span()=> parts.setting(&#declared)?)
            }
            Kind::Own => quote_spanned!(part.span()=> <#ty as ::std::default::Default>::default()),
        };
        quote!(#ident: #made)
    });
    let fields: Vec<_> = fields.collect();
    quote! {
        fn build(parts: &mut ::invoker_sdk::function::Parts) -> ::invoker_sdk::Result<Self> {
            let _ = &parts;
            ::std::result::Result::Ok(Self { #(#fields),* })
        }
    }
}

fn next(counter: &mut u16) -> u16 {
    let now = *counter;
    *counter += 1;
    now
}

/// The component. Native builds (`cargo test`) have none, and may hold several functions.
fn export(ident: &Ident) -> TokenStream {
    quote! {
        // Checks the same and marks it as used.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> ::invoker_sdk::component::Description = ::invoker_sdk::component::describe::<#ident>;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use ::invoker_sdk::component::{self, BatchResult, Description, Failure, InputBatch, InstanceInfo};

            struct Component;

            ::std::thread_local! {
                static PLACE: component::Place<#ident> = const { component::place() };
            }

            impl component::Guest for Component {
                fn describe() -> Description {
                    component::describe::<#ident>()
                }

                fn init(info: InstanceInfo) -> ::std::result::Result<(), Failure> {
                    PLACE.with(|place| component::init(place, info))
                }

                fn process(batch: InputBatch) -> ::std::result::Result<BatchResult, Failure> {
                    PLACE.with(|place| component::process(place, batch))
                }
            }

            ::invoker_sdk::bindings::export!(Component with_types_in ::invoker_sdk::bindings);
        };
    }
}

#[cfg(test)]
mod tests;
