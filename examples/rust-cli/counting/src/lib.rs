//! Counts how often each value of a column occurs.

use std::collections::HashMap;

/// How often each value was seen.
#[derive(Default)]
pub struct Counts(HashMap<String, u64>);

impl Counts {
    /// Count a value once more.
    pub fn add(&mut self, value: &str) {
        match self.0.get_mut(value) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(value.to_string(), 1)),
        }
    }

    /// The values, the most frequent first; equally frequent ones by name.
    pub fn sorted(self) -> Vec<(String, u64)> {
        let mut rows: Vec<_> = self.0.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        rows
    }
}

/// The field number `column` (from 1) of a line; fields are separated by white space, and a field
/// in double quotes or brackets is one: logs of web servers have such.
pub fn field(line: &str, column: usize) -> Option<&str> {
    let mut rest = line.trim_start();
    for number in 1.. {
        let end = match rest.chars().next()? {
            '"' => rest[1..].find('"').map(|i| i + 2),
            '[' => rest.find(']').map(|i| i + 1),
            _ => rest.find(char::is_whitespace),
        }
        .unwrap_or(rest.len());
        if number == column {
            return Some(&rest[..end]);
        }
        rest = rest[end..].trim_start();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_brackets_hold_a_field_together() {
        let line = r#"192.0.2.7 - - [29/Nov/2026:00:00:01 +0000] "GET / HTTP/1.1" 200 12"#;
        assert_eq!(field(line, 1), Some("192.0.2.7"));
        assert_eq!(field(line, 5), Some(r#""GET / HTTP/1.1""#));
        assert_eq!(field(line, 6), Some("200"));
        assert_eq!(field(line, 8), None);
    }

    #[test]
    fn the_most_frequent_comes_first() {
        let mut counts = Counts::default();
        for value in ["b", "a", "c", "b"] {
            counts.add(value);
        }
        let names: Vec<_> = counts.sorted().into_iter().map(|row| row.0).collect();
        assert_eq!(names, ["b", "a", "c"]);
    }
}
