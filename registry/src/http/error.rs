//! Errors as the distribution specification words them: a status, a code and a message in JSON.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::functions::FunctionError;
use crate::name::NameError;
use crate::store::{BodyError, StoreError};

/// Codes of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    Unauthorized,
    Denied,
    Unsupported,
    TooManyRequests,
}

impl Code {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
        }
    }
}

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) headers: Vec<(header::HeaderName, HeaderValue)>,
    /// The field of a request that is to blame, where requests have named fields.
    pub(crate) field: Option<&'static str>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new(), field: None }
    }

    /// With a header more; a value that is none is left out.
    #[must_use]
    pub(crate) fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::Unsupported, message)
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        let code = match error {
            NameError::Digest(_) => Code::DigestInvalid,
            NameError::Tag(_) => Code::ManifestInvalid,
            NameError::Repository(_) | NameError::Long(_) => Code::NameInvalid,
        };
        Self::new(StatusCode::BAD_REQUEST, code, error.to_string())
    }
}

impl From<FunctionError> for ApiError {
    fn from(error: FunctionError) -> Self {
        let message = error.to_string();
        match error {
            FunctionError::Store(error) => error.into(),
            FunctionError::Name { field, error } => Self { field: Some(field), message, ..Self::from(error) },
            FunctionError::Field { field, .. } => {
                let error = Self::new(StatusCode::BAD_REQUEST, Code::Unsupported, message);
                Self { field: Some(field), ..error }
            }
            FunctionError::Foreign(_) => Self::new(StatusCode::NOT_FOUND, Code::ManifestUnknown, message),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (status, code) = classify(&error);
        let help = match &error {
            StoreError::Conflict { tag, .. } => Some(format!(
                "a version stays what it is, so that what runs it does not change unseen\n\
                 push under another version, delete {tag} first, or allow overwriting for this namespace"
            )),
            StoreError::Damaged { .. } => Some(
                "the bytes in the store changed since they were pushed, and are not served as good\n\
                 push the content again, and check the disk or bucket of the registry"
                    .to_owned(),
            ),
            StoreError::LinkUnknown { field: "blob", .. } => Some(
                "a manifest is taken once everything that it refers to is here\n\
                 push the blob first, then the manifest"
                    .to_owned(),
            ),
            StoreError::TooLarge { .. } => {
                Some("the registry bounds what one push may take\nraise its limit, or push less".to_owned())
            }
            _ => None,
        };
        if status.is_server_error() {
            tracing::error!(%error, "a request failed");
        }
        let message = help.map_or_else(|| error.to_string(), |help| format!("{error}\n{help}"));
        Self::new(status, code, message)
    }
}

fn classify(error: &StoreError) -> (StatusCode, Code) {
    match error {
        StoreError::Backend(_) | StoreError::Read(_) | StoreError::Record { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, Code::Unsupported)
        }
        StoreError::Damaged { .. } => (StatusCode::INTERNAL_SERVER_ERROR, Code::DigestInvalid),
        StoreError::BlobUnknown(_) => (StatusCode::NOT_FOUND, Code::BlobUnknown),
        StoreError::ManifestUnknown(_) => (StatusCode::NOT_FOUND, Code::ManifestUnknown),
        StoreError::RepositoryUnknown(_) => (StatusCode::NOT_FOUND, Code::NameUnknown),
        StoreError::UploadUnknown(_) => (StatusCode::NOT_FOUND, Code::BlobUploadUnknown),
        StoreError::Mismatch { .. } => (StatusCode::BAD_REQUEST, Code::DigestInvalid),
        StoreError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid),
        StoreError::OutOfOrder { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, Code::BlobUploadInvalid),
        StoreError::Length { .. } => (StatusCode::BAD_REQUEST, Code::SizeInvalid),
        StoreError::Body(BodyError::Slow) => (StatusCode::REQUEST_TIMEOUT, Code::BlobUploadInvalid),
        StoreError::Body(BodyError::Source(_)) => (StatusCode::INTERNAL_SERVER_ERROR, Code::DigestInvalid),
        StoreError::Body(BodyError::Cut(_) | BodyError::Form(_)) => {
            (StatusCode::BAD_REQUEST, Code::BlobUploadInvalid)
        }
        StoreError::LinkUnknown { .. } => (StatusCode::NOT_FOUND, Code::ManifestBlobUnknown),
        StoreError::LinkSize { .. } | StoreError::Manifest(_) | StoreError::Function(_) => {
            (StatusCode::BAD_REQUEST, Code::ManifestInvalid)
        }
        StoreError::Conflict { .. } => (StatusCode::CONFLICT, Code::Denied),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"errors": [{"code": self.code.name(), "message": self.message}]}).to_string();
        let mut response = (self.status, body).into_response();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response.headers_mut().extend(self.headers);
        response
    }
}
