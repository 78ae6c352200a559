//! What stands in place of a match.

/// Texts, and parts of the match.
#[derive(Debug)]
pub(crate) struct Replacement(Vec<Piece>);

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    /// A group; 0 is the match.
    Group(usize),
}

impl Replacement {
    /// `\1` to `\9` are groups, `\&` is the match, `\\` a backslash.
    pub(crate) fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let group = match chars.peek() {
                Some('&') => Some(0),
                Some(digit @ '1'..='9') => digit.to_digit(10).map(|digit| digit as usize),
                _ => None,
            };
            match (c, group) {
                ('\\', Some(group)) => {
                    chars.next();
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    pieces.push(Piece::Group(group));
                }
                ('\\', None) => {
                    chars.next_if_eq(&'\\');
                    literal.push('\\');
                }
                _ => literal.push(c),
            }
        }
        pieces.push(Piece::Text(literal));
        Self(pieces)
    }

    pub(crate) fn needs_groups(&self) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Group(1..)))
    }

    pub(crate) fn write(&self, text: &str, found: &[Option<(usize, usize)>], buffer: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => buffer.push_str(literal),
                Piece::Group(group) => {
                    if let Some((start, end)) = found.get(*group).copied().flatten() {
                        buffer.push_str(&text[start..end]);
                    }
                }
            }
        }
    }
}
