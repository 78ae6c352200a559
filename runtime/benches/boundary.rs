//! What the sandbox costs: a batch of four text columns (20 bytes a value, one in ten null) into a component and two of them back, and a fresh instance.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use arrow_array::StringArray;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gristmill::sandbox::{Component, Limits, Sandbox};
use gristmill_core::column::{Batch, Column};
use gristmill_core::transform::Transform;
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

fn instance(c: &mut Criterion) {
    let component = echo();
    c.bench_function("open", |b| {
        b.iter(|| component.open(black_box(&json!({}))).unwrap())
    });
}

criterion_group!(benches, boundary, instance);
criterion_main!(benches);
