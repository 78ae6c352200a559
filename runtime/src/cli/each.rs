//! One command for several pipelines.

use std::process::ExitCode;

use anyhow::Result;

use super::out::{Out, complain, is_unread};
use crate::ops::opened::Opened;

/// Does `one` to each, under its name where they are several. What fails is said, and stops none of
/// the others.
pub(super) async fn each(
    opened: Vec<Opened>,
    out: Out<'_>,
    one: impl AsyncFn(Opened, Out<'_>) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let are_several = opened.len() > 1;
    let mut code = ExitCode::SUCCESS;
    for opened in opened {
        if !are_several {
            return one(opened, &mut *out).await;
        }
        let name = opened.name().to_owned();
        writeln!(out, "{name}:")?;
        match one(opened, &mut *out).await {
            Ok(done) => code = worse(code, done),
            Err(error) if is_unread(&error) => return Err(error),
            Err(error) => {
                complain(&format!("{name}: {error:#}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// The exit code of both.
pub(super) fn worse(code: ExitCode, other: ExitCode) -> ExitCode {
    match code == ExitCode::SUCCESS {
        true => other,
        false => code,
    }
}
