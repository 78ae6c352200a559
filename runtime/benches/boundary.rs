//! What the sandbox costs: a batch of four text columns (20 bytes a value, one in ten null) into a
//! component and two of them back, a rule that ships, and a fresh instance.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use arrow_array::StringArray;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gristmill::definition::builtin;
use gristmill_core::column::{Batch, Column};
use gristmill_core::transform::Transform;
use gristmill_sandbox::{Component, Limits, Sandbox};
use serde_json::json;

#[path = "../guest_build.rs"]
mod guest_build;

/// The component that returns what it gets.
fn echo() -> Component {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = workspace.join("target/release/guests");
    let toolchain = guest_build::Toolchain::find().unwrap();
    let modules = toolchain
        .build(&workspace.join("Cargo.toml"), &["echo"], &target)
        .unwrap();
    let module = std::fs::read(&modules[0]).unwrap();
    Sandbox::new(None)
        .unwrap()
        .load("echo", &module, &Limits::default())
        .unwrap()
}

fn batch(transform: &dyn Transform, rows: usize) -> Batch {
    let values = (0..rows).map(|i| (i % 10 > 0).then(|| format!("{i:020}")));
    let column = Column::new(Arc::new(StringArray::from_iter(values)));
    let fields = transform.plan().input_fields().cloned().collect();
    Batch {
        rows,
        fields,
        columns: vec![column; 4],
    }
}

fn boundary(c: &mut Criterion) {
    let component = echo();
    let mut transform = component.open(&json!({})).unwrap();
    let mut group = c.benchmark_group("boundary");
    for rows in [1, 200, 1_000, 5_000] {
        let batch = batch(&transform, rows);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_with_input(BenchmarkId::from_parameter(rows), &batch, |b, batch| {
            b.iter(|| transform.apply(black_box(batch)).unwrap());
        });
    }
    group.finish();
}

/// The rule that does something to each row: addresses of three domains, one of them a company's.
fn enrich_email(c: &mut Criterion) {
    const ROWS: usize = 1_000;
    let module = builtin::component("enrich-email").unwrap();
    let component = Sandbox::new(None)
        .unwrap()
        .load("enrich-email", module, &Limits::default())
        .unwrap();
    let mut transform = component.open(&json!({})).unwrap();
    let domains = ["gmail.com", "contoso.com", "outlook.de"];
    let emails = (0..ROWS).map(|i| (i % 10 > 0).then(|| format!("user{i:06}@{}", domains[i % 3])));
    let batch = Batch {
        rows: ROWS,
        fields: transform.plan().input_fields().cloned().collect(),
        columns: vec![Column::new(Arc::new(StringArray::from_iter(emails)))],
    };
    let mut group = c.benchmark_group("enrich-email");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function(ROWS.to_string(), |b| {
        b.iter(|| transform.apply(black_box(&batch)).unwrap());
    });
    group.finish();
}

fn instance(c: &mut Criterion) {
    let component = echo();
    c.bench_function("open", |b| {
        b.iter(|| component.open(black_box(&json!({}))).unwrap())
    });
}

criterion_group!(benches, boundary, enrich_email, instance);
criterion_main!(benches);
