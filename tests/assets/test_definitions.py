"""What the UI shows of the platform before anything is made: one graph, each part of it told in words."""

import dagster as dg
import pytest

from evergrow.assets.definitions import build_definitions
from evergrow.assets.names import SAMPLES, SEEDS
from evergrow.resources.settings import load_settings
from tests.conftest import FakeEndpoint
from tests.platform import Platform


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGROW_HOME", str(tmp_path_factory.mktemp("definitions") / "home"))
        return build_definitions(load_settings({}))


def test_what_grows_and_what_is_released_is_one_graph(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    grown = {key for key in graph.get_all_asset_keys() if key.path[0] in ("treesynth", "evolution", "dataset")}
    reached, waiting = set(), [SEEDS]
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += [*(graph.get(key).parent_keys & grown), *(graph.get(key).child_keys & grown)]

    assert reached == grown
    assert SAMPLES in graph.get(SEEDS).parent_keys
    assert len({graph.get(key).group_name for key in grown if key.path[0] == "treesynth"}) == 1


def test_assets_jobs_sensors_and_checks_say_what_they_do(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    said = {key.to_user_string(): graph.get(key).description for key in graph.get_all_asset_keys()}
    said |= {key.to_user_string(): graph.get_check_spec(key).description for key in graph.asset_check_keys}
    said |= {job.name: job.description for job in definitions.jobs or ()}
    said |= {sensor.name: sensor.description for sensor in definitions.sensors or ()}

    assert [name for name, words in said.items() if not words or len(words.split()) < 3] == []
    assert all(graph.get(key).owners for key in graph.get_all_asset_keys())


def test_seeds_are_made_where_no_tree_is(fake_endpoint: FakeEndpoint) -> None:
    platform = Platform(dg.DagsterInstance.ephemeral(), {})
    platform.register("b", 2)

    assert platform.run("seeds", "b") == ""
    assert platform.due(SEEDS, "b") is None
