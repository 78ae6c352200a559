//! Only the command line and the demo print: operations return values, so that another caller,
//! such as an HTTP server, can give them another form.

use crate::fault::Fault;
use crate::source::SourceFile;

/// The macros that write to standard output and standard error.
const MACROS: [&str; 4] = ["eprint", "eprintln", "print", "println"];

/// Where they may stand.
const PRINTERS: [&str; 3] = [
    "runtime/src/cli/",
    "runtime/src/demo/",
    "runtime/src/main.rs",
];

/// A fault for each file that prints and should not.
pub fn check(files: &[SourceFile]) -> Vec<Fault> {
    let is_printer = |file: &str| PRINTERS.iter().any(|printer| file.starts_with(printer));
    let mut faults = Vec::new();
    for source in files.iter().filter(|source| !is_printer(&source.file)) {
        for name in MACROS {
            if let Some(line) = source.macros.get(name) {
                let what = format!("{name}! stands outside of cli and demo");
                faults.push(Fault::new(&source.file, *line, what));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::parse;

    #[test]
    fn an_operation_that_prints_is_named() {
        let text = "fn f(print: u8) {\n    println!(\"1\");\n}";
        let files = ["runtime/src/ops/status.rs", "runtime/src/cli/status.rs"];
        let faults = check(&files.map(|file| parse(file, text)));
        assert_eq!(faults.len(), 1);
        assert_eq!(
            (faults[0].file.as_str(), faults[0].line),
            ("runtime/src/ops/status.rs", 2)
        );
    }
}
