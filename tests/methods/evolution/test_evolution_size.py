from evergrow.methods.evolution.evolution_size import RoundSize, round_sizes


def test_the_papers_run_is_as_large_as_the_paper_says() -> None:
    """5,000 seeds, K = 3: 15k, 45k and 135k children at most; with the beam of 75 % fewer (method.md E.1)."""
    assert [size.children for size in round_sizes(5000, 3, 1.0, 1, 3)] == [15_000, 45_000, 135_000]
    assert [size.children for size in round_sizes(5000, 3, 0.75, 1, 3)] == [15_000, 33_750, 75_939]


def test_a_run_that_goes_on_starts_from_the_parents_that_it_has() -> None:
    assert round_sizes(7, 2, 0.5, 2, 3) == [RoundSize(2, 7, 14, 14), RoundSize(3, 7, 14, 14)]


def test_no_round_is_left_after_the_last() -> None:
    assert round_sizes(5, 3, 0.75, 4, 3) == []


def test_children_that_are_not_written_or_not_scored_have_no_children() -> None:
    sizes = round_sizes(10, 4, 0.5, 1, 2, written=0.9, scored=0.5)

    assert sizes == [RoundSize(1, 10, 40, 36), RoundSize(2, 9, 36, 33)]
