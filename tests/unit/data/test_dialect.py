import csv

import pytest

from lichen.core.errors import InvalidInput
from lichen.data.dialect import sniff


@pytest.mark.parametrize(
    ("text", "separator", "decimal"),
    [
        ("time,load\n2026-01-01,1.5\n", ",", "."),
        ("time;load\n2026-01-01;1,5\n", ";", ","),
        ("time;load\n2026-01-01;1.5\n", ";", "."),
        ("time\tload\n2026-01-01\t1,5\n", "\t", ","),
        ("time|load\n2026-01-01|1\n", "|", "."),
        ('time,name\n2026-01-01,"a;b;c"\n2026-01-02,"d;e;f"\n', ",", "."),
        ("load\n1\n2\n", ",", "."),
    ],
)
def test_separator_and_decimal_sign_are_found(text: str, separator: str, decimal: str) -> None:
    dialect = sniff(text, "f.csv", None, None)
    assert (dialect.separator, dialect.decimal) == (separator, decimal)


def test_what_the_caller_says_goes_first() -> None:
    dialect = sniff("a;b\n1;2\n", "f.csv", "tab", ",")
    assert (dialect.separator, dialect.decimal, dialect.header) == ("\t", ",", ("a;b",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (" \n\n", "is empty"),
        ("time,load\n", "a header and no rows"),
        ("2026-01-01,5\n2026-01-02,6\n", "values, not column names"),
        ("time,load\n" + "9" * 2_000_000 + ",1\n", "are no CSV"),
        ("time,load,load\n1,2,3\n", r"two columns 'load' \(columns 2, 3\)"),
    ],
)
def test_a_header_that_does_not_name_columns_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        sniff(text, "f.csv", None, None)


@pytest.mark.parametrize(("separator", "decimal"), [(",,", None), (None, "'")])
def test_unknown_options_are_refused(separator: str | None, decimal: str | None) -> None:
    with pytest.raises(InvalidInput):
        sniff("a,b\n1,2\n", "f.csv", separator, decimal)


def test_other_readers_of_csv_keep_their_limit_of_a_cell() -> None:
    before = csv.field_size_limit()
    sniff(f"text,x\n{'a' * (before + 1)},1\n", "long.csv", None, None)
    assert csv.field_size_limit() == before
