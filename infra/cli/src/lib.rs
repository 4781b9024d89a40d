//! What the operator's command does in many steps, apart from speaking about it: tests run the same code.

pub mod dead_letters;
pub mod rewrap;
