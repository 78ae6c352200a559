"""A row that cannot be used."""


class Reject(Exception):
    """Raised for a row that becomes a dead letter.

    `code` is one of those that the rule declares, `message` one sentence for a person: what is
    wrong with which value.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
