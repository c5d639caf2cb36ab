from evergrow.methods.by_identity import MOST, by_identity


def test_each_object_has_a_result_of_its_own_however_many_there_are() -> None:
    @by_identity
    def named(thing: dict[str, int]) -> int:
        return thing["name"]

    # Objects that are gone leave their place in memory to others, which must not get their results.
    assert [named({"name": number}) for number in range(3 * MOST)] == list(range(3 * MOST))


def test_a_result_is_made_once_for_an_object_and_again_for_an_equal_one() -> None:
    @by_identity
    def copied(things: list[int]) -> list[int]:
        return list(things)

    first, second = [1, 2], [1, 2]

    assert copied(first) is copied(first)
    assert copied(second) == copied(first)
    assert copied(second) is not copied(first)
