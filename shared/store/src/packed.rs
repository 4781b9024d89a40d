//! Values packed by DEFLATE (RFC 1951): what is large or repeats itself, such as transcripts.

/// Fast, and nearly as small as the best.
const LEVEL: u8 = 6;

/// The most bytes that a value is unpacked to: far more than is ever written, and no danger to a function's memory.
const MAX_BYTES: usize = 32 << 20;

/// Packs bytes.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(bytes, LEVEL)
}

/// Unpacks what [`pack`] made.
pub(crate) fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    miniz_oxide::inflate::decompress_to_vec_with_limit(packed, MAX_BYTES).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_unpacks_as_it_was(bytes: Vec<u8>) {
            prop_assert_eq!(unpack(&pack(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn strange_bytes_are_refused_or_unpacked_without_a_panic(bytes: Vec<u8>) {
            let _ = unpack(&bytes);
        }
    }
}
