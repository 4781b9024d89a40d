//! Where a page leads: to files that are there, and to headings that they have.

use std::{fs, path::Path};

/// The links of a page that lead nowhere in the repository. Those to other places are not tried.
pub(super) fn broken(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.filter(|link| !link.contains("://") && !leads(page, link)).map(str::to_owned).collect()
}

fn leads(page: &Path, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    match anchor {
        None => target.exists(),
        Some(anchor) => fs::read_to_string(target).is_ok_and(|text| text.lines().any(|line| heading(line).as_deref() == Some(anchor))),
    }
}

/// The name under which a heading is found: small letters, hyphens for spaces, no punctuation.
fn heading(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = title.to_lowercase().chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char)).collect::<String>();
    Some(kept.replace(' ', "-"))
}

#[test]
fn a_heading_is_found_by_its_words() {
    assert_eq!(heading("## 2. How many, at once").as_deref(), Some("2-how-many-at-once"));
    assert_eq!(heading("text"), None);
}
