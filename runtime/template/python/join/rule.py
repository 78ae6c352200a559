"""What to call each country: its name and its code. Replace it by your rule."""

from typing import NamedTuple

from gristmill import join, rule


class Input(NamedTuple):
    country_code: str | None


@join("countries", on="country_code")
class Country(NamedTuple):
    country_name: str | None


class Output(NamedTuple):
    country_label: str | None


@rule()
def label(row: Input, country: Country) -> Output:
    if country.country_name is None:
        return Output(country_label=row.country_code)
    return Output(country_label=f"{country.country_name} ({row.country_code})")
