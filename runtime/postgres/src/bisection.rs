//! Which rows are still to be tried, when a search halves what fails.

use std::ops::Range;

/// Ranges of rows that wait to be tried, in order.
pub(crate) struct Bisection {
    /// The first rows are on top.
    waiting: Vec<Range<usize>>,
}

impl Bisection {
    /// Begins with all of `rows`, at most `together` of them at a time.
    pub(crate) fn new(rows: usize, together: usize) -> Self {
        let starts = (0..rows).step_by(together.max(1)).rev();
        let waiting = starts.map(|start| start..rows.min(start.saturating_add(together)));
        Self {
            waiting: waiting.collect(),
        }
    }

    /// The rows to try next.
    pub(crate) fn next(&mut self) -> Option<Range<usize>> {
        self.waiting.pop()
    }

    /// Notes that `tried` failed, and that its halves are to be tried. `Some`: it is one row, which
    /// is found.
    pub(crate) fn failed(&mut self, tried: Range<usize>) -> Option<usize> {
        if tried.len() == 1 {
            return Some(tried.start);
        }
        let middle = tried.start + tried.len() / 2;
        self.waiting.push(middle..tried.end);
        self.waiting.push(tried.start..middle);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Bisection;

    #[test]
    fn rows_that_fail_are_found_in_order() {
        let failing = [0, 3, 9];
        let (mut bisection, mut found, mut tries) = (Bisection::new(10, 4), Vec::new(), 0);
        while let Some(range) = bisection.next() {
            tries += 1;
            if failing.iter().any(|row| range.contains(row)) {
                found.extend(bisection.failed(range));
            }
        }
        assert_eq!((found.as_slice(), tries), (&failing[..], 11));
        assert_eq!(Bisection::new(0, 4).next(), None);
    }
}
