//! Writes the few elements that carriers are answered with. Attributes and texts cannot end what they stand in, and
//! characters that XML 1.0 cannot hold are left out.

use std::fmt::Write as _;

/// An element under construction.
#[derive(Debug)]
pub(crate) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Self>,
}

impl Element {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }

    /// An attribute, if there is a value.
    pub(crate) fn with<'a>(mut self, name: &'static str, value: impl Into<Option<&'a str>>) -> Self {
        if let Some(value) = value.into() {
            self.attributes.push((name, value.to_owned()));
        }
        self
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    pub(crate) fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The whole document with this element as its root.
    pub(crate) fn document(&self) -> String {
        let mut xml = String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
        self.write(&mut xml);
        xml
    }

    fn write(&self, xml: &mut String) {
        let _ = write!(xml, "<{}", self.name);
        for (name, value) in &self.attributes {
            let _ = write!(xml, " {name}=\"{}\"", escaped(value));
        }
        if self.text.is_empty() && self.children.is_empty() {
            xml.push_str("/>");
            return;
        }
        let _ = write!(xml, ">{}", escaped(&self.text));
        self.children.iter().for_each(|child| child.write(xml));
        let _ = write!(xml, "</{}>", self.name);
    }
}

/// A text that stands for itself between tags and between quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}
