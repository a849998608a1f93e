//! The methods of `FunctionRegistry`. Each asks for the right first; changes and refusals go to the audit log.

use std::sync::Arc;

use axum::http::StatusCode;
use invoker_proto::registry::v1::function_registry_server::FunctionRegistry;
use invoker_proto::registry::v1::{
    DeleteVersionRequest, DeleteVersionResponse, DeprecateRequest, DeprecateResponse, DownloadRequest,
    GetFunctionRequest, GetFunctionResponse, ListFunctionsRequest, ListFunctionsResponse,
    ListVersionsRequest, ListVersionsResponse, RegisterFunctionRequest, RegisterFunctionResponse,
    ResolveRequest, ResolveResponse, WatchRequest,
};
use tonic::{Extensions, Request, Response, Status, Streaming, async_trait};

use super::caller::Caller;
use super::{download, register, shapes, status, watch};
use crate::auth::Right;
use crate::functions::{self, FunctionError, Page, find, pointed};
use crate::http::{ApiError, App};
use crate::name::{Namespace, Repository};

#[derive(Debug)]
pub(super) struct Service {
    app: Arc<App>,
}

/// What a call is about, as the audit log shows it.
struct Subject<'a> {
    method: &'a str,
    name: &'a str,
    reference: &'a str,
}

fn caller(extensions: &Extensions) -> Result<Caller, Status> {
    extensions.get().cloned().ok_or_else(|| Status::internal("the caller is unknown"))
}

impl Service {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// The answer to a call that changes nothing.
    fn read<T>(
        &self,
        caller: &Caller,
        subject: &Subject<'_>,
        answer: Result<T, ApiError>,
    ) -> Result<Response<T>, Status> {
        if let Err(error) = &answer {
            let status = error.status;
            self.record(caller, subject, None, status);
        }
        answer.map(Response::new).map_err(status::of)
    }

    /// The answer to a call that changes something, with the digest of what it changed.
    fn changed<T>(
        &self,
        caller: &Caller,
        subject: &Subject<'_>,
        answer: Result<(T, String), ApiError>,
    ) -> Result<Response<T>, Status> {
        if let Ok((_, digest)) = &answer {
            self.record(caller, subject, Some(digest), StatusCode::OK);
        }
        self.read(caller, subject, answer.map(|(answer, _)| answer))
    }

    fn record(&self, caller: &Caller, subject: &Subject<'_>, digest: Option<&str>, status: StatusCode) {
        let path = format!("{}:{}", subject.name, subject.reference);
        self.app.audit_call(Some(&caller.access), caller.peer, subject.method, &path, digest, status);
    }

    async fn get(
        &self,
        caller: &Caller,
        request: &GetFunctionRequest,
    ) -> Result<GetFunctionResponse, ApiError> {
        let name = self.named(caller, &request.name, Right::Pull)?;
        let found = find(&self.app.store, &name, &request.reference).await?;
        let version = functions::version(&self.app.store, &name, &found).await?;
        Ok(GetFunctionResponse { version: Some(shapes::version(version)) })
    }

    async fn list(
        &self,
        caller: &Caller,
        request: &ListFunctionsRequest,
    ) -> Result<ListFunctionsResponse, ApiError> {
        self.app.require_reader(&caller.access)?;
        let namespace: Option<Namespace> = match request.namespace.as_str() {
            "" => None,
            text => Some(FunctionError::read("namespace", text)?),
        };
        let page = Page::read(request.page_size, &request.page_token)?;
        let is_seen = |name: &Repository| caller.access.check(name, Right::Pull).is_ok();
        let page = functions::functions(&self.app.store, namespace.as_ref(), is_seen, &page).await?;
        Ok(shapes::functions(page))
    }

    async fn list_of(
        &self,
        caller: &Caller,
        request: &ListVersionsRequest,
    ) -> Result<ListVersionsResponse, ApiError> {
        let name = self.named(caller, &request.name, Right::Pull)?;
        let page = Page::read(request.page_size, &request.page_token)?;
        Ok(shapes::versions(functions::versions(&self.app.store, &name, &page).await?))
    }

    async fn resolved(&self, caller: &Caller, request: &ResolveRequest) -> Result<ResolveResponse, ApiError> {
        let name = self.named(caller, &request.name, Right::Pull)?;
        let found = find(&self.app.store, &name, &request.reference).await?;
        let deprecation = self.app.store.deprecation(&name, &found.digest).await?;
        Ok(ResolveResponse {
            digest: found.digest.to_string(),
            tag: found.tag.map(|tag| tag.to_string()).unwrap_or_default(),
            deprecation: deprecation.map(shapes::deprecation),
        })
    }

    async fn deprecated(
        &self,
        caller: &Caller,
        request: &DeprecateRequest,
    ) -> Result<(DeprecateResponse, String), ApiError> {
        let name = self.named(caller, &request.name, Right::Push)?;
        let found = pointed(&self.app.store, &name, &request.reference).await?;
        let message = (!request.withdraw).then_some(request.message.as_str());
        let by = caller.access.to_string();
        functions::deprecate(&self.app.store, &name, &found.digest, message, by).await?;
        let digest = found.digest.to_string();
        Ok((DeprecateResponse { digest: digest.clone() }, digest))
    }

    async fn deleted(
        &self,
        caller: &Caller,
        request: &DeleteVersionRequest,
    ) -> Result<(DeleteVersionResponse, String), ApiError> {
        let name = self.named(caller, &request.name, Right::Admin)?;
        let digest = functions::delete(&self.app.store, &name, &request.reference).await?;
        self.app.changed(&name);
        Ok((DeleteVersionResponse {}, digest.to_string()))
    }

    fn named(&self, caller: &Caller, name: &str, right: Right) -> Result<Repository, ApiError> {
        let name = FunctionError::read("name", name)?;
        caller.require(&self.app, &name, right)?;
        Ok(name)
    }
}

#[async_trait]
impl FunctionRegistry for Service {
    type DownloadStream = download::Answers;
    type WatchStream = watch::Answers;

    async fn register_function(
        &self,
        request: Request<Streaming<RegisterFunctionRequest>>,
    ) -> Result<Response<RegisterFunctionResponse>, Status> {
        let caller = caller(request.extensions())?;
        let mut messages = request.into_inner();
        let metadata = register::metadata(&self.app, &mut messages).await.map_err(status::of)?;
        let (name, tag) = (metadata.name.clone(), metadata.tag.clone());
        let subject = Subject { method: "RegisterFunction", name: &name, reference: &tag };
        let answer = register::store(&self.app, &caller, metadata, messages).await.map(|version| {
            let digest = version.digest.clone();
            (RegisterFunctionResponse { version: Some(version) }, digest)
        });
        self.changed(&caller, &subject, answer)
    }

    async fn get_function(
        &self,
        request: Request<GetFunctionRequest>,
    ) -> Result<Response<GetFunctionResponse>, Status> {
        let (caller, request) = (caller(request.extensions())?, request.into_inner());
        let subject = Subject { method: "GetFunction", name: &request.name, reference: &request.reference };
        self.read(&caller, &subject, self.get(&caller, &request).await)
    }

    async fn list_functions(
        &self,
        request: Request<ListFunctionsRequest>,
    ) -> Result<Response<ListFunctionsResponse>, Status> {
        let (caller, request) = (caller(request.extensions())?, request.into_inner());
        let subject = Subject { method: "ListFunctions", name: &request.namespace, reference: "" };
        self.read(&caller, &subject, self.list(&caller, &request).await)
    }

    async fn list_versions(
        &self,
        request: Request<ListVersionsRequest>,
    ) -> Result<Response<ListVersionsResponse>, Status> {
        let (caller, request) = (caller(request.extensions())?, request.into_inner());
        let subject = Subject { method: "ListVersions", name: &request.name, reference: "" };
        self.read(&caller, &subject, self.list_of(&caller, &request).await)
    }

    async fn resolve(&self, request: Request<ResolveRequest>) -> Result<Response<ResolveResponse>, Status> {
        let (caller, request) = (caller(request.extensions())?, request.into_inner());
        let subject = Subject { method: "Resolve", name: &request.name, reference: &request.reference };
        self.read(&caller, &subject, self.resolved(&caller, &request).await)
    }

    async fn download(
        &self,
        request: Request<DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let (caller, request) = (caller(request.extensions())?, request.into_inner());
        let subject = Subject { method: "Download", name: &request.name, reference: &request.reference };
        self.read(&caller, &subject, download::start(&self.app, &caller, &request).await)
    }

    async fn deprecate(
        &self,
        request: Request<DeprecateRequest>,
    ) -> Result<Response<DeprecateResponse>, Status> {
        let (caller, request) = (caller(request.extensions())?, request.into_inner());
        let subject = Subject { method: "Deprecate", name: &request.name, reference: &request.reference };
        self.changed(&caller, &subject, self.deprecated(&caller, &request).await)
    }

    async fn delete_version(
        &self,
        request: Request<DeleteVersionRequest>,
    ) -> Result<Response<DeleteVersionResponse>, Status> {
        let (caller, request) = (caller(request.extensions())?, request.into_inner());
        let subject = Subject { method: "DeleteVersion", name: &request.name, reference: &request.reference };
        self.changed(&caller, &subject, self.deleted(&caller, &request).await)
    }

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (caller, request) = (caller(request.extensions())?, request.into_inner());
        let subject = Subject { method: "Watch", name: &request.namespace, reference: "" };
        self.read(&caller, &subject, watch::start(&self.app, &caller, &request).await)
    }
}
