//! Pushing a function: its blobs, then the manifest that names them. Owns the order: until the last request nothing is
//! to be seen, and nothing is sent that is there.

use invoker_core::function_name::{FunctionName, Pick};

use crate::artifact::{Artifact, sha256};
use crate::error::Error;
use crate::upload::Upload;
use crate::{Progress, Registries};

/// What came of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Digest of the manifest.
    pub digest: String,
    /// Where the upload of the component went on, bytes; `None` = it was sent from its start.
    pub resumed_at: Option<u64>,
    /// The component was there already.
    pub was_there: bool,
}

impl Registries {
    /// Pushes a function under the tag of a name. `progress` is told how much of the component is sent.
    pub fn push(
        &self,
        name: &FunctionName,
        artifact: &Artifact,
        progress: Option<Progress<'_>>,
    ) -> Result<Pushed, Error> {
        let Some(Pick::Tag(tag)) = &name.pick else { return Err(Error::NoPick { name: name.to_string() }) };
        let (client, repository) = self.client(name)?;
        let upload = |bytes, progress| {
            let digest = sha256(bytes);
            let scope = format!("repository:{repository}:pull,push");
            let (client, repository, cache) = (&*client, repository.as_str(), self.cache.as_ref());
            Upload { client, repository, scope, digest, bytes, cache, progress }.run()
        };
        let sent = upload(&artifact.component, progress)?;
        upload(&artifact.config, None)?;
        client.put_manifest(name, &repository, tag, &artifact.manifest)?;
        let digest = artifact.digest().to_owned();
        Ok(Pushed { digest, resumed_at: sent.resumed_at, was_there: sent.was_there })
    }
}
