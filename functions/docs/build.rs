//! Compresses what the function serves, and names each file by what is in it, so that browsers may keep it for ever.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to a build script by its environment")]

use std::{
    env,
    error::Error,
    fs,
    io::{Cursor, Read as _, Write as _},
    path::PathBuf,
};

use flate2::{Compression, write::GzEncoder};
use zip::ZipArchive;

const DOCUMENT: &str = "../../infra/openapi.json";

/// A file that is served.
struct Asset {
    path: String,
    content_type: &'static str,
    tag: String,
    /// Whether its name changes with what is in it.
    named: bool,
    gzip: Vec<u8>,
}

fn main() -> Result<(), Box<dyn Error>> {
    for source in [DOCUMENT, "src/page.html", "src/start.js", "build.rs"] {
        println!("cargo::rerun-if-changed={source}");
    }
    let script = named("swagger-ui", "js", "text/javascript; charset=utf-8", &vendored("swagger-ui-bundle.js")?)?;
    let style = named("swagger-ui", "css", "text/css; charset=utf-8", &vendored("swagger-ui.css")?)?;
    let start = named("start", "js", "text/javascript; charset=utf-8", &fs::read("src/start.js")?)?;
    let page = fs::read_to_string("src/page.html")?
        .replace("{style}", &style.path)
        .replace("{script}", &script.path)
        .replace("{start}", &start.path);
    let page = asset("/docs".to_owned(), "text/html; charset=utf-8", page.as_bytes())?;
    let document = asset("/openapi.json".to_owned(), "application/json", &fs::read(DOCUMENT)?)?;
    write(&[document, page, script, style, start])
}

/// A file of the page's script, from the crate that carries it.
fn vendored(name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut archive = ZipArchive::new(Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED))?;
    let path = archive.file_names().find(|path| path.ends_with(&format!("/dist/{name}"))).map(str::to_owned);
    let mut bytes = Vec::new();
    archive.by_name(&path.ok_or_else(|| format!("the archive has no {name}"))?)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn named(name: &str, end: &str, content_type: &'static str, bytes: &[u8]) -> Result<Asset, Box<dyn Error>> {
    Ok(Asset { named: true, ..asset(format!("/docs/{name}-{}.{end}", tag(bytes)), content_type, bytes)? })
}

fn asset(path: String, content_type: &'static str, bytes: &[u8]) -> Result<Asset, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(Asset { path, content_type, tag: tag(bytes), named: false, gzip: encoder.finish()? })
}

/// What tells one content from another: its checksum and its length.
fn tag(bytes: &[u8]) -> String {
    format!("{:08x}{:x}", crc32fast::hash(bytes), bytes.len())
}

/// Writes the compressed files, and the list of them as code.
fn write(assets: &[Asset]) -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut list = "&[\n".to_owned();
    for (at, Asset { path, content_type, tag, named, gzip }) in assets.iter().enumerate() {
        let file = out.join(format!("{at}.gz"));
        fs::write(&file, gzip)?;
        list += &format!(
            "    Asset {{ path: {path:?}, content_type: {content_type:?}, tag: {:?}, named: {named}, gzip: include_bytes!({file:?}) }},\n",
            format!("W/\"{tag}\"")
        );
    }
    fs::write(out.join("assets.rs"), list + "]\n")?;
    Ok(())
}
