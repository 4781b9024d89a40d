//! The table behind TLS: a door of its own that passes on what it decrypts. What it spends is nobody's.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_RSA_SHA256};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

/// A door with a certificate.
pub(crate) struct Door {
    /// Where it is, by the name that its certificate tells.
    pub(crate) url: String,
    /// The file of the issuer's certificate.
    pub(crate) issuer: PathBuf,
    /// The file of whom clients of AWS trust, and the issuer.
    pub(crate) amazon: PathBuf,
    /// The file of whom this machine trusts, and the issuer.
    pub(crate) system: PathBuf,
}

/// Whom clients of AWS trust.
const AMAZON: &str = include_str!("../../../shared/runtime/src/amazon-roots.pem");

/// Where systems keep the certificates that they trust.
const SYSTEM: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

impl Door {
    /// Opens a door to a server on this machine; keys are RSA with 2,048 bits, as Amazon's are.
    pub(crate) async fn to(address: &str) -> Result<Self> {
        let (issuer, config) = certified()?;
        let file = |name: &str, others: &str| {
            let path = std::env::current_exe()?.with_file_name(name);
            std::fs::write(&path, format!("{others}\n{issuer}")).context("cannot write the issuer's certificate")?;
            Ok::<_, anyhow::Error>(path)
        };
        let system = SYSTEM.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let (amazon, system) = (file("bench-amazon.pem", AMAZON)?, file("bench-system.pem", &system)?);
        let issuer = file("bench-issuer.pem", "")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), address.to_owned()));
        Ok(Self { url, issuer, amazon, system })
    }
}

/// An issuer's certificate in PEM, and a server under one that it issued.
fn certified() -> Result<(String, ServerConfig)> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "the authority of the benchmark");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate_for(&PKCS_RSA_SHA256)?)?;
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
    let chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone(), authority.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    Ok((pem(authority.der()), ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?))
}

/// A certificate as text: RFC 7468.
fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, address: String) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, address) = (acceptor.clone(), address.clone());
        tokio::spawn(async move {
            // Or the first answers wait for acknowledgements, 40 ms each.
            stream.set_nodelay(true)?;
            let (mut inside, mut outside) = tokio::try_join!(TcpStream::connect(address), acceptor.accept(stream))?;
            inside.set_nodelay(true)?;
            copy_bidirectional(&mut outside, &mut inside).await
        });
    }
}
