//! A component that has been opened: the rule as the chain sees it.

use std::time::Duration;

use gristmill_core::column::Batch;
use gristmill_core::plan::Plan;
use gristmill_core::transform::{Fault, Output, Transform};
use serde_json::Value;

use crate::bindings::gristmill::transform::types as wit;
use crate::call::answer;
use crate::call::instance::{Instance, Stop};
use crate::call::lower::Lowered;
use crate::component::Component;
use crate::host_state::{HostState, Patience};
use crate::limits::Allowance;
use crate::load::check_plan;
use crate::log::Log;
use crate::meter::Meter;
use crate::printable::{MESSAGE_MAX_BYTES, printable};
use crate::sandbox_error::SandboxError;

/// A rule in the sandbox, with its config.
///
/// The clock detects: a batch that misses its deadline is run again, metered, and that answer
/// counts. So a process that gets no CPU never costs a row. Once fuel has convicted a batch, its
/// parts are run metered from the start.
pub struct SandboxedTransform {
    component: Component,
    config: String,
    plan: Plan,
    log: Log,
    /// Missing after a trap, until the next call.
    fast: Option<Instance>,
    metered: Option<Instance>,
    /// Fuel burnt in this batch by calls that did not end.
    convicted_fuel: u64,
}

impl Component {
    /// What a chain runs: an instance, as [`Component::open`] makes it, or the rule that is linked
    /// in its place.
    pub fn rule(&self, config: &Value) -> Result<Box<dyn Transform>, SandboxError> {
        let opened = self.open(config)?;
        Ok(match self.linked() {
            Some(linked) => linked(self.name(), opened.plan(), config),
            None => Box::new(opened),
        })
    }

    /// Checks `config` against the component's schema, opens an instance with it and checks the
    /// plan.
    pub fn open(&self, config: &Value) -> Result<SandboxedTransform, SandboxError> {
        self.check_config(config)?;
        SandboxedTransform::open(self.clone(), config.to_string())
    }
}

/// How often its deadline, and the time that its fuel is for, a batch may work while there is no
/// code to run it metered, and how long at least. By default both are the same. 2 s: longer than a
/// rule in Rust takes to compile on a quiet machine, so that its batches are judged by fuel.
const PATIENCE: u32 = 10;
const PATIENCE_MIN: Duration = Duration::from_secs(2);

/// What a batch may work while there is no code to run it metered.
fn work_max(allowance: Allowance) -> Duration {
    let deadline = Duration::from_millis(allowance.deadline_ms);
    let time = deadline.max(allowance.fuel_time());
    time.saturating_mul(PATIENCE).max(PATIENCE_MIN)
}

/// Why an instance did not open.
enum OpenError {
    Stop(Stop),
    Refused(String),
}

impl SandboxedTransform {
    fn open(component: Component, config: String) -> Result<Self, SandboxError> {
        let log = component.log();
        let opened = match instance(&component, &config, &log, Meter::Clock, None) {
            Err(OpenError::Stop(Stop::Deadline)) => {
                instance(&component, &config, &log, Meter::Fuel, None).map(|(_, plan)| (None, plan))
            }
            opened => opened.map(|(instance, plan)| (Some(instance), plan)),
        };
        let (fast, plan) = opened.map_err(|error| match error {
            OpenError::Stop(stop) => SandboxError::Fault(stop.into_fault(component.name())),
            OpenError::Refused(why) => SandboxError::Config {
                transform: component.name().to_owned(),
                why,
            },
        })?;
        Ok(Self {
            component,
            config,
            plan,
            log,
            fast,
            metered: None,
            convicted_fuel: 0,
        })
    }

    /// The component behind it.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Linear memory of the instance that the next call finds; 0 where it has to be made first.
    pub fn memory_bytes(&self) -> usize {
        self.fast.as_ref().map_or(0, Instance::memory_bytes)
    }

    /// `patience`: what a call by the clock may work beyond its deadline.
    fn run(
        &mut self,
        meter: Meter,
        batch: &Lowered,
        patience: Option<Patience>,
    ) -> Result<Output, Stop> {
        let kept = match meter {
            Meter::Clock => self.fast.take(),
            Meter::Fuel => self.metered.take(),
        };
        let mut instance = match kept {
            Some(instance) => instance,
            None => self.reopen(meter, patience)?,
        };
        instance.set_patience(patience);
        let name = self.component.name();
        let output = instance.apply(batch)?.map_err(|why| {
            Stop::Fault(Fault::Trapped(format!(
                "transform `{name}` failed: {}",
                printable(&why, MESSAGE_MAX_BYTES)
            )))
        })?;
        let output = answer::check(&self.plan, batch.rows(), output)
            .map_err(|why| Stop::Fault(Fault::Lied(format!("transform `{name}` {why}"))))?;
        instance.set_patience(None);
        // Only an instance that has answered well is called again.
        match meter {
            Meter::Clock => self.fast = Some(instance),
            Meter::Fuel => self.metered = Some(instance),
        }
        Ok(output)
    }

    fn reopen(&self, meter: Meter, patience: Option<Patience>) -> Result<Instance, Stop> {
        let name = self.component.name();
        let lied = |why: String| Stop::Fault(Fault::Lied(format!("transform `{name}` {why}")));
        match instance(&self.component, &self.config, &self.log, meter, patience) {
            Ok((instance, plan)) if plan == self.plan => Ok(instance),
            Ok(_) => Err(lied(
                "answers the same config with another plan: `open` must depend on nothing else"
                    .into(),
            )),
            Err(OpenError::Refused(why)) => {
                Err(lied(format!("refuses a config that it took before: {why}")))
            }
            Err(OpenError::Stop(stop)) => Err(stop),
        }
    }

    fn convict(&mut self, batch: &Lowered) -> Result<Output, Fault> {
        let limits = self.component.limits();
        let (name, max) = (self.component.name(), limits.conviction_fuel_max);
        if self.convicted_fuel >= max {
            return Err(Fault::Lied(format!(
                "transform `{name}` did not end on so many parts of one batch \
                 (conviction_fuel_max = {max}) that the component is at fault, not the data: swap \
                 it, or raise fuel_per_row or conviction_fuel_max in its limits"
            )));
        }
        let fuel = limits.applying(batch.weight()).fuel;
        self.judge(batch).map_err(|stop| {
            let fault = stop.into_fault(self.component.name());
            if let Fault::OutOfFuel(_) = fault {
                self.convicted_fuel = self.convicted_fuel.saturating_add(fuel);
            }
            fault
        })
    }

    /// Runs the batch metered. While that code is still being compiled, which takes half a minute
    /// for a script language, nobody waits for it: the batch has more time by the clock, counted as
    /// the thread works.
    fn judge(&mut self, batch: &Lowered) -> Result<Output, Stop> {
        if self.component.compiled().is_metered_known() {
            return self.run(Meter::Fuel, batch, None);
        }
        let max = work_max(self.component.limits().applying(batch.weight()));
        let patience = Patience::new(max);
        match self.run(Meter::Clock, batch, Some(patience)) {
            // The code is there now.
            Err(Stop::Deadline) if self.component.compiled().is_metered_known() => {
                self.run(Meter::Fuel, batch, None)
            }
            Err(Stop::Deadline) => {
                let name = self.component.name();
                Err(Stop::Fault(Fault::OutOfFuel(format!(
                    "transform `{name}` did not finish apply within {} ms of work: it loops, or \
                     needs a higher fuel_base or fuel_per_row in its limits",
                    max.as_millis()
                ))))
            }
            answer => answer,
        }
    }
}

impl Transform for SandboxedTransform {
    fn name(&self) -> &str {
        self.component.name()
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn begin_batch(&mut self) {
        self.convicted_fuel = 0;
        self.metered = None;
    }

    fn apply(&mut self, input: &Batch) -> Result<Output, Fault> {
        let batch = Lowered::new(input);
        if self.convicted_fuel > 0 {
            return self.convict(&batch);
        }
        match self.run(Meter::Clock, &batch, None) {
            Ok(output) => Ok(output),
            Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::Deadline) => {
                let (name, rows) = (self.component.name(), batch.rows());
                let deadline_ms = self.component.limits().applying(batch.weight()).deadline_ms;
                tracing::warn!(
                    transform = name,
                    "transform `{name}` did not finish {rows} rows within {deadline_ms} ms: \
                     running it again under a fuel limit, which is slower but does not depend on \
                     how busy this machine is"
                );
                self.convict(&batch)
            }
        }
    }
}

/// A fresh instance with its plan, checked.
fn instance(
    component: &Component,
    config: &str,
    log: &Log,
    meter: Meter,
    patience: Option<Patience>,
) -> Result<(Instance, Plan), OpenError> {
    let mut state = HostState::new(component.limits().clone(), log.clone());
    state.set_patience(patience);
    let mut instance =
        Instance::new(component.compiled(), meter, state).map_err(OpenError::Stop)?;
    let plan: wit::Plan = instance
        .open(config)
        .map_err(OpenError::Stop)?
        .map_err(|why| OpenError::Refused(printable(&why, MESSAGE_MAX_BYTES)))?;
    let plan = check_plan::check(component.name(), plan)
        .map_err(|fault| OpenError::Stop(Stop::Fault(fault)))?;
    Ok((instance, plan))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn raised_fuel_counts_before_there_is_code_to_count_it() {
        let limits = |deadline_base_ms, fuel_base| Limits {
            deadline_base_ms,
            fuel_base,
            ..Limits::default()
        };
        let seconds = |limits: Limits| work_max(limits.applying(1)).as_secs();
        assert_eq!(seconds(Limits::default()), 2);
        assert_eq!(seconds(limits(0, 40_000_000_000)), 100);
        assert_eq!(seconds(limits(1_000, 0)), 10);
        assert!(seconds(limits(u64::MAX, u64::MAX)) > 100);
    }
}
