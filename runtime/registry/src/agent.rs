//! One connection's certificates and limits.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};

use crate::settings::{ClientIdentity, RegistrySettings};

/// What asks. Its files are read anew; the error says which cannot be.
pub(crate) fn agent(settings: &RegistrySettings) -> Result<Agent, String> {
    let mut tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
    // Authorities are read only where they are needed.
    if settings.urls.iter().any(|url| url.starts_with("https:")) {
        let roots = match &settings.ca {
            Some(file) => certificates(file)?,
            None => native()?,
        };
        tls = tls.root_certs(RootCerts::new_with_certs(&roots));
        if let Some(identity) = &settings.identity {
            tls = tls.client_cert(Some(client_cert(identity)?));
        }
    }
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(settings.timeout))
        // A redirect would take the login elsewhere.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        // The file alone says who is asked.
        .proxy(None)
        .user_agent(concat!("gristmill/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.into())
}

fn native() -> Result<Vec<Certificate<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    match (found.certs.is_empty(), found.errors.first()) {
        (true, Some(error)) => Err(error.to_string()),
        _ => Ok(found.certs.iter().map(owned).collect()),
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let unusable = |error| format!("{} holds no certificates: {error}", file.display());
    CertificateDer::pem_file_iter(file)
        .map_err(unusable)?
        .map(|certificate| certificate.map(|c| owned(&c)).map_err(unusable))
        .collect()
}

fn owned(certificate: &CertificateDer<'_>) -> Certificate<'static> {
    Certificate::from_der(certificate).to_owned()
}

fn client_cert(identity: &ClientIdentity) -> Result<ClientCert, String> {
    let chain = certificates(&identity.certificate)?;
    let file = identity.key.display();
    let pem = std::fs::read(&identity.key).map_err(|e| format!("cannot read {file}: {e}"))?;
    // Read once more by rustls' own parser, which says what is wrong with it.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|e| format!("{file} holds no key: {e}"))?;
    let key = PrivateKey::from_pem(&pem).map_err(|e| format!("{file} holds no key: {e}"))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}
