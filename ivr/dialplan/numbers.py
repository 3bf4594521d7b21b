"""The telephone numbers that a line is reached by."""

import phonenumbers

# Not one of them can be a support line; phonenumbers does not know 118 (the coast guard).
_EMERGENCY = frozenset({"110", "118", "119"})


def e164(text: str) -> str:
    """A Japanese number in any usual spelling -> "+815031859080". ValueError says what is wrong with it."""
    wrong = f'"{text}" is no Japanese telephone number; write it with its area code, like 050-3185-9080'
    try:
        number = phonenumbers.parse(text, "JP")
    except phonenumbers.NumberParseException:
        raise ValueError(wrong) from None
    if str(number.national_number) in _EMERGENCY:
        raise ValueError(f'"{text}" is an emergency number')
    if number.country_code != 81 or number.extension or not phonenumbers.is_valid_number(number):
        raise ValueError(wrong)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
