//! The currency and the time zone of each country code, from the dimension `locales`.
//!
//! They are reference data: they change with the world and not with the rule, and which zone stands
//! for a country of several is a choice. So they come from a file that a pipeline can replace, not
//! from the component.

use gristmill_guest::{Batch, Field, Join, NoConfig, Output, Plan, Transform};

gristmill_guest::transform!(EnrichLocale);

struct EnrichLocale;

/// An ISO 4217 code, and the name of a zone in the IANA database.
const COLUMNS: [&str; 2] = ["currency", "time_zone"];

impl Transform for EnrichLocale {
    type Config = NoConfig;

    fn open(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }

    fn plan(&self) -> Plan {
        let [currency, time_zone] = COLUMNS.map(Field::text);
        let locale = Join::new("locales", "country_code");
        Plan::new()
            .join(locale.take(currency.clone()).take(time_zone.clone()))
            .write(currency)
            .write(time_zone)
    }

    /// What the host found is the answer: null where no country has the code, or a country has
    /// none.
    fn apply(&self, batch: &Batch) -> Output {
        COLUMNS.into_iter().fold(Output::new(), |output, name| {
            output.column(name, batch.column(name).clone())
        })
    }
}
