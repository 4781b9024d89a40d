//! Names of fields and parameters, which clients write in one of two spellings.

/// `endpointId` as `endpoint_id`. Other names stay as they are.
#[must_use]
pub fn snake_case(name: &str) -> String {
    if name.contains('_') || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return name.to_owned();
    }
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camel_case_becomes_snake_case_and_the_rest_stays() {
        for (name, snake) in
            [("endpointId", "endpoint_id"), ("e164", "e164"), ("endpoint_Id", "endpoint_Id"), ("X-Team", "X-Team"), ("", "")]
        {
            assert_eq!(snake_case(name), snake);
        }
    }
}
