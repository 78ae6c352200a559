"""The name of each country code, from the dimension countries."""

from typing import NamedTuple

from gristmill import join, rule


@join("countries", on="country_code")
class Country(NamedTuple):
    country_name: str | None


class Output(NamedTuple):
    country_name: str | None


@rule()
def enrich_country(country: Country) -> Output:
    return Output(country_name=country.country_name)
