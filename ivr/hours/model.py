"""One calendar as it stands under `hours:` in a dialplan."""

from difflib import get_close_matches
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, field_validator, model_validator

from ivr.hours.text import (
    EVERY,
    HOLIDAY,
    WeekDay,
    is_of_month,
    is_yearly,
    plain,
    read_date,
    read_dated,
    read_exception,
    read_intervals,
    read_of_month,
    read_week_days,
    read_yearly,
)


def _weekdays(text: str) -> str:
    read_week_days(text)
    return text


def _intervals(text: str) -> str:
    read_intervals(text)
    return text


def _closed_days(text: str) -> str:
    if is_yearly(text):
        read_yearly(text)
    elif is_of_month(text):
        read_of_month(text)
    else:
        read_dated(text)
    return text


def _reason(text: str) -> str:
    if not text.strip():
        raise ValueError("a closed day needs its reason, for callers hear it; write it like 年末年始休業")
    return text.strip()


def _date(text: str) -> str:
    read_date(text)
    return text


def _exception(text: str) -> str:
    read_exception(text)
    return text


class HoursModel(BaseModel):
    """The mapping as text: YAML gives every scalar as a string, and `ivr.hours.text` reads them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    zone: str
    """time zone, like `Asia/Tokyo`"""
    weekly: dict[Annotated[str, AfterValidator(_weekdays)], Annotated[str, AfterValidator(_intervals)]]
    """weekdays -> opening times: `月-金: "10:00-17:00"`, `mon-fri`, `月,水,金`; a lunch break: `"10:00-12:00,
    13:00-17:00"`; a night: `"22:00-26:00"`. `祝日` (`holiday`): public holidays have hours of their own, with
    `holidays: JP`. `第3土曜`, `第2・第4土曜`, `最終金曜` (`3rd sat`, `last fri`): on these, other times than on
    that weekday"""
    holidays: str | None = None
    """`JP`: closed on the public holidays of Japan, 振替休日 and 国民の休日 among them, unless `weekly` has a row
    `祝日`"""
    closed: dict[Annotated[str, AfterValidator(_closed_days)], Annotated[str, AfterValidator(_reason)]] = {}
    """company days and their reason, which callers hear: `"12/29-1/3": 年末年始休業`, `"2027-08-13 -
    2027-08-15": 夏季休業`, every month `第3水曜: 定休日`"""
    exceptions: dict[Annotated[str, AfterValidator(_date)], Annotated[str, AfterValidator(_exception)]] = {}
    """single dates, with other times or closed: `"2026-12-28": "10:00-15:00"`, `"2026-09-01": closed 台風`."""

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, LookupError):
            near = get_close_matches(zone, available_timezones(), n=1)
            hint = f'did you mean "{near[0]}"?' if near else "write it like Asia/Tokyo"
            raise ValueError(f'unknown time zone "{zone}"; {hint}') from None
        return zone

    @field_validator("holidays")
    @classmethod
    def _holidays_known(cls, country: str | None) -> str | None:
        if country is None or plain(country).lower() == "none":
            return None
        if plain(country).upper() != "JP":
            raise ValueError(f'public holidays of "{country}" are not known; write JP, or none')
        return "JP"

    @field_validator("weekly")
    @classmethod
    def _each_weekday_once(cls, weekly: dict[str, str]) -> dict[str, str]:
        seen: dict[WeekDay, str] = {}
        for key in weekly:
            for day in read_week_days(key):
                if day in seen:
                    name = key if day[0] else "月火水木金土日祝"[day[1]]
                    raise ValueError(
                        f'{name} is given twice, in "{seen[day]}" and in "{key}"; '
                        "write all times of a weekday in one place"
                    )
                seen[day] = key
        return weekly

    @model_validator(mode="after")
    def _which_holidays(self) -> Self:
        if self.holidays is None:
            for key in self.weekly:
                if (EVERY, HOLIDAY) in read_week_days(key):
                    raise ValueError(f'weekly has a row "{key}", so it needs holidays: JP')
        return self

    @field_validator("exceptions")
    @classmethod
    def _each_date_once(cls, exceptions: dict[str, str]) -> dict[str, str]:
        if len({read_date(key) for key in exceptions}) < len(exceptions):
            raise ValueError("a date is given twice; write each date once")
        return exceptions
