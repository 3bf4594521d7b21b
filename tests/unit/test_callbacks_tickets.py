from ivr.callbacks import tickets


def test_a_ticket_is_seven_digits_that_do_not_start_with_zero() -> None:
    for _ in range(200):
        ticket = tickets.new()
        assert len(ticket) == 7 and ticket.isdigit() and ticket[0] != "0"
        assert tickets.check(ticket)


def test_the_check_digit_is_damms() -> None:
    # the example of the literature: 572 has the check digit 4
    assert tickets.check("1000000") is False
    assert tickets._check_digit("572") == "4"
    assert tickets._check_digit("5724") == "0"


def test_every_wrong_digit_and_every_swap_of_neighbours_is_found() -> None:
    for _ in range(50):
        ticket = tickets.new()
        for place, right in enumerate(ticket):
            for wrong in "0123456789":
                if wrong != right:
                    assert not tickets.check(ticket[:place] + wrong + ticket[place + 1 :])
            swapped = ticket[:place] + ticket[place : place + 2][::-1] + ticket[place + 2 :]
            if swapped != ticket:
                assert not tickets.check(swapped)


def test_what_is_no_ticket_is_refused() -> None:
    for text in ("", "123", "12345a7", "1234567", "１２３４５６７", " ", "572", "5724"):
        assert not tickets.check(text)


def test_tickets_come_in_no_order_and_hardly_twice() -> None:
    drawn = [tickets.new() for _ in range(200)]
    assert drawn != sorted(drawn)
    assert len(set(drawn)) > 190


def test_after_many_collisions_tickets_grow() -> None:
    assert [len(tickets.new(tries)) for tries in (0, 7, 8, 16)] == [7, 7, 9, 11]
    assert tickets.check(tickets.new(8))
