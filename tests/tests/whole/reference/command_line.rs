//! Every command with its arguments, from clap.

use clap::{Arg, ArgAction, Command};

use super::markdown::{COLUMNS, item, paragraph, sentence};

const HEAD: &str = "# Command line\n\n";

const EXIT_CODES: &str = "
## Exit codes

- 0: all is well.
- 1: it is not. Standard error says what is wrong, and what to do.
- 2: the command line is wrong.
- 130: a second signal ended the process at once.
- 141: nobody reads the output any more.
";

pub(super) fn page() -> String {
    let mut command = gristmill::cli::command();
    command.build();
    let mut page = HEAD.to_owned();
    page += &paragraph(&sentence(&about(&command)));
    page.push('\n');
    page += &paragraph(
        "`gristmill --help` and `gristmill COMMAND --help` print the same. `FILE` is a [pipeline \
         file](pipeline-file.md).",
    );
    for command in shown(&command) {
        section(
            &mut page,
            command,
            &format!("gristmill {}", command.get_name()),
        );
    }
    page + EXIT_CODES
}

fn section(page: &mut String, command: &Command, path: &str) {
    *page += &format!("\n## {path}\n");
    for text in about(command).split("\n\n") {
        *page += &format!("\n{}", paragraph(&sentence(text)));
    }
    let parts: Vec<&Command> = shown(command).collect();
    if !parts.is_empty() {
        for part in parts {
            section(page, part, &format!("{path} {}", part.get_name()));
        }
        return;
    }
    let usage = command.clone().render_usage().to_string();
    let usage = code(usage.trim_start_matches("Usage: "), "");
    *page += &format!("\n```text\n{usage}\n```\n");
    let arguments: Vec<&Arg> = command.get_arguments().filter(|a| is_own(a)).collect();
    if !arguments.is_empty() {
        page.push('\n');
    }
    for argument in arguments {
        *page += &item(0, &described(argument));
    }
    if let Some(examples) = command.get_after_help() {
        let examples = examples.to_string();
        let lines = examples.lines().map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("Example:").unwrap_or(line);
            line.strip_prefix("Examples:").unwrap_or(line).trim()
        });
        let lines = lines.filter(|line| !line.is_empty());
        let lines: Vec<String> = lines.map(|line| code(line, " \\")).collect();
        *page += &format!("\n```sh\n{}\n```\n", lines.join("\n"));
    }
}

/// A line of code, broken between words where it is too wide; `mark` says that it goes on.
fn code(line: &str, mark: &str) -> String {
    let mut code = String::new();
    let mut wide = 0;
    for word in line.split(' ') {
        let word_wide = word.chars().count();
        if wide > 0 && wide + 1 + word_wide + mark.len() > COLUMNS {
            code += &format!("{mark}\n    {word}");
            wide = 4 + word_wide;
        } else {
            let space = if wide > 0 { " " } else { "" };
            code += &format!("{space}{word}");
            wide += space.len() + word_wide;
        }
    }
    code
}

/// What a command is about, whole where it has more than a line.
fn about(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about());
    about.map(ToString::to_string).unwrap_or_default()
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    let parts = command.get_subcommands();
    parts.filter(|part| !part.is_hide_set() && part.get_name() != "help")
}

/// Whether the command itself has it: clap adds help and version to all.
fn is_own(argument: &Arg) -> bool {
    let adds = matches!(
        argument.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    !adds && !argument.is_hide_set()
}

fn described(argument: &Arg) -> String {
    let value = argument.get_value_names().map_or_else(
        || argument.get_id().as_str().to_uppercase(),
        |names| {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            names.join(" ")
        },
    );
    let takes_value = argument.get_action().takes_values();
    let name = match argument.get_long() {
        Some(long) if takes_value => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
        None => value,
    };
    let help = argument.get_long_help().or(argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let mut text = format!("`{name}`: {}", sentence(&help));
    let defaults = argument.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|d| d.to_string_lossy()).collect();
    if takes_value && !defaults.is_empty() {
        text += &format!(" Without it: `{}`.", defaults.join(" "));
    }
    if let Some(variable) = argument.get_env() {
        text += &format!(" Also from the variable `{}`.", variable.to_string_lossy());
    }
    if matches!(argument.get_action(), ArgAction::Append) {
        text += " May be repeated.";
    }
    text
}
