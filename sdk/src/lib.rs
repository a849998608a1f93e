//! What the author of a function in Rust uses.
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "udf",
        pub_export_macro: true,
        default_bindings_module: "invoker_sdk::bindings",
        export_macro_name: "export",
        std_feature: false,
    });
}
