//! The distribution API over HTTP. Owns what requests mean and how answers look; what is kept is the store's business.

mod api;
mod app;
mod audited;
mod blobs;
mod body;
mod error;
mod lists;
mod login;
mod manifests;
mod metrics;
mod protocol;
mod query;
mod range;
mod route;
mod server;
mod tls;
mod uploads;

pub(crate) use app::App;
pub(crate) use body::streamed;
pub(crate) use error::{ApiError, Code};
pub use server::{ServeError, Server};
pub use tls::TlsError;
