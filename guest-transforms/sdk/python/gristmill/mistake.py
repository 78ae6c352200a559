"""What an author has to change before the rule can run."""


class Mistake(Exception):
    """A sentence that says what is wrong with the rule's source, and what would do."""
