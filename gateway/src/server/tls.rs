//! A certificate and its key, from PEM files.

use anyhow::{Context as _, ensure};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// Reads a chain and its key. HTTP/2 and HTTP/1.1 are offered where it is used.
pub fn read(chain: &Path, key: &Path) -> anyhow::Result<ServerConfig> {
    let pem =
        std::fs::read(chain).with_context(|| format!("tls_cert: read {}", chain.display()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("tls_cert: {} is not PEM", chain.display()))?;
    ensure!(!certificates.is_empty(), "tls_cert: {} has no certificate", chain.display());
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("tls_key: {} has no private key in PEM", key.display()))?;
    // Named rather than taken from the process, so that it does not matter who comes first.
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS versions")?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .context("tls_cert and tls_key do not belong together")
}
