//! The distribution API over HTTP. Owns what requests mean and how answers look; what is kept is the store's business.

mod app;
mod blobs;
mod body;
mod error;
mod lists;
mod login;
mod manifests;
mod query;
mod range;
mod route;
mod server;
mod uploads;

pub use server::{ServeError, Server};
