//! Where things lie in the object store.

use object_store::path::Path;
use uuid::Uuid;

use crate::digest::Digest;
use crate::name::{Repository, Tag};

pub(crate) const REPOSITORIES: &str = "repositories";
pub(crate) const CATALOG: &str = "catalog";
/// The object of an upload that says that it began.
pub(crate) const START: &str = "start";

/// The places of one repository. Names of repositories have no part that begins with `_`, so nothing here meets another
/// repository's.
#[derive(Debug)]
pub(crate) struct Paths<'a>(pub(crate) &'a Repository);

impl Paths<'_> {
    pub(crate) fn root(&self) -> Path {
        Path::from(format!("{REPOSITORIES}/{}", self.0))
    }

    pub(crate) fn folder(&self, name: &str) -> Path {
        self.root().join(name)
    }

    pub(crate) fn blob(&self, digest: &Digest) -> Path {
        self.content("_blobs", digest)
    }

    pub(crate) fn manifest(&self, digest: &Digest) -> Path {
        self.content("_manifests", digest)
    }

    pub(crate) fn function(&self, digest: &Digest) -> Path {
        self.content("_functions", digest)
    }

    pub(crate) fn upload(&self, id: Uuid) -> Path {
        self.folder("_uploads").join(id.to_string())
    }

    pub(crate) fn tag(&self, tag: &Tag) -> Path {
        self.folder("_tags").join(tag.as_str())
    }

    pub(crate) fn referrers(&self, subject: &Digest) -> Path {
        self.content("_referrers", subject)
    }

    pub(crate) fn referrer(&self, subject: &Digest, digest: &Digest) -> Path {
        self.referrers(subject).join(digest.algorithm().name()).join(digest.hex())
    }

    pub(crate) fn deprecation(&self, manifest: &Digest) -> Path {
        self.content("_deprecations", manifest)
    }

    pub(crate) fn compatibility(&self, tag: &Tag, manifest: &Digest) -> Path {
        let folder = self.folder("_compatibility").join(tag.as_str());
        folder.join(manifest.algorithm().name()).join(manifest.hex())
    }

    pub(crate) fn catalog(&self) -> Path {
        Path::from(CATALOG).join(self.0.as_str().replace('/', "+"))
    }

    fn content(&self, folder: &str, digest: &Digest) -> Path {
        self.folder(folder).join(digest.algorithm().name()).join(digest.hex())
    }
}

/// The digest that the last two parts of a path are.
pub(crate) fn digest_of(path: &Path) -> Option<Digest> {
    let mut parts = path.as_ref().rsplit('/');
    let hex = parts.next()?;
    format!("{}:{hex}", parts.next()?).parse().ok()
}

/// The number that the last part of a path is.
pub(crate) fn number_of(path: &Path) -> Option<u64> {
    path.filename()?.parse().ok()
}
