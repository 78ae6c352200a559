//! The values of a topic's newest records against what a pipeline takes them for: what no schema
//! says, nothing but a look at them tells.

mod list_values;
mod newest_document;
mod read_values;
mod row_names;

use anyhow::Result;
use gristmill_core::column::Field;
use gristmill_core::plan::Plan;
use gristmill_core::transform::Transform as _;

use crate::authoring::DryRun;
use crate::authoring::event_file::PlacedEvent;
use crate::definition::pipeline::Pipeline;

use super::{lost_values, topic_events};
use list_values::ListValues;
use newest_document::NewestDocument;
use read_values::ReadValues;

/// Kinds of letters that are told: who has so many reads the first ones.
const LETTERS_MAX: usize = 3;

/// What the records would silently be taken wrongly for, and what of them is not taken, a sentence
/// each.
pub(super) fn oddities(pipeline: &Pipeline, events: &[PlacedEvent]) -> Vec<String> {
    let events = topic_events::in_json(pipeline.schemas(), events);
    let documents: Vec<NewestDocument> = events.iter().filter_map(NewestDocument::of).collect();
    let Some(plan) = normalizer_plan(pipeline) else {
        return Vec::new();
    };
    let forms = pipeline.forms();
    let placeholder = &pipeline.config.source.absent;
    let debezium = lost_values::of_debezium(&pipeline.config);
    let array = |read: &Field| row_names::array_type(debezium?, read);
    let mut found: Vec<String> = plan
        .reads
        .iter()
        .filter_map(|read| match array(read) {
            Some(of) => ListValues::of(read, of, &documents, placeholder).oddity(forms),
            None => ReadValues::of(read, &documents, placeholder).oddity(forms),
        })
        .collect();
    if let Some(debezium) = debezium {
        found.extend(row_names::oddities(
            debezium,
            pipeline.is_filled(),
            &documents,
        ));
    }
    found
}

fn normalizer_plan(pipeline: &Pipeline) -> Option<Plan> {
    let (_, component) = pipeline.components().next()?;
    let opened = component.open(&pipeline.config.transform.first()?.config);
    Some(opened.ok()?.plan().clone())
}

/// Which of the records would be dead letters, and why: a sentence for each kind of reason.
pub(super) fn letters(pipeline: &Pipeline, events: &[PlacedEvent]) -> Result<Vec<String>> {
    let mut run = DryRun::new(pipeline)?;
    let mut kinds: Vec<(String, usize, String)> = Vec::new();
    for event in events {
        for letter in run.run(event.record.clone())?.dead_letters {
            let kind = format!("{}, {}", letter.stage.to_text(), letter.code);
            match kinds.iter_mut().find(|(known, ..)| *known == kind) {
                Some((_, count, _)) => *count += 1,
                None => kinds.push((kind, 1, format!("{}: {}", event.place, letter.message))),
            }
        }
    }
    let all = events.len();
    let told = kinds.into_iter().take(LETTERS_MAX);
    Ok(told
        .map(|(kind, count, first)| {
            format!(
                "of the topic's {all} newest records {count} would be dead letters ({kind}), such \
                 as {first}"
            )
        })
        .collect())
}
