//! A bar chart, as SVG that a README shows in light and in dark.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const BAR: f64 = 24.0;
const GAP: f64 = 10.0;
const LABELS: f64 = 150.0;
const VALUES: f64 = 150.0;

/// One bar: label, value, what stands behind it, and whether it is emphasized.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    pub(crate) text: String,
    pub(crate) is_ours: bool,
}

/// Horizontal bars under a title.
pub(crate) fn bars(title: &str, bars: &[Bar]) -> String {
    let max = bars
        .iter()
        .map(|b| b.value)
        .fold(f64::MIN_POSITIVE, f64::max);
    let height = 44.0 + bars.len() as f64 * (BAR + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"14\" fill=\"#808890\">\n<text x=\"0\" y=\"20\" \
         font-weight=\"bold\">{title}</text>\n"
    );
    for (i, bar) in bars.iter().enumerate() {
        let y = 36.0 + i as f64 * (BAR + GAP);
        let width = bar.value / max * (WIDTH - LABELS - VALUES);
        let color = if bar.is_ours { "#d97706" } else { "#9aa4b2" };
        let text_y = y + BAR * 0.7;
        let (label, text) = (&bar.label, &bar.text);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{text_y}\" text-anchor=\"end\">{label}</text><rect x=\"{LABELS}\" \
             y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"3\" fill=\"{color}\"/><text \
             x=\"{:.1}\" y=\"{text_y}\">{text}</text>",
            LABELS - 8.0,
            LABELS + width + 8.0
        );
    }
    svg + "</svg>\n"
}
