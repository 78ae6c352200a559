//! What is wrong with an expression, and where.

use std::fmt;

use crate::syntax::Span;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mistake {
    pub(crate) span: Span,
    pub(crate) sentence: String,
}

impl Mistake {
    pub(crate) fn new(span: Span, sentence: impl Into<String>) -> Self {
        Self {
            span,
            sentence: sentence.into(),
        }
    }

    /// The sentence with its place: the line of `text`, and a mark below what is meant.
    pub(crate) fn in_text(&self, name: &str, text: &str) -> String {
        let start = text.floor_char_boundary(self.span.start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[..line_start].matches('\n').count() + 1;
        let before = &text[line_start..start];
        let column = before.chars().count() + 1;
        let end = text.floor_char_boundary(self.span.end.clamp(start, line_end));
        let width = text[start..end].chars().count().max(1);
        // Tabs stay, so that the mark stands below.
        let blank: String = before
            .chars()
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        format!(
            "{name}, line {line}, column {column}: {}\n    {}\n    {blank}{}",
            self.sentence,
            &text[line_start..line_end],
            "^".repeat(width),
        )
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// `: did you mean X?` where a name is near, nothing elsewhere.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= (known.len().max(name.len()) / 3).max(1))
        .filter(|(distance, _)| *distance < name.len())
        .min();
    match near {
        Some((_, known)) => format!(": did you mean `{known}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_below_what_is_meant() {
        let mistake = Mistake::new(Span { start: 10, end: 13 }, "no such thing");
        assert_eq!(
            mistake.in_text("writes.a", "é +\n  b + xyz\n"),
            "writes.a, line 2, column 6: no such thing\n      b + xyz\n         ^^^"
        );
    }

    #[test]
    fn only_near_names_are_offered() {
        let known = || ["lower", "upper", "left"].into_iter();
        assert_eq!(did_you_mean("lowr", known()), ": did you mean `lower`?");
        assert_eq!(did_you_mean("sha512", known()), "");
    }
}
