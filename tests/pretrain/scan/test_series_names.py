from collections import Counter

import pytest

from selip_pretrain.scan.sequence_rules import read_rules
from tests.pretrain.scan.series_names import MANUFACTURERS, decision, read_table

RULES = read_rules()


def test_the_table_is_large_and_has_all_vendors() -> None:
    names = read_table()
    assert len(set(names)) == len(names) >= 600
    assert min(Counter(name.vendor for name in names).values()) >= 10
    assert min(Counter(name.expected for name in names).values()) >= 10


@pytest.mark.parametrize("vendor", MANUFACTURERS)
def test_series_as_scanners_name_them(vendor: str) -> None:
    names = [name for name in read_table() if name.vendor == vendor]
    wrong = [(name, found) for name in names if (found := decision(RULES, name)) != name.expected]
    assert not wrong
