//! Encryption, as libpq's `sslmode` means it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::wire::database_error::DatabaseError;

/// What the URL says about encryption.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ssl {
    mode: SslMode,
    verify: bool,
    /// A PEM file of authorities; else the system's.
    root_file: Option<String>,
}

impl Ssl {
    pub(crate) fn mode(&self) -> SslMode {
        self.mode
    }
}

/// Takes `sslmode` and `sslrootcert` off the URL: the driver knows neither `verify-full` nor files.
pub(crate) fn split(url: &str) -> Result<(String, Ssl), DatabaseError> {
    let mut ssl = Ssl {
        mode: SslMode::Prefer,
        verify: false,
        root_file: None,
    };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(DatabaseError::Url("must start with postgres://"));
    }
    let Some((base, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), ssl));
    };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => {
                (ssl.mode, ssl.verify) = match mode {
                    "disable" => (SslMode::Disable, false),
                    "prefer" | "allow" => (SslMode::Prefer, false),
                    "require" => (SslMode::Require, false),
                    "verify-full" => (SslMode::Require, true),
                    _ => {
                        return Err(DatabaseError::Url(
                            "has an unknown sslmode: use disable, prefer, require or verify-full",
                        ));
                    }
                }
            }
            Some(("sslrootcert", "system")) => {}
            Some(("sslrootcert", file)) => ssl.root_file = Some(file.to_owned()),
            _ => rest.push(pair),
        }
    }
    if ssl.root_file.is_some() && !ssl.verify {
        return Err(DatabaseError::Url(
            "has sslrootcert, which needs sslmode=verify-full",
        ));
    }
    let url = if rest.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", rest.join("&"))
    };
    Ok((url, ssl))
}

/// What makes a connection encrypted as `ssl` says.
pub(crate) fn connector(ssl: &Ssl) -> Result<MakeRustlsConnect, DatabaseError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| DatabaseError::Certificates(e.into()))?;
    let config = if ssl.verify {
        builder
            .with_root_certificates(roots(ssl.root_file.as_deref())?)
            .with_no_client_auth()
    } else {
        let anyone = Arc::new(Anyone(provider));
        builder
            .dangerous()
            .with_custom_certificate_verifier(anyone)
            .with_no_client_auth()
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots(file: Option<&str>) -> Result<RootCertStore, DatabaseError> {
    let mut roots = RootCertStore::empty();
    match file {
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if let (true, Some(error)) = (roots.is_empty(), found.errors.into_iter().next()) {
                return Err(DatabaseError::Certificates(error.into()));
            }
        }
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file)
                .map_err(|e| DatabaseError::Certificates(e.into()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|e| DatabaseError::Certificates(e.into()))?;
                roots
                    .add(certificate)
                    .map_err(|e| DatabaseError::Certificates(e.into()))?;
            }
        }
    }
    Ok(roots)
}

/// `prefer` and `require` believe whoever answers, as libpq does: they guard against listeners, not
/// against impostors.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_does_not_know_is_taken_off_the_url() {
        let (url, ssl) = split(
            "postgres://a:b@h/d?connect_timeout=3&sslmode=verify-full&sslrootcert=/etc/ca.pem",
        )
        .unwrap();
        assert_eq!(url, "postgres://a:b@h/d?connect_timeout=3");
        assert_eq!(
            (ssl.mode, ssl.verify, ssl.root_file.as_deref()),
            (SslMode::Require, true, Some("/etc/ca.pem"))
        );
        let (url, ssl) = split("postgresql://h/d?sslmode=require").unwrap();
        assert_eq!(
            (url.as_str(), ssl.mode, ssl.verify),
            ("postgresql://h/d", SslMode::Require, false)
        );
        assert_eq!(split("postgres://h/d").unwrap().1.mode, SslMode::Prefer);
    }

    #[test]
    fn a_wish_that_would_not_be_granted_is_an_error() {
        for url in [
            "h/d",
            "postgres://h/d?sslmode=verify-ca",
            "postgres://h/d?sslrootcert=/etc/ca.pem",
            "postgres://h/d?sslmode=require&sslrootcert=/etc/ca.pem",
        ] {
            assert!(split(url).is_err(), "{url}");
        }
    }
}
