"""A package is not there."""

from typing import NamedTuple

import pandas

from gristmill import rule
