//! Decodes Amazon's roots, so that no process does at its start.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to a build script by its environment")]

use std::{env, error::Error, fs, path::PathBuf};

use rustls_pki_types::{CertificateDer, pem::PemObject as _};

const ROOTS: &str = "src/amazon-roots.pem";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut list = String::new();
    for (at, root) in CertificateDer::pem_file_iter(ROOTS)?.enumerate() {
        let name = format!("/amazon-root-{at}.der");
        fs::write(out.join(&name[1..]), root?)?;
        list += &format!("include_bytes!(concat!(env!(\"OUT_DIR\"), {name:?})), ");
    }
    fs::write(out.join("amazon_roots.rs"), format!("&[{list}]"))?;
    println!("cargo::rerun-if-changed={ROOTS}");
    Ok(())
}
