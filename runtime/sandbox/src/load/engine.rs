//! The two engines: a fast one under the clock, and a metered one for convictions.

use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak, OptLevel, PoolingAllocationConfig, WasmFeatures};

use crate::meter::{Meter, TICK_MS};
use crate::sandbox_error::SandboxError;

/// Instances alive at once: 64 partitions with 8 transforms each, twice (a swap keeps the previous
/// revision warm), rounded down. Only address space is reserved.
const INSTANCES_MAX: u32 = 1_000;

/// Core modules of all instances: a component in Rust or C has 3 with its shims, Python's 38.
const CORE_INSTANCES_MAX: u32 = 40 * INSTANCES_MAX;

/// Elements of one table, and of one transform's tables by default. An interpreter compiled to
/// WebAssembly has about 10,000 functions to point at.
const TABLE_ELEMENTS_MAX: usize = 100_000;

/// Stack of a call. wasmtime's default: a fourth of the 2 MiB that Rust gives a thread, so that the
/// host keeps the rest.
pub(crate) const STACK_MAX_BYTES: usize = 512 << 10;

/// Linear memories of one component. The compilers tried make one; a component put together from
/// others has one for each, QuickJS with a rule 3. None can take the pool's for itself.
const MEMORIES_MAX: u32 = 4;

/// Tables of one component. Rust and C have two, their own and the one of the shims; the same room.
const TABLES_MAX: u32 = 2 * MEMORIES_MAX;

pub(crate) struct Engines {
    /// Stops a call at a wall-clock deadline: costs next to nothing, but a starved process can
    /// bring it about.
    pub(crate) fast: Engine,
    /// Counts what a call executes: slower, but the same on every machine.
    pub(crate) metered: Engine,
}

impl Engines {
    pub(crate) fn start() -> Result<Self, SandboxError> {
        let engines = Self {
            fast: start(config(Meter::Clock).allocation_strategy(pool()))?,
            metered: start(&config(Meter::Fuel))?,
        };
        let ticking = engines.fast.weak();
        std::thread::Builder::new()
            .name("sandbox-clock".to_owned())
            .spawn(move || tick(&ticking))
            .map_err(|e| SandboxError::Engine(e.into()))?;
        Ok(engines)
    }

    pub(crate) fn of(&self, meter: Meter) -> &Engine {
        match meter {
            Meter::Clock => &self.fast,
            Meter::Fuel => &self.metered,
        }
    }
}

/// An engine whose code the one for `meter` runs. It has no room for instances, which a process
/// that only compiles may not take.
pub(crate) fn for_compiling(meter: Meter) -> Result<Engine, SandboxError> {
    start(&config(meter))
}

fn start(config: &Config) -> Result<Engine, SandboxError> {
    Engine::new(config).map_err(|e| SandboxError::Engine(e.into()))
}

/// Counts ticks, not time: while the whole process stands still (SIGSTOP, a suspended machine) the
/// clock of the components stands still, too.
fn tick(engine: &EngineWeak) {
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        std::thread::sleep(Duration::from_millis(TICK_MS));
    }
}

fn config(meter: Meter) -> Config {
    let mut config = Config::new();
    match meter {
        Meter::Clock => config.epoch_interruption(true),
        Meter::Fuel => config.consume_fuel(true),
    };
    config
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        // Nothing here is async; an empty call takes 130 ns instead of 410.
        .concurrency_support(false)
        // The bits of a NaN differ between machines otherwise, and a replay would not be exact.
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(STACK_MAX_BYTES);
    // Of what the compilers of the toolchains tried do not emit, everything that makes an answer
    // depend on the machine or the engine larger to attack. More than one memory stays allowed: the
    // engine itself copies between the parts of a component by it.
    for feature in [
        WasmFeatures::THREADS,
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        WasmFeatures::RELAXED_SIMD,
        WasmFeatures::TAIL_CALL,
        WasmFeatures::MEMORY64,
        WasmFeatures::EXCEPTIONS,
        WasmFeatures::FUNCTION_REFERENCES,
        WasmFeatures::GC,
        WasmFeatures::WIDE_ARITHMETIC,
        WasmFeatures::CUSTOM_PAGE_SIZES,
        WasmFeatures::STACK_SWITCHING,
    ] {
        config.wasm_features(feature, false);
    }
    config
}

/// Why a component does not fit into the pool, and what to do. `None`: it fits, and something else
/// is wrong.
pub(crate) fn beyond_the_pool(error: &wasmtime::Error) -> Option<String> {
    // wasmtime has only the sentence.
    let cause = error.root_cause().to_string();
    let what = if cause.contains("Wasm linear memories") {
        format!("more than the {MEMORIES_MAX} linear memories")
    } else if cause.contains("tables, which exceeds") || cause.contains("defined tables count") {
        format!("more than the {TABLES_MAX} tables")
    } else if cause.contains("minimum element size") {
        format!("a table of more than the {TABLE_ELEMENTS_MAX} elements")
    } else {
        return None;
    };
    Some(format!(
        "the component has {what} that one may have, which no setting changes: build it from \
         fewer or smaller core modules"
    ))
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES_MAX)
        .total_core_instances(CORE_INSTANCES_MAX)
        // One each, and as many again for components that are put together: there is room for 666
        // that have 3. A memory reserves 4 GiB of addresses, so the pool 8 of the 128 TiB that a
        // process has.
        .total_memories(2 * INSTANCES_MAX)
        .total_tables(4 * INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX);
    pool
}
