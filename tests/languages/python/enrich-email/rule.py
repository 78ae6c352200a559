"""The domain of each e-mail address, and whether it is a company's."""

from dataclasses import dataclass, field
from typing import NamedTuple

from gristmill import rule


class Input(NamedTuple):
    email: str | None


class Output(NamedTuple):
    email_domain: str | None
    is_corporate: bool


def companies() -> list[str]:
    return ["contoso.com", "autodesk.com", "company.com"]


@dataclass
class Config:
    corporate_domains: list[str] = field(default_factory=companies)

    def __post_init__(self) -> None:
        self.known = {ascii_lower(domain) for domain in self.corporate_domains}


def ascii_lower(text: str) -> str:
    """Domains compare without regard to ASCII case, and to no other."""
    return text.encode().lower().decode()


@rule()
def enrich_email(row: Input, config: Config) -> Output:
    before, at, domain = (row.email or "").rpartition("@")
    if not at or not domain:
        return Output(email_domain=None, is_corporate=False)
    return Output(email_domain=domain, is_corporate=ascii_lower(domain) in config.known)
