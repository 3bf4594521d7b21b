"""Ways between steps, with types of step that have nothing but ways."""

from typing import ClassVar

from ivr.dialplan import graph
from ivr.dialplan.model import Step


class Way(Step):
    """`alone` is taken without the caller's doing, `by_key` is not."""

    type: str = "way"
    alone: tuple[str, ...] = ()
    by_key: tuple[str, ...] = ()

    def exits(self) -> dict[str, str]:
        ways = {f"alone.{name}": name for name in self.alone}
        return ways | {f"keys.{name}": name for name in self.by_key}

    def caller_exits(self) -> frozenset[str]:
        return frozenset(f"keys.{name}" for name in self.by_key)


class Person(Way):
    serves: ClassVar[bool] = True


def test_a_circle_by_key_is_the_callers_doing() -> None:
    assert graph.circles({"a": Way(by_key=("b",)), "b": Way(alone=("a",))}) == []


def test_each_circle_is_said_once_by_its_shortest_way() -> None:
    steps = {
        "start": Way(alone=("a", "x")),
        "a": Way(alone=("b", "c")),
        "b": Way(alone=("c",)),
        "c": Way(alone=("a",)),
        "x": Way(alone=("x",)),
    }
    assert graph.circles(steps) == [["a", "c"], ["x"]]


def test_who_can_only_go_round_by_key_is_never_served() -> None:
    steps = {
        "start": Way(by_key=("person", "a")),
        "person": Person(),
        "a": Way(by_key=("b",)),
        "b": Way(by_key=("a",)),
        "elsewhere": Way(by_key=("elsewhere",)),
    }
    assert graph.never_served(steps, "start") == ["a", "b"]
    assert graph.unreachable(steps, "start") == ["elsewhere"]


def test_a_dead_end_that_does_not_serve_is_found() -> None:
    steps = {"start": Way(alone=("end",)), "end": Way()}
    assert graph.never_served(steps, "start") == ["start", "end"]
    assert graph.cut_off(steps) == [("start", "alone.end")]
