//! Our certificates, read from their files.

use std::path::{Path, PathBuf};
use std::{fs, io};

use gp2gp_mocks::serve::{Authority, Guard, Identity, TlsError, Trust};

use super::TlsFiles;

/// Who we are, and whom we trust.
#[derive(Debug, Clone)]
pub struct OwnTls {
    /// Signs the certificates that we trust.
    pub authority: Authority,
    /// Our certificate and key.
    pub identity: Identity,
}

/// A certificate or key of ours cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// The file cannot be read.
    #[error("cannot read `{key}`, {}: {source}", path.display())]
    Unreadable {
        /// Its key in the configuration.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is in it cannot be used.
    #[error("`{key}`, {}: {source}", path.display())]
    Unusable {
        /// Its key in the configuration.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: TlsError,
    },
}

impl TlsFiles {
    /// Reads all three files, and sees that they fit together.
    pub fn open(&self) -> Result<OwnTls, TlsFileError> {
        let ca = read("ca", &self.ca)?;
        let cert = read("cert", &self.cert)?;
        let private = read("key", &self.key)?;
        let unusable = |key, path: &Path, source| TlsFileError::Unusable {
            key,
            path: path.to_owned(),
            source,
        };
        let authority =
            Authority::from_pem(&ca).map_err(|source| unusable("ca", &self.ca, source))?;
        let identity = Identity::from_pem(&cert, &private).map_err(|source| match &source {
            TlsError::NoKey | TlsError::OtherKey | TlsError::Key(_) => {
                unusable("key", &self.key, source)
            }
            TlsError::NotPem(_)
            | TlsError::NoCertificate
            | TlsError::Certificate(_)
            | TlsError::Library(_) => unusable("cert", &self.cert, source),
        })?;
        Ok(OwnTls {
            authority,
            identity,
        })
    }
}

impl OwnTls {
    /// For what we ask of others.
    pub fn trust(&self) -> Result<Trust, TlsError> {
        Trust::new(&self.authority, Some(&self.identity))
    }

    /// For what others ask of us: mutual TLS.
    pub fn guard(&self) -> Result<Guard, TlsError> {
        Guard::mutual(&self.identity, &self.authority)
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsFileError> {
    fs::read(path).map_err(|source| TlsFileError::Unreadable {
        key,
        path: path.to_owned(),
        source,
    })
}
