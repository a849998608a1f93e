//! The contract as generated from `wit/`: the shapes that cross the boundary, the host's imports and the export
//! of a component. Nothing is written by hand here, and a function's author never needs it.

wit_bindgen::generate!({
    path: "../wit",
    world: "udf",
    pub_export_macro: true,
    default_bindings_module: "invoker_sdk::bindings",
});
