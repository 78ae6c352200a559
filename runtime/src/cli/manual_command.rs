//! `gristmill completions` and `gristmill man`: what a shell and `man` know of the command line.

use std::io;

use clap::Command as ClapCommand;
use clap_complete::Shell;
use clap_mangen::Man;

use super::out::Out;

/// The script by which `shell` completes commands and arguments.
pub(super) fn completions(mut command: ClapCommand, shell: Shell, out: Out<'_>) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "gristmill", &mut script);
    out.write_all(&script)
}

/// A page for the program, then one for each command.
pub(super) fn man(mut command: ClapCommand, out: Out<'_>) -> io::Result<()> {
    command.build();
    page(command, out)
}

fn page(command: ClapCommand, out: Out<'_>) -> io::Result<()> {
    let below: Vec<ClapCommand> = command
        .get_subcommands()
        .filter(|c| !c.is_hide_set() && c.get_name() != "help")
        .cloned()
        .collect();
    let mut roff = Vec::new();
    Man::new(command).render(&mut roff)?;
    out.write_all(&roff)?;
    below.into_iter().try_for_each(|command| page(command, out))
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    #[test]
    fn each_shell_has_a_script_and_each_command_a_page() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            completions(command(), shell, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("dead-letters") && script.contains("rollback"));
        }
        let mut pages = Vec::new();
        man(command(), &mut pages).unwrap();
        let pages = String::from_utf8(pages).unwrap();
        assert!(pages.matches(".TH").count() > 20, "{pages}");
    }
}
