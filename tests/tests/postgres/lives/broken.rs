//! Histories find what would be wrong.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, StringArray};
use gristmill_core::chain::{Computed, Earlier};
use gristmill_core::column::{Batch, Column};
use rstest::rstest;

use super::play;
use super::stage::Stage;

/// Each is found earlier than that.
const SEEDS: u64 = 200;

/// What a dead row held comes back with the key.
const NEW_LIFE_INHERITS: &str = "
    create function inherit() returns trigger language plpgsql as $$
    begin
        if old.gone and not new.gone and 'a' = any (
            gristmill.absent_columns('lives', new._gm_absent)
        ) then
            new.a := old.a;
        end if;
        return new;
    end $$;
    create trigger inherit before update on lives for each row execute function inherit()";
const BITS_ARE_FORGOTTEN: &str = "
    create or replace function gristmill.absent_after(
        old bytea, new bytea, mine bytea, anew boolean
    ) returns bytea language sql immutable as 'select null::bytea'";
const THERE_ARE_NO_TOMBSTONES: &str = "
    create function never() returns trigger language plpgsql as 'begin return null; end';
    create trigger never before insert on gristmill.tombstone
    for each row execute function never()";
/// The first statement of several does not end the transaction of an owner that is none.
const NOBODY_IS_FENCED: &str = "
    create or replace function gristmill.fence() returns boolean language sql
    as 'select false'";

fn lose_layers(batch: &mut Computed) {
    batch.earlier.retain(|e| matches!(e, Earlier::Truncate(_)));
}

/// What the newest rows lack comes from older ones, whatever the table has between them.
fn merge_donors(batch: &mut Computed) {
    let layers: Vec<Batch> = batch
        .earlier
        .iter()
        .filter_map(|earlier| match earlier {
            Earlier::Rows(layer) => Some(layer.rows.clone()),
            Earlier::Truncate(_) => None,
        })
        .collect();
    for donors in layers.iter().rev() {
        fill(&mut batch.rows, donors);
    }
    lose_layers(batch);
}

fn fill(rows: &mut Batch, donors: &Batch) {
    let keys = |batch: &Batch| -> Vec<i64> {
        let keys = batch.columns[0].values.as_primitive::<Int64Type>();
        keys.values().to_vec()
    };
    let given: Vec<_> = keys(rows)
        .iter()
        .map(|key| keys(donors).iter().position(|donor| donor == key))
        .collect();
    for (column, donor) in rows.columns.iter_mut().zip(&donors.columns).skip(4) {
        let has = |c: &Column, row: usize| c.presence.as_ref().is_none_or(|bits| bits.value(row));
        let text = |c: &Column, row: usize| {
            let texts = c.values.as_string::<i32>();
            texts.is_valid(row).then(|| texts.value(row).to_owned())
        };
        let merged = given.iter().enumerate().map(|(row, from)| match from {
            Some(from) if !has(column, row) && has(donor, *from) => (true, text(donor, *from)),
            _ => (has(column, row), text(column, row)),
        });
        let (presence, values): (Vec<bool>, Vec<Option<String>>) = merged.unzip();
        *column = Column {
            values: Arc::new(values.into_iter().collect::<StringArray>()),
            presence: Some(presence.into_iter().collect()),
        };
    }
}

#[rstest]
#[case::new_life_inherits("inherits", NEW_LIFE_INHERITS, None)]
#[case::bits_are_forgotten("bits", BITS_ARE_FORGOTTEN, None)]
#[case::there_are_no_tombstones("tombstones", THERE_ARE_NO_TOMBSTONES, None)]
#[case::nobody_is_fenced("fence", NOBODY_IS_FENCED, None)]
#[case::layers_are_lost("lost", "", Some(lose_layers as fn(&mut Computed)))]
#[case::donors_are_merged("merged", "", Some(merge_donors as fn(&mut Computed)))]
#[tokio::test]
async fn what_is_broken_is_found(
    #[case] name: &str,
    #[case] sql: &str,
    #[case] spoil: Option<fn(&mut Computed)>,
) -> Result<()> {
    let mut stage = Stage::new(&format!("lives_broken_{name}")).await?;
    stage.connection.batch_execute(sql).await?;
    stage.spoil = spoil;
    for seed in 0..SEEDS {
        if let Err(error) = play(seed, &mut stage).await {
            let why = error.root_cause().to_string();
            ensure!(why.contains("\nand not "), "{name}: {why}");
            println!("{name}: found at seed {seed}: {why}");
            return Ok(());
        }
    }
    bail!("{name}: no seed below {SEEDS} finds it")
}
