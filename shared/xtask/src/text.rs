//! Small pure functions over text: lines, durations, cargo's progress, a hash. No I/O.

use std::time::Duration;

/// Cuts a stream of bytes into lines. A carriage return ends a line too, since progress bars redraw
/// themselves with one.
#[derive(Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes and shows each line that they complete; empty lines are left out.
    pub(crate) fn push(&mut self, bytes: &[u8], show: &mut impl FnMut(&str)) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.finish(show);
            } else {
                self.rest.push(byte);
            }
        }
    }

    /// Shows what is left at the end of the stream.
    pub(crate) fn finish(&mut self, show: &mut impl FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.rest);
        let line = line.trim_end();
        if !line.is_empty() {
            show(line);
        }
        self.rest.clear();
    }
}

/// How far cargo is: `Building [====>   ] 12/40: serde, tokio` is `(12, 40)`.
pub(crate) fn cargo_units(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.trim_start().strip_prefix("Building [")?.split_once(']')?;
    let (counts, _) = rest.split_once(':')?;
    let (done, all) = counts.trim().split_once('/')?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

/// `850 ms`, `12.3 s`, `3 min 04 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60.. => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// FNV-1a of several texts: names a folder after what belongs in it. Not for secrets.
pub(crate) fn hash(texts: &[&str]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in texts.join("\0").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut show = |line: &str| found.push(line.to_owned());
        for chunk in chunks {
            lines.push(chunk.as_bytes(), &mut show);
        }
        lines.finish(&mut show);
        found
    }

    #[test]
    fn a_line_may_arrive_in_pieces_and_end_with_a_carriage_return() {
        assert_eq!(lines(&["a", "b\nc\r", "\n\nd"]), ["ab", "c", "d"]);
    }

    #[test]
    fn cargo_says_how_far_it_is() {
        let line = "    Building [=======>       ] 120/407: serde, tokio(build)";
        assert_eq!(cargo_units(line), Some((120, 407)));
        assert_eq!(cargo_units("   Compiling serde v1.0.0"), None);
        assert_eq!(cargo_units("    Building [  ] soon"), None);
    }

    #[test]
    fn durations_read_well_at_every_size() {
        assert_eq!(duration(Duration::from_millis(850)), "850 ms");
        assert_eq!(duration(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(duration(Duration::from_secs(184)), "3 min 04 s");
    }

    #[test]
    fn the_hash_is_fnv_1a_and_keeps_texts_apart() {
        assert_eq!(hash(&[""]), "cbf29ce484222325");
        assert_eq!(hash(&["a"]), "af63dc4c8601ec8c");
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }
}
