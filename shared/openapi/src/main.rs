//! Writes the API's description to `infra/openapi.json`, which a test holds equal to the code.

use std::{error::Error, fs};

fn main() -> Result<(), Box<dyn Error>> {
    fs::write(openapi::file(), openapi::text()?)?;
    Ok(())
}
