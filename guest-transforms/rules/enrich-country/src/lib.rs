//! The name of each country code, from the dimension `countries`.

use gristmill_guest::{Batch, Field, Join, NoConfig, Output, Plan, Transform};

gristmill_guest::transform!(EnrichCountry);

struct EnrichCountry;

impl Transform for EnrichCountry {
    type Config = NoConfig;

    fn open(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }

    /// The codes themselves stay with the host, which does the lookup.
    fn plan(&self) -> Plan {
        Plan::new()
            .join(Join::new("countries", "country_code").take(Field::text("country_name")))
            .write(Field::text("country_name"))
    }

    /// The names that the host found are the answer: null where no country has the code.
    fn apply(&self, batch: &Batch) -> Output {
        Output::new().column("country_name", batch.column("country_name").clone())
    }
}
