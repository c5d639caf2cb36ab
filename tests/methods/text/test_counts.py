from evergrow.methods.text.counts import counted


def test_one_is_told_apart_from_any_other_number() -> None:
    assert [counted(n, "rows") for n in (0, 1, 2, 1000)] == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert [counted(n, "leaves stay", "leaf stays") for n in (1, 2)] == ["1 leaf stays", "2 leaves stay"]
