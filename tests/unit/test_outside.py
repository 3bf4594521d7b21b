"""Which telephones outside are ever dialled; the numbers and their kinds are those of facts on Japan."""

import pytest

from ivr.outside import Outside, Way, to_ring_back

RUNG_BACK = {
    "09012345678": "+819012345678",
    "9012345678": "+819012345678",  # as one types it who was told "+81 without the leading zero"
    "819012345678": "+819012345678",
    "010819012345678": "+819012345678",
    "18409012345678": "+819012345678",  # caller ID off
    "1860312345678": "+81312345678",
    "0312345678": "+81312345678",
    "0112001234": "+81112001234",
    "05031859080": "+815031859080",
    "06012345678": "+816012345678",
}
NEVER = [
    "110", "118", "119",  # emergency
    "104", "117", "177", "0990123456", "0180123456",  # services
    "0570012345",  # navi-dial: dear
    "0120123456", "08001234567",  # nobody is rung back at a company's toll-free number
    "02012345678",  # machines and pagers
    "01012125551234", "+12125551234", "0033101212555", "12125551234",  # abroad
    "00345090123456", "0312345", "0123", "1", "", "07001234567", "06001234567", "*67#",
]  # fmt: skip


@pytest.mark.parametrize(("typed", "number"), RUNG_BACK.items())
def test_a_person_can_be_rung_back(typed: str, number: str) -> None:
    assert to_ring_back(typed) == number
    assert to_ring_back(number) == number


@pytest.mark.parametrize("typed", NEVER)
def test_nobody_is_rung_back(typed: str) -> None:
    assert to_ring_back(typed) is None


def test_no_number_is_not_rung_back() -> None:
    assert to_ring_back(None) is None


OPERATOR = Outside(("03-1234-5678", "050-3185-*", "+81 120-123-*"), "PJSIP/{number}@trunk")


@pytest.mark.parametrize(
    ("number", "endpoint"),
    [
        ("+81312345678", "PJSIP/0312345678@trunk"),
        ("+815031859080", "PJSIP/05031859080@trunk"),
        ("+81120123456", "PJSIP/0120123456@trunk"),
        ("+81312345679", None),
        ("+819012345678", None),
    ],
)
def test_calls_are_transferred_only_to_what_the_operator_lists(number: str, endpoint: str | None) -> None:
    assert OPERATOR.of_transfer(number) == (Way(endpoint, "") if endpoint else None)
    refusal = OPERATOR.refusal(number)
    assert refusal is None if endpoint else refusal is not None and "IVR_TRANSFERS" in refusal


@pytest.mark.parametrize("number", ["+81110", "+81119", "+81990123456", "+81570012345", "+12125551234"])
def test_some_are_never_dialled_whatever_the_operator_lists(number: str) -> None:
    everything = Outside(("0*", "1*", number, "110", "119", "0990*", "0570*", "+1*"), "PJSIP/{number}@trunk")
    assert everything.of_transfer(number) is None
    assert everything.of_transfer("+81312345678") == Way("PJSIP/0312345678@trunk", "")


def test_without_a_way_out_nothing_is_dialled() -> None:
    nowhere = Outside(("03-1234-5678",))
    assert nowhere.of_transfer("+81312345678") is None
    assert "IVR_OUTBOUND" in str(nowhere.refusal("+81312345678"))
    assert Outside((), "PJSIP/{number}@trunk").of_transfer("+81312345678") is None


def test_without_a_dial_string_it_goes_over_the_trunk_of_the_number_that_was_called() -> None:
    hikari = Way("PJSIP/0312345678@trunk.hikari", "05031859080", "trunk.hikari", 2)
    ways = {("+81312345678", "+815031859080"): hikari}
    outside = Outside(("03-1234-5678",), way=lambda number, ours: ways.get((number, ours), "nowhere"))
    assert outside.refusal("+81312345678") is None
    assert outside.of_transfer("+81312345678", "+815031859080") == hikari
    assert outside.of_transfer("+81312345678") is None
    assert outside.of_transfer("+81312345679", "+815031859080") is None


@pytest.mark.parametrize(
    ("number", "way"),
    [
        ("+819012345678", Way("PJSIP/09012345678@trunk", "05031859080")),
        ("+81312345678", Way("PJSIP/0312345678@trunk", "05031859080")),
        ("+81120123456", "never"),  # toll-free: nobody's telephone
        ("+81570012345", "never"),
        ("+81990123456", "never"),
        ("+81110", "never"),
        ("+12125551234", "never"),
        ("09012345678", "never"),
    ],
)
def test_people_are_rung_whatever_may_be_transferred_to(number: str, way: Way | str) -> None:
    assert Outside((), "PJSIP/{number}@trunk").to_person(number, "+815031859080") == way
    assert Outside(("0*",)).to_person(number, "+815031859080") == ("nowhere" if isinstance(way, Way) else way)
