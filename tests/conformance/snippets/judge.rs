//! Has the function of the documentation judge every case of a file.

use serde_json::Value;

// HERE

fn main() {
    let text = std::fs::read_to_string(std::env::args().nth(1).expect("a file of cases")).expect("cases");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    for case in &cases {
        let text = |name: &str| case[name].as_str().expect("text");
        let header = |name: &str| case["headers"][name].as_str();
        let genuine = verify(text("secret"), header, text("body").as_bytes(), case["now"].as_u64().expect("a time"));
        assert_eq!(genuine, case["genuine"] == true, "misjudged in Rust: {}", text("what"));
    }
    println!("{} judged rightly in Rust", cases.len());
}
