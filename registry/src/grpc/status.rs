//! Errors as gRPC words them: a code, a message, and details that programs read.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::http::{ApiError, Code as ApiCode};

/// Domain of the reasons in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "invoker.registry";

/// The status of an error, with its code as the reason, and the field that is to blame if there is one.
pub(super) fn of(error: ApiError) -> Status {
    let mut details = ErrorDetails::with_error_info(error.code.name(), DOMAIN, HashMap::new());
    if let Some(field) = error.field {
        details.add_bad_request_violation(field, &error.message);
    }
    if error.code == ApiCode::TooManyRequests {
        details.set_retry_info(Some(Duration::from_secs(1)));
    }
    Status::with_error_details(code(&error), error.message, details)
}

pub(super) fn late() -> Status {
    Status::deadline_exceeded("the caller's deadline is over")
}

fn code(error: &ApiError) -> Code {
    match (error.status.as_u16(), error.code) {
        (400 | 405 | 413, _) => Code::InvalidArgument,
        (401, _) => Code::Unauthenticated,
        (403, _) => Code::PermissionDenied,
        (404, _) => Code::NotFound,
        (408, _) => Code::Aborted,
        (409, _) => Code::AlreadyExists,
        (416, _) => Code::OutOfRange,
        (429, _) => Code::ResourceExhausted,
        (503, _) => Code::Unavailable,
        (500, ApiCode::DigestInvalid) => Code::DataLoss,
        _ => Code::Internal,
    }
}
