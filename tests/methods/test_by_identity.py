from evergrow.methods.by_identity import MOST, by_identity


def test_each_object_has_a_result_of_its_own_however_many_there_are() -> None:
    named = by_identity(lambda thing: thing["name"])

    # Objects that are gone leave their place in memory to others, which must not get their results.
    assert [named({"name": number}) for number in range(3 * MOST)] == list(range(3 * MOST))


def test_a_result_is_made_once_for_an_object_and_again_for_an_equal_one() -> None:
    asked: list[int] = []
    length = by_identity(lambda things: asked.append(1) or len(things))
    first, second = [1, 2], [1, 2]

    assert [length(first), length(first), length(second)] == [2, 2, 2]
    assert len(asked) == 2
