//! One instance of a component, and what it means when a call into it fails.

use std::sync::Arc;

use gristmill_core::transform::Fault;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline, WasmBacktrace};

use crate::bindings::Transform as World;
use crate::bindings::gristmill::transform::types as wit;
use crate::call::description::Description;
use crate::call::lower::Lowered;
use crate::host_state::{HostState, Patience};
use crate::limits::Allowance;
use crate::load::compiled::Compiled;
use crate::load::engine::STACK_MAX_BYTES;
use crate::meter::Meter;
use crate::printable::{MESSAGE_MAX_BYTES, printable, printable_pairs};

/// Why a call did not answer. The instance cannot be called again.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The deadline has passed, which says nothing yet about the component.
    Deadline,
    Fault(Fault),
}

impl Stop {
    /// The fault behind a stop, for a call that the clock cannot stop.
    pub(crate) fn into_fault(self, transform: &str) -> Fault {
        match self {
            Self::Deadline => Fault::Lied(format!(
                "transform `{transform}` ran into a deadline without a clock"
            )),
            Self::Fault(fault) => fault,
        }
    }
}

/// How messages call what runs before any export is called.
const START: &str = "its start";

pub(crate) struct Instance {
    store: Store<HostState>,
    world: World,
    meter: Meter,
}

impl Instance {
    /// Instantiates, under the limits for opening.
    pub(crate) fn new(
        compiled: &Arc<Compiled>,
        meter: Meter,
        state: HostState,
    ) -> Result<Self, Stop> {
        let code = compiled.code(meter).map_err(|why| {
            let transform = state.log.transform();
            Stop::Fault(Fault::Lied(format!(
                "transform `{transform}` cannot be compiled: {why}"
            )))
        })?;
        let allowance = state.limits.opening();
        let returned_max_bytes = state.limits.returned_max_bytes;
        let mut store = Store::new(code.engine(), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(returned_max_bytes);
        if meter == Meter::Clock {
            let compiled = Arc::clone(compiled);
            store.epoch_deadline_callback(move |store| {
                let patience = store.data().patience();
                Ok(match goes_on(patience, compiled.is_metered_known()) {
                    true => UpdateDeadline::Continue(1),
                    false => UpdateDeadline::Interrupt,
                })
            });
        }
        allow(&mut store, meter, allowance);
        match code.instantiate(&mut store) {
            Ok(world) => Ok(Self {
                store,
                world,
                meter,
            }),
            Err(error) => Err(stop(&store, meter, allowance, START, error)),
        }
    }

    pub(crate) fn describe(&mut self) -> Result<Description, Stop> {
        let allowance = self.store.data().limits.opening();
        let description = self.call(allowance, "describe", |world, store| {
            world.gristmill_transform_rule().call_describe(store)
        })?;
        Ok(Description {
            name: printable(&description.name, MESSAGE_MAX_BYTES),
            version: printable(&description.version, MESSAGE_MAX_BYTES),
            summary: printable(&description.summary, MESSAGE_MAX_BYTES),
            config_schema: description.config_schema,
            attributes: printable_pairs(description.attributes),
        })
    }

    /// The plan, or why the component does not take `config`.
    pub(crate) fn open(&mut self, config: &str) -> Result<Result<wit::Plan, String>, Stop> {
        let allowance = self.store.data().limits.opening();
        self.call(allowance, "open", |world, store| {
            world.gristmill_transform_rule().call_open(store, config)
        })
    }

    /// Whether and how long a call may go on beyond its deadline.
    pub(crate) fn set_patience(&mut self, patience: Option<Patience>) {
        self.store.data_mut().set_patience(patience);
    }

    /// Linear memory in use.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().memory_bytes()
    }

    /// The output, not yet checked, or why the component does not take the batch.
    pub(crate) fn apply(&mut self, batch: &Lowered) -> Result<Result<wit::Output, String>, Stop> {
        let allowance = self.store.data().limits.applying(batch.weight());
        self.call(allowance, "apply", |world, store| {
            batch.with(|batch| world.gristmill_transform_rule().call_apply(store, batch))
        })
    }

    fn call<R>(
        &mut self,
        allowance: Allowance,
        function: &str,
        call: impl FnOnce(&World, &mut Store<HostState>) -> wasmtime::Result<R>,
    ) -> Result<R, Stop> {
        self.store.data_mut().begin_call();
        allow(&mut self.store, self.meter, allowance);
        call(&self.world, &mut self.store)
            .map_err(|error| stop(&self.store, self.meter, allowance, function, error))
    }
}

/// Whether a call goes on at its deadline, and at each tick from then on.
fn goes_on(patience: Option<Patience>, is_metered_known: bool) -> bool {
    !is_metered_known && patience.is_some_and(|patience| !patience.is_spent())
}

fn allow(store: &mut Store<HostState>, meter: Meter, allowance: Allowance) {
    match meter {
        Meter::Clock => store.set_epoch_deadline(allowance.ticks()),
        Meter::Fuel => {
            // Fails only on an engine without fuel.
            let metered = store.set_fuel(allowance.fuel);
            debug_assert!(metered.is_ok());
        }
    }
}

/// Says whose fault it is that `function` failed, and what to do.
fn stop(
    store: &Store<HostState>,
    meter: Meter,
    allowance: Allowance,
    function: &str,
    error: wasmtime::Error,
) -> Stop {
    let state = store.data();
    let transform = state.log.transform();
    let trap = error.downcast_ref::<Trap>().copied();
    Stop::Fault(match trap {
        Some(Trap::Interrupt) if meter == Meter::Clock => return Stop::Deadline,
        Some(Trap::OutOfFuel) => Fault::OutOfFuel(format!(
            "transform `{transform}` did not finish {function} within {} units of fuel: it loops, \
             or needs a higher {} in its limits",
            allowance.fuel,
            if function == "apply" {
                "fuel_base or fuel_per_row"
            } else {
                "open_fuel"
            },
        )),
        _ if state.denied().is_some() => Fault::OutOfMemory(format!(
            "transform `{transform}` wanted more than {} in {function}: raise it in the \
             transform's limits, or lower the batch's rows",
            state.denied().unwrap_or_default(),
        )),
        Some(trap) => Fault::Trapped(format!(
            "transform `{transform}` trapped in {function}: {}",
            explain(trap, state, &error)
        )),
        // wasmtime keeps the type of this error private.
        None if error
            .root_cause()
            .to_string()
            .contains("hostcalls has been exhausted") =>
        {
            Fault::OutOfMemory(format!(
                "transform `{transform}` returned more than returned_max_bytes = {} from \
                 {function}: raise it in the transform's limits, or lower the batch's rows",
                state.limits.returned_max_bytes
            ))
        }
        None if error.is::<PoolConcurrencyLimitError>() => Fault::Lied(format!(
            "transform `{transform}` finds no room for another instance: run fewer transforms or \
             partitions in this process ({})",
            in_print(&error)
        )),
        None if function == START => Fault::Lied(format!(
            "transform `{transform}` cannot be instantiated: it is damaged, or needs a higher \
             core_instances_max than {} in its limits ({})",
            state.limits.core_instances_max,
            in_print(&error)
        )),
        None => Fault::Lied(format!(
            "transform `{transform}` breaks the interface in {function}, build it with a current \
             toolchain: {}",
            in_print(&error)
        )),
    })
}

/// What the engine says: the names of functions in it are the component's.
fn in_print(error: &wasmtime::Error) -> String {
    printable(&format!("{error:#}"), MESSAGE_MAX_BYTES)
}

/// What the component said before it trapped, else what the engine says and where.
fn explain(trap: Trap, state: &HostState, error: &wasmtime::Error) -> String {
    if trap == Trap::StackOverflow {
        return format!(
            "it recursed deeper than the {STACK_MAX_BYTES} bytes of stack that a call has, which \
             no setting changes: turn the recursion into a loop, or bound it"
        );
    }
    if let Some(last_error) = state.last_error() {
        return last_error.to_owned();
    }
    let place = error
        .downcast_ref::<WasmBacktrace>()
        .and_then(|trace| trace.frames().iter().find_map(|frame| frame.func_name()));
    let place = place.map_or_else(String::new, |place| {
        format!(" (in {})", printable(place, MESSAGE_MAX_BYTES))
    });
    let how = match trap {
        Trap::MemoryOutOfBounds => {
            ", by a stray pointer or because it recursed deeper than the stack that its toolchain \
             gave it"
        }
        _ => "",
    };
    format!("{trap}{how}{place}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_call_goes_on_while_there_is_no_metered_code_and_work_is_left() {
        let hour = Patience::new(Duration::from_secs(3_600));
        assert!(goes_on(Some(hour), false));
        assert!(!goes_on(Some(hour), true), "there is a better judge now");
        assert!(!goes_on(Some(Patience::new(Duration::ZERO)), false));
        let untold = Patience::untold(Duration::ZERO);
        assert!(goes_on(Some(untold), false), "it may have stood still");
        assert!(!goes_on(Some(untold), true));
        assert!(!goes_on(None, false));
    }
}
